//! Whose request it is: the client's address, also where it comes by way of proxies.
//!
//! A proxy appends the address that it was asked from to `X-Forwarded-For`; whatever stands to the left of that, the
//! client may have written itself. So the list is read from the right, and only as far as each address that vouches for
//! the next is a proxy of ours. `Forwarded` ([RFC 7239]) is not read: a proxy that only knows `X-Forwarded-For` passes a
//! client's own `Forwarded` on.
//!
//! [RFC 7239]: https://www.rfc-editor.org/rfc/rfc7239

use std::fmt;
use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::model::private_address::is_private_address;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What proxies add to a request; a client that comes directly has none of them.
const FORWARDING: [&str; 4] = ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host"];

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    address: IpAddr,
    is_forwarded_by_stranger: bool,
}

impl Peer {
    /// The client of a request that arrived from `connected`, where the proxies in `trusted` are believed.
    #[must_use]
    pub fn new(connected: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
        let mut address = connected.to_canonical();
        if !is_trusted(address) {
            return Self { address, is_forwarded_by_stranger: is_forwarded(headers) };
        }
        let lists = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let entries = lists.flat_map(|list| list.to_str().unwrap_or("?").rsplit(','));
        for entry in entries {
            // What is no address ends the list: nothing to the left of it is vouched for.
            let Some(before) = forwarded_address(entry) else { break };
            address = before;
            if !is_trusted(address) {
                break;
            }
        }
        Self { address, is_forwarded_by_stranger: false }
    }

    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// The network that its holder has whole, or shares with few: /24 of an IPv4 address, /64 of an IPv6 one.
    #[must_use]
    pub fn network(self) -> PeerNetwork {
        let prefix = if self.address.is_ipv4() { 24 } else { 64 };
        PeerNetwork(IpNet::new(self.address, prefix).expect("both prefixes are within their address").trunc())
    }

    /// Whether the address is private ([`is_private_address`]) or loopback, as that of a proxy of one's own is. Nobody comes
    /// from there by way of the internet.
    #[must_use]
    pub const fn is_local(self) -> bool {
        self.address.is_loopback() || is_private_address(self.address)
    }

    /// Whether the request came by way of a proxy that is not among the trusted ones: then all its clients look like one.
    #[must_use]
    pub const fn is_forwarded_by_stranger(self) -> bool {
        self.is_forwarded_by_stranger
    }
}

/// The network of a client, as it is counted and recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerNetwork(IpNet);

impl From<PeerNetwork> for IpNet {
    fn from(network: PeerNetwork) -> Self {
        network.0
    }
}

impl fmt::Display for PeerNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether a proxy passed the request on, as far as its headers say.
#[must_use]
pub fn is_forwarded(headers: &HeaderMap) -> bool {
    FORWARDING.iter().any(|name| headers.contains_key(*name))
}

/// An entry of the list: an address, with a port at some proxies.
fn forwarded_address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(entry, |(address, _)| address);
    let address =
        bare.parse::<IpAddr>().ok().or_else(|| entry.parse().ok().map(|socket: std::net::SocketAddr| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn peer(connected: &str, lists: &[&str]) -> String {
        let trusted: Vec<IpNet> =
            ["10.0.0.0/8", "2001:db8:f::/48"].iter().map(|text| text.parse().expect("a network")).collect();
        let mut headers = HeaderMap::new();
        for list in lists {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(list.as_bytes()).expect("a value"));
        }
        Peer::new(connected.parse().expect("an address"), &headers, &trusted).address().to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let cases: [(&str, &[&str], &str); 13] = [
            // Directly.
            ("203.0.113.9", &[], "203.0.113.9"),
            ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("::ffff:203.0.113.9", &[], "203.0.113.9"),
            // By one proxy, by two, and what a client wrote itself before them.
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1", "10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["192.0.2.77, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("2001:db8:f::1", &["2001:db8:1::7"], "2001:db8:1::7"),
            // With ports.
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8:1::7]:4711"], "2001:db8:1::7"),
            // Nothing, or no address: the last that is vouched for.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ];
        for (connected, lists, expected) in cases {
            assert_eq!(peer(connected, lists), expected, "{connected} {lists:?}");
        }
    }

    #[test]
    fn a_proxy_that_is_not_trusted_is_noticed() {
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_static("198.51.100.1"));
        let connected = "192.0.2.1".parse().expect("an address");
        assert!(Peer::new(connected, &headers, &[]).is_forwarded_by_stranger());
        assert!(
            !Peer::new(connected, &headers, &["192.0.2.0/24".parse().expect("a network")]).is_forwarded_by_stranger()
        );
        assert!(!Peer::new(connected, &HeaderMap::new(), &[]).is_forwarded_by_stranger());
    }

    #[test]
    fn an_address_of_ones_own_is_told_from_a_public_one() {
        let is_local = |text: &str| Peer::new(text.parse().expect("an address"), &HeaderMap::new(), &[]).is_local();
        for local in [
            "10.0.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "::ffff:100.64.0.1",
            "::1",
            "fd12:3456::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_local(local), "{local}");
        }
        for public in [
            "203.0.113.9",
            "172.32.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "2001:db8::1",
            "::ffff:203.0.113.9",
            "2002:0a00:0001::1",
        ] {
            assert!(!is_local(public), "{public}");
        }
    }

    #[test]
    fn a_network_is_what_a_holder_has() {
        let network =
            |text: &str| Peer::new(text.parse().expect("an address"), &HeaderMap::new(), &[]).network().to_string();
        assert_eq!(network("203.0.113.9"), "203.0.113.0/24");
        assert_eq!(network("::ffff:203.0.113.9"), "203.0.113.0/24");
        assert_eq!(network("2001:db8:1:2:3::4"), "2001:db8:1:2::/64");
    }
}
