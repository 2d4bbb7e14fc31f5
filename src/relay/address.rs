//! Which addresses a relay without TLS may have.

use std::net::IpAddr;

use super::Security;
use crate::model::private_address::is_private_address;

/// Whether a connection without the protection of TLS may go to `address`. What `localhost` or another name means is what
/// the resolver says it is at that moment, so the address counts, not the name.
pub(super) fn is_allowed(security: Security, address: IpAddr) -> bool {
    let address = address.to_canonical();
    match security {
        Security::Plain => address.is_loopback(),
        Security::PrivatePlain => address.is_loopback() || is_private_address(address),
        Security::StartTls | Security::ImplicitTls => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tls_mail_stays_on_this_machine_or_in_a_private_network() {
        let private = [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "::ffff:100.64.0.1",
        ];
        let open = [
            "8.8.8.8",
            "172.15.255.255",
            "172.32.0.1",
            "192.169.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "2001:db8::1",
            "2a00:1450::1",
            "::",
            "ff02::1",
            "::ffff:8.8.8.8",
            // NAT64 and 6to4 lead wherever they lead.
            "64:ff9b::10.0.0.1",
            "2002:0a00:0001::1",
        ];
        let allowed = |security, address: &str| is_allowed(security, address.parse().expect("an address"));
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(allowed(Security::Plain, address) && allowed(Security::PrivatePlain, address), "{address}");
        }
        for address in private {
            assert!(!allowed(Security::Plain, address) && allowed(Security::PrivatePlain, address), "{address}");
        }
        for address in open {
            assert!(!allowed(Security::Plain, address) && !allowed(Security::PrivatePlain, address), "{address}");
            assert!(allowed(Security::ImplicitTls, address), "{address}");
        }
    }
}
