//! Notices proxies that forward requests and are not declared: behind one, all visitors look like one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::Portal;
use crate::web::Peer;

/// Each process writes down at most one in this time.
const NOTICED_EVERY: Duration = Duration::from_mins(10);

/// When a process has noticed one last, in milliseconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct LastNoticed(Arc<AtomicI64>);

impl Default for LastNoticed {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MIN)))
    }
}

impl LastNoticed {
    /// Whether one that is seen at `now` is to be written down.
    fn is_due(&self, now: i64) -> bool {
        let every = i64::try_from(NOTICED_EVERY.as_millis()).expect("ten minutes are a few milliseconds");
        let last = self.0.load(Ordering::Relaxed);
        now.saturating_sub(last) >= every
            && self.0.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Writes down a proxy that is not among the trusted ones; the request goes on.
pub(super) async fn notice(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(connected)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        let peer = Peer::new(connected.ip(), request.headers(), &portal.config.http.trusted_proxies);
        if peer.is_forwarded_by_stranger() && portal.last_noticed.is_due(portal.store.now().0) {
            let address = peer.address();
            tracing::warn!(
                "a request to the portal was forwarded by {address}, which TRUSTED_PROXIES does not name: all visitors \
                 behind it share its limits and locks"
            );
            if let Err(error) = portal.store.record_undeclared_proxy(address).await {
                tracing::debug!("failed to remember a proxy: {error}");
            }
        }
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_ten_minutes_is_written_down() {
        let last = LastNoticed::default();
        let minute = 60_000;
        assert!(last.is_due(0));
        assert!(!last.is_due(0) && !last.is_due(9 * minute));
        assert!(last.is_due(10 * minute) && !last.is_due(11 * minute));
    }
}
