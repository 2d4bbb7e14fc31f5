//! `run`: everything that one process does, side by side, until it is told to stop.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::gauges::Gauges;
use super::listeners::{EarlyListener, Listeners};
use super::{App, Observability, Roles, zero};
use crate::api;
use crate::broker::{Consumer, ConsumerStatus, Mirror, Outcomes};
use crate::console::{self, Console};
use crate::dispatch::LAST_STEPS;
use crate::lifecycle::{IntakeReadiness as Intaking, Readiness, drained_within, keep_running, raise_open_files};
use crate::model::ids::RelayName;
use crate::portal;
use crate::store::StoreError;
use crate::web::{HostAllowList, Limits, serve_within};

/// How long requests that are under way may take when the process ends.
const REQUEST_GRACE: Duration = Duration::from_secs(5);

/// How often templates are noted as in use; a day would do.
const TEMPLATES_TOLD: Duration = Duration::from_hours(1);

/// How often secrets of operators are looked through for older keys.
const SEALED_LOOK: Duration = Duration::from_hours(1);

/// How often the database is asked whether it answers, for readiness.
const DATABASE_LOOK: Duration = Duration::from_secs(5);

/// A database that has not answered by then counts as away. A statement that does work may take longer; this one does
/// none, so that a silent database is seen within 12 s.
const DATABASE_ANSWER: Duration = Duration::from_secs(7);

