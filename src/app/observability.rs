//! Probes and metrics of one process, from before it has met its database until its drain is over.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use super::zero;
use crate::config::Config;
use crate::lifecycle::{Liveness, Readiness, drained_within};
use crate::telemetry::Metrics;
use crate::web::{HostAllowList, Limits, Probes, observability_router, serve_within};

/// How long who reads probes and metrics at the very end may take.
const LAST_READERS: Duration = Duration::from_millis(500);

/// What watches one process.
#[derive(Debug)]
pub struct Observability {
    /// What the probes look at.
    pub probes: Probes,
    /// The drain is over: only now its health is no longer reported.
    drained: CancellationToken,
    /// What is served until then.
    watched: TaskTracker,
}

impl Observability {
    /// Serves `/metrics` and the probes of a process whose loops beat in `liveness`.
    ///
    /// # Errors
    /// If nothing can listen there.
    pub async fn serve(config: &Config, liveness: Liveness) -> anyhow::Result<Self> {
        let probes = Probes { liveness, readiness: Readiness::new() };
        let (drained, watched) = (CancellationToken::new(), TaskTracker::new());
        let listen = config.metrics.listen;
        let metrics = Metrics::install();
        zero::start_counters(config.relays.keys());
        let router = HostAllowList::for_metrics(listen).guard(observability_router(metrics.clone(), probes.clone()));
        let listener = bind("metrics", "METRICS_LISTEN", listen).await?;
        let limits = Limits::behind(&config.http.trusted_proxies);
        watched.spawn(serve_within(limits, listener, router, drained.clone(), LAST_READERS));
        watched.spawn(metrics.keep_up(drained.clone()));
        Ok(Self { probes, drained, watched })
    }

    /// Keeps up to date what is shown, until the end.
    pub(super) fn keep<F>(&self, keep: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.watched.spawn(keep(self.drained.clone()));
    }

    /// Ends; who is reading may finish.
    pub(super) async fn end(self) {
        self.drained.cancel();
        let _ = drained_within(&self.watched, LAST_READERS * 2).await;
    }
}

/// Listens on a configured address.
pub(super) async fn bind(what: &str, variable: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("the {what} cannot listen on {address}; set {variable} to a free address, or end what uses it")
    })?;
    info!("{what} on http://{}", listener.local_addr().unwrap_or(address));
    Ok(listener)
}
