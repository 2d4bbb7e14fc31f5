//! Notices proxies that forward requests and are not declared: behind one, all visitors look like one.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use parking_lot::Mutex;

use super::Portal;
use crate::clock::Timestamp;
use crate::store::UndeclaredProxy;
use crate::web::Peer;

/// Each process writes one down at most once in this time …
const NOTICED_EVERY: Duration = Duration::from_mins(10);
/// … and so many of either kind.
const NOTICED_MAX: usize = 8;

/// Those that a process has noticed lately, and when: of one's own, and public ones. Strangers who write a proxy's headers do
/// not hide a proxy, and no proxy hides another.
#[derive(Debug, Clone, Default)]
pub(super) struct LastNoticed(Arc<Mutex<[HashMap<UndeclaredProxy, Timestamp>; 2]>>);

impl LastNoticed {
    /// Whether one that is seen at `now` is to be written down.
    fn is_due(&self, proxy: UndeclaredProxy, now: Timestamp) -> bool {
        let noticed = &mut self.0.lock()[usize::from(proxy.is_own())];
        noticed.retain(|_, at| now.since(*at) < NOTICED_EVERY);
        if noticed.contains_key(&proxy) || noticed.len() >= NOTICED_MAX {
            return false;
        }
        noticed.insert(proxy, now);
        true
    }
}

/// What may be written down of who forwarded a request: a public address may be a visitor's.
fn forwarder(peer: Peer) -> UndeclaredProxy {
    if peer.is_local() { UndeclaredProxy::Own(peer.address()) } else { UndeclaredProxy::Public(peer.network().into()) }
}

impl Portal {
    /// Those that are declared by now are told of no longer.
    pub async fn forget_declared_proxies(&self) {
        if let Err(error) = self.store.forget_declared_proxies(&self.config.http.trusted_proxies).await {
            tracing::debug!("failed to forget proxies that are declared by now: {error}");
        }
    }
}

/// Writes down a proxy that is not among the trusted ones; the request goes on.
pub(super) async fn notice(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(connected)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        let peer = Peer::new(connected.ip(), request.headers(), &portal.config.http.trusted_proxies);
        let proxy = forwarder(peer);
        if peer.is_forwarded_by_stranger() && portal.last_noticed.is_due(proxy, portal.store.now()) {
            tracing::warn!(
                "a request to the portal was forwarded by {proxy}, which TRUSTED_PROXIES does not name: all visitors \
                 behind that proxy share its limits and locks"
            );
            if let Err(error) = portal.store.record_undeclared_proxy(proxy).await {
                tracing::debug!("failed to remember a proxy: {error}");
            }
        }
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(address: &str) -> UndeclaredProxy {
        let address = address.parse().expect("an address");
        forwarder(Peer::new(address, &axum::http::HeaderMap::new(), &[]))
    }

    #[test]
    fn each_is_written_down_once_in_ten_minutes() {
        let last = LastNoticed::default();
        let is_due = |address: &str, minute: i64| last.is_due(seen(address), Timestamp(minute * 60_000));
        assert!(is_due("10.0.0.1", 0));
        assert!(!is_due("10.0.0.1", 0) && !is_due("10.0.0.1", 9));
        assert!(is_due("10.0.0.1", 10) && !is_due("10.0.0.1", 11));
        assert!(is_due("10.0.0.2", 11), "one of one's own does not hide another");
        assert!(is_due("203.0.113.9", 11) && !is_due("203.0.113.10", 11), "of one network");
    }

    #[test]
    fn strangers_hide_no_proxy_and_fill_no_log() {
        let last = LastNoticed::default();
        let is_due = |address: String, minute: i64| last.is_due(seen(&address), Timestamp(minute * 60_000));
        let noticed = |minute| (0..100).filter(|n| is_due(format!("203.0.{n}.1"), minute)).count();
        assert_eq!((noticed(0), noticed(5)), (NOTICED_MAX, 0));
        assert!(is_due("10.0.0.1".to_owned(), 5));
        assert_eq!(noticed(10), NOTICED_MAX);
    }

    #[test]
    fn a_public_address_is_not_written_down() {
        assert_eq!(seen("10.0.0.2").to_string(), "10.0.0.2");
        assert_eq!(seen("100.64.0.2").to_string(), "100.64.0.2");
        assert_eq!(seen("203.0.113.9").to_string(), "somebody in the network 203.0.113.0/24");
        assert_eq!(seen("2001:db8:1:2:3::4").to_string(), "somebody in the network 2001:db8:1:2::/64");
    }
}
