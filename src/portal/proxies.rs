//! Notices proxies that forward requests and are not declared: behind one, all visitors look like one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::Portal;
use crate::store::UndeclaredProxy;
use crate::web::Peer;

/// Each process writes down at most one of either kind in this time.
const NOTICED_EVERY: Duration = Duration::from_mins(10);

/// When a process has noticed a public one last, and one of its own, in milliseconds since 1970. Strangers who write a
/// proxy's headers do not hide a proxy.
#[derive(Debug, Clone)]
pub(super) struct LastNoticed(Arc<[AtomicI64; 2]>);

impl Default for LastNoticed {
    fn default() -> Self {
        Self(Arc::new([AtomicI64::new(i64::MIN), AtomicI64::new(i64::MIN)]))
    }
}

impl LastNoticed {
    /// Whether one that is seen at `now` is to be written down.
    fn is_due(&self, now: i64, is_local: bool) -> bool {
        let every = i64::try_from(NOTICED_EVERY.as_millis()).expect("ten minutes are a few milliseconds");
        let noticed = &self.0[usize::from(is_local)];
        let last = noticed.load(Ordering::Relaxed);
        now.saturating_sub(last) >= every
            && noticed.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// What may be written down of who forwarded a request: a public address may be a visitor's.
fn forwarder(peer: Peer) -> UndeclaredProxy {
    if peer.is_local() {
        UndeclaredProxy::Own(peer.address())
    } else {
        UndeclaredProxy::Public(peer.network().to_string())
    }
}

/// Writes down a proxy that is not among the trusted ones; the request goes on.
pub(super) async fn notice(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(connected)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        let peer = Peer::new(connected.ip(), request.headers(), &portal.config.http.trusted_proxies);
        if peer.is_forwarded_by_stranger() && portal.last_noticed.is_due(portal.store.now().0, peer.is_local()) {
            let proxy = forwarder(peer);
            tracing::warn!(
                "a request to the portal was forwarded by {proxy}, which TRUSTED_PROXIES does not name: all visitors \
                 behind that proxy share its limits and locks"
            );
            if let Err(error) = portal.store.record_undeclared_proxy(&proxy).await {
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
        assert!(last.is_due(0, true));
        assert!(!last.is_due(0, true) && !last.is_due(9 * minute, true));
        assert!(last.is_due(10 * minute, true) && !last.is_due(11 * minute, true));
    }

    #[test]
    fn a_stranger_does_not_hide_a_proxy() {
        let last = LastNoticed::default();
        assert!(last.is_due(0, false) && !last.is_due(0, false));
        assert!(last.is_due(0, true));
    }

    #[test]
    fn a_public_address_is_not_written_down() {
        let of = |address: &str| {
            let address = address.parse().expect("an address");
            forwarder(Peer::new(address, &axum::http::HeaderMap::new(), &[])).to_string()
        };
        assert_eq!(of("10.0.0.2"), "10.0.0.2");
        assert_eq!(of("203.0.113.9"), "somebody in the network 203.0.113.0/24");
        assert_eq!(of("2001:db8:1:2:3::4"), "somebody in the network 2001:db8:1:2::/64");
    }
}
