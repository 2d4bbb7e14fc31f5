//! How many connections a listener takes, and how long each may take.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::deadlines::HttpDeadlines;

/// The most connections of customers at once: at 64 KiB of unsent answer each, as much memory as a small machine can spare.
const CUSTOMERS_MAX: usize = 2_000;

/// What bounds the connections of one listener. A process has three listeners and, where its limit cannot be raised,
/// 1,024 open files.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once.
    pub(super) connections_max: usize,
    /// Connections beyond those: they are for probes, and everything else that comes by them is turned away.
    pub(super) probes_max: usize,
    /// Connections of one peer's address.
    pub(super) per_peer_max: usize,
    /// Peers that may have all: a proxy brings the connections of many clients, on this machine or where it is trusted.
    pub(super) exempt: Vec<IpNet>,
    /// Connections at once from which on each ends with its answer: one kept for later must not keep others
    /// out.
    pub(super) crowded_from: usize,
    /// How long a connection has waited at least before it makes room for a new one.
    pub(super) evicted_after: Duration,
    /// The same for a connection beyond [`Limits::connections_max`].
    pub(super) probe_evicted_after: Duration,
    /// How long a client may take.
    pub(super) deadlines: HttpDeadlines,
    /// The same on a connection for probes.
    pub(super) probe_deadlines: HttpDeadlines,
    /// What the system may hold of an answer that the client has not taken, in bytes, where it does not choose itself.
    pub(super) send_buffer_bytes: Option<usize>,
    /// What is answered on a connection for probes to everything else, by its target and headers.
    pub(super) refusal: fn(&Uri, &HeaderMap) -> Response,
}

impl Limits {
    /// The limits of a listener that these proxies stand before.
    #[must_use]
    pub fn behind(proxies: &[IpNet]) -> Self {
        let loopback = [
            IpNet::V4(Ipv4Net::new_assert([127, 0, 0, 0].into(), 8)),
            IpNet::V6(Ipv6Net::new_assert([0, 0, 0, 0, 0, 0, 0, 1].into(), 128)),
        ];
        Self {
            connections_max: 200,
            probes_max: 24,
            per_peer_max: 50,
            exempt: loopback.into_iter().chain(proxies.iter().copied()).collect(),
            crowded_from: 150,
            // A client on a busy machine or a slow line needs a while from connecting to its request.
            evicted_after: Duration::from_secs(3),
            probe_evicted_after: Duration::from_millis(100),
            deadlines: HttpDeadlines::DEFAULT,
            probe_deadlines: HttpDeadlines::PROBE,
            send_buffer_bytes: None,
            refusal: come_again,
        }
    }

    /// The same for customers, who come in crowds and download files over slow lines: who takes 1 kB a second is not cut
    /// off, and keeps its connection for minutes. The process may have `open_files` at once; a quarter of them may be such
    /// connections. No probes come here: what is beyond them has the time of a visitor to ask, and to read that it is
    /// crowded.
    ///
    /// The system would let its buffer grow to megabytes, and then show nothing of what such a client takes for a quarter
    /// of an hour. (Linux makes it twice as large as asked for, and counts its own records in it.)
    #[must_use]
    pub fn for_customers(self, open_files: u64) -> Self {
        let connections_max =
            usize::try_from(open_files / 4).map_or(CUSTOMERS_MAX, |quarter| quarter.min(CUSTOMERS_MAX));
        Self {
            connections_max: connections_max.max(self.connections_max),
            probe_evicted_after: self.evicted_after,
            crowded_from: connections_max.max(self.connections_max) / 4 * 3,
            deadlines: HttpDeadlines::SLOW_READERS,
            send_buffer_bytes: Some(64 << 10),
            ..self
        }
    }

    /// The same for a listener that turns requests away by another answer.
    #[must_use]
    pub fn refusing_with(self, refusal: fn(&Uri, &HeaderMap) -> Response) -> Self {
        Self { refusal, ..self }
    }

    /// What counts as one peer: an IPv4 address, or the network of an IPv6 one, which its holder has all addresses of.
    /// None for who may have as many connections as there are.
    pub(super) fn bounded_peer(&self, peer: IpAddr) -> Option<IpNet> {
        let peer = peer.to_canonical();
        if self.exempt.iter().any(|network| network.contains(&peer)) {
            return None;
        }
        let prefix = if peer.is_ipv4() { 32 } else { 64 };
        IpNet::new(peer, prefix).ok().map(|network| network.trunc())
    }
}

fn come_again(_: &Uri, _: &HeaderMap) -> Response {
    let problem = r#"{"type":"urn:invoice-dispatcher:problem:too-many-connections","title":"too many connections","status":503,"detail":"all connections are at work; send this again a little later"}"#;
    let mut answer = Response::new(Body::from(problem));
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

impl Default for Limits {
    fn default() -> Self {
        Self::behind(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_come_in_crowds_where_the_system_allows() {
        let limits = |open_files| Limits::default().for_customers(open_files);
        let connections = |open_files| (limits(open_files).connections_max, limits(open_files).crowded_from);
        assert_eq!(connections(512), (200, 150));
        assert_eq!(connections(1_024), (256, 192));
        assert_eq!(connections(65_536), (2_000, 1_500));
    }

    #[test]
    fn a_peer_is_an_address_or_a_network_of_its_own() {
        let limits = Limits::behind(&["10.0.0.0/24".parse().expect("a network")]);
        let peer = |text: &str| limits.bounded_peer(text.parse().expect("an address")).map(|peer| peer.to_string());
        for free in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "10.0.0.7", "::ffff:10.0.0.7"] {
            assert_eq!(peer(free), None, "{free}");
        }
        assert_eq!(peer("10.0.1.7").as_deref(), Some("10.0.1.7/32"));
        assert_eq!(peer("::ffff:203.0.113.9").as_deref(), Some("203.0.113.9/32"));
        assert_eq!(peer("2001:db8:1:2:3::4").as_deref(), Some("2001:db8:1:2::/64"));
    }
}