/// One process at work.
pub struct Service {
    app: App,
    /// The same, for HTTP requests.
    visitors: App,
    roles: Roles,
    observability: Observability,
    listeners: Listeners,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Service {
    /// A process with these roles, which is watched so and ends when `stop` is cancelled.
    #[must_use]
    pub fn new(
        app: App,
        roles: Roles,
        observability: Observability,
        listeners: Listeners,
        stop: CancellationToken,
    ) -> Self {
        let app = App { liveness: observability.probes.liveness.clone(), ..app };
        let visitors = app.for_visitors();
        Self { app, visitors, roles, observability, listeners, stop, tasks: TaskTracker::new() }
    }

    /// Runs until told to stop, then drains: within `worker.shutdown_grace` and [`LAST_STEPS`], whatever does not
    /// answer. Probes and metrics are served until then; `/readyz` says from the beginning of the drain that the
    /// process ends.
    ///
    /// # Errors
    /// If something cannot be used as configured: a relay, the broker's address.
    pub async fn run(mut self) -> anyhow::Result<()> {
        self.keep_gauges().await;
        if let Some(listener) = self.listeners.console.take() {
            self.tasks.spawn(keep_sealed(self.app.console(), self.stop.clone()));
            self.serve_console(listener);
        }
        if let Some(listener) = self.listeners.portal.take() {
            let limits = self.limits().for_customers(raise_open_files()).refusing_with(portal::refuse_crowded);
            let router = self.portal().await;
            self.serve(listener, router, limits);
        }
        let draining = self.watch_for_the_end();
        self.tasks.spawn(keep_templates(self.app.clone(), self.stop.clone()));
        let (app, readiness, stop) = (self.app.clone(), self.observability.probes.readiness.clone(), self.stop.clone());
        let has_worker = self.roles.worker;
        self.tasks.spawn(async move {
            keep_running("watch of the database", || watch_database(&app, has_worker, &readiness, &stop)).await;
        });
        let mut sent = Ok(());
        if self.roles.worker {
            self.start_broker()?;
            sent = self.send().await;
        } else {
            self.stop.cancelled().await;
        }
        let began = draining.await?;
        let end = began + self.app.config.worker.shutdown_grace + LAST_STEPS;
        if let Err(left) = drained_within(&self.tasks, end.saturating_duration_since(Instant::now())).await {
            warn!("ended before {left} tasks had: they took longer than worker.shutdown_grace");
        } else if sent.is_ok() {
            info!("ended in order");
        }
        self.observability.end().await;
        sent
    }

    /// Notes when the drain begins, and has `/readyz` say so at once.
    fn watch_for_the_end(&self) -> JoinHandle<Instant> {
        let (readiness, stop) = (self.observability.probes.readiness.clone(), self.stop.clone());
        tokio::spawn(async move {
            stop.cancelled().await;
            readiness.draining();
            Instant::now()
        })
    }

    async fn send(&self) -> anyhow::Result<()> {
        if self.app.config.relays.is_empty() {
            warn!("no relay is configured, so nothing is sent; set SMTP_URL");
            self.app.sweep(self.stop.clone()).await;
            return Ok(());
        }
        let sending = self.app.send(self.stop.clone()).await;
        // Whatever ended it, the rest of the process ends too.
        self.stop.cancel();
        Ok(sending?)
    }

    /// Reads the gauges, and goes on to: before anything says that the process is ready, so that what waits for that
    /// finds every metric.
    async fn keep_gauges(&self) {
        let relays: BTreeSet<RelayName> = self.app.config.relays.keys().cloned().collect();
        if self.roles.worker {
            zero::start_gauges_of_worker(&relays);
        }
        let mut gauges = Gauges::new(self.app.store.clone(), self.app.config.broker.url.is_some(), relays);
        // A database that has fallen silent since the first contact is waited for elsewhere.
        let _ = timeout(DATABASE_ANSWER, gauges.refresh()).await;
        self.observability.keep(|end| gauges.keep(end));
    }

    /// Serves API and pages; and writes what people tried in vain, until the last request is answered.
    fn serve_console(&self, listener: EarlyListener) {
        let pages = self.app.for_visitors().console();
        let router = self.console(pages.clone());
        let serving = serve_within(self.limits(), listener.ready(), router, self.stop.clone(), REQUEST_GRACE);
        self.tasks.spawn(async move {
            let served = CancellationToken::new();
            let serving = async {
                serving.await;
                served.cancel();
            };
            let keeping = keep_running("sign-in journal", || pages.keep_sign_in_journal(served.clone()));
            tokio::join!(serving, keeping);
        });
    }

    fn console(&self, pages: Console) -> Router {
        let config = &self.app.config.console;
        api::router_beside(console::router(pages), self.visitors.api(), self.observability.probes.clone(), config)
    }

    async fn portal(&self) -> Router {
        let config = &self.app.config.portal;
        let hosts = HostAllowList::new(config.listen, [config.url.host()]);
        let pages = self.app.for_visitors().portal();
        pages.forget_declared_proxies().await;
        hosts.guard(portal::router(pages))
    }

    fn limits(&self) -> Limits {
        Limits::behind(&self.app.config.http.trusted_proxies)
    }

    fn serve(&self, listener: EarlyListener, router: Router, limits: Limits) {
        self.tasks.spawn(serve_within(limits, listener.ready(), router, self.stop.clone(), REQUEST_GRACE));
    }

    /// Takes events from RabbitMQ, mirrors dead letters to it, and publishes outcomes where that is wanted.
    fn start_broker(&self) -> anyhow::Result<()> {
        let config = &self.app.config.broker;
        let Some((url, topology)) = super::broker(config)? else { return Ok(()) };
        let (app, stop, readiness) = (self.app.clone(), self.stop.clone(), self.observability.probes.readiness.clone());
        let (clock, prefetch, publishes_outcomes) =
            (app.store.clock().clone(), config.prefetch, config.publishes_outcomes());
        let at = move || (url.clone(), topology.clone());
        self.tasks.spawn({
            let (app, stop, at, clock) = (app.clone(), stop.clone(), at.clone(), clock.clone());
            async move {
                keep_running("consumer", || {
                    let (url, topology) = at();
                    let consumer = Consumer::new(url, topology, app.intake.clone(), clock.clone())
                        .with_prefetch(prefetch)
                        .with_pulse(app.liveness.pulse("consumer"));
                    let watching = watch_consumer(consumer.status(), readiness.clone(), stop.clone());
                    // The watch ends with the consumer, whose status it is.
                    let running = consumer.run(stop.clone());
                    Box::pin(async move { tokio::join!(running, watching).0 })
                })
                .await;
            }
        });
        if publishes_outcomes {
            let source = app.config.portal.url.as_str().trim_end_matches('/').to_owned();
            let (store, stop, at, clock) = (app.store.clone(), stop.clone(), at.clone(), clock.clone());
            self.tasks.spawn(async move {
                keep_running("outcomes", || {
                    let (url, topology) = at();
                    Outcomes::new(url, topology, source.clone(), store.clone(), clock.clone()).run(stop.clone())
                })
                .await;
            });
        }
        self.tasks.spawn(async move {
            keep_running("mirror", || {
                let (url, topology) = at();
                Box::pin(Mirror::new(url, topology, app.store.clone(), clock.clone()).run(stop.clone()))
            })
            .await;
        });
        Ok(())
    }
}

async fn watch_consumer(
    mut status: tokio::sync::watch::Receiver<ConsumerStatus>,
    readiness: Readiness,
    stop: CancellationToken,
) {
    loop {
        readiness.intake(match status.borrow_and_update().clone() {
            ConsumerStatus::Consuming => Intaking::Consuming,
            ConsumerStatus::Reconnecting { reason } => Intaking::Broken(reason),
            ConsumerStatus::Hindered { reason } => Intaking::Hindered(reason),
            ConsumerStatus::PausedForDatabase => Intaking::Paused("the database does not answer".to_owned()),
        });
        match stop.run_until_cancelled(status.changed()).await {
            Some(Ok(())) => {}
            Some(Err(_)) | None => return,
        }
    }
}

/// Tells again and again which templates are in use: also a process that sends nothing takes events in with them.
async fn keep_templates(app: App, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(TEMPLATES_TOLD)).await.is_some() {
        if let Err(error) = app.announce_templates().await {
            warn!("failed to record which templates are in use: {error}");
        }
    }
}

/// Encrypts operators' secrets by the newest key: at the start, which is when a new one comes, and again for what a process
/// with older keys has written since.
async fn keep_sealed(console: Console, stop: CancellationToken) {
    loop {
        match console.reseal().await {
            Ok(0) => {}
            Ok(number) => info!("secrets of operators' authenticator apps encrypted by the newest key: {number}"),
            Err(error) => warn!("failed to encrypt operators' secrets by the newest key; it is tried again: {error}"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(SEALED_LOOK)).await.is_none() {
            return;
        }
    }
}

/// Sees whether the database answers. A worker takes its time from it at each heartbeat; a process without one does so here,
/// so that locks and codes of the portal end at the same moment in all of them.
async fn watch_database(app: &App, has_worker: bool, readiness: &Readiness, stop: &CancellationToken) {
    let look = async || {
        app.store.answers().await?;
        if !has_worker {
            app.store.align_clock().await?;
        }
        Ok::<(), StoreError>(())
    };
    loop {
        let answer = match timeout(DATABASE_ANSWER, look()).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("it has not answered for {} s", DATABASE_ANSWER.as_secs())),
        };
        readiness.database(answer);
        if stop.run_until_cancelled(tokio::time::sleep(DATABASE_LOOK)).await.is_none() {
            return;
        }
    }
}
