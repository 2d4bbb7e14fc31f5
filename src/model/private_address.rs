//! Which addresses no packet of the internet has.

use std::net::{IpAddr, Ipv4Addr};

/// Whether `address` is reached within a private network only: [RFC 1918], [RFC 6598] (100.64.0.0/10), [RFC 4193] (ULA),
/// and link-local ones. `address` is not an IPv4 address in IPv6 clothes.
///
/// [RFC 1918]: https://www.rfc-editor.org/rfc/rfc1918
/// [RFC 6598]: https://www.rfc-editor.org/rfc/rfc6598
/// [RFC 4193]: https://www.rfc-editor.org/rfc/rfc4193
#[must_use]
pub const fn is_private_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local() || is_shared(address),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}

const fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && second & 0b1100_0000 == 64
}
