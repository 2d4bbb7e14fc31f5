//! Proxies that forward requests to the portal and are not declared: seen by the portal's processes, told by `doctor`.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::clock::Timestamp;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

/// Of either kind so many are remembered: the last ones.
const REMEMBERED_MAX: u32 = 8;

/// Where a request came from that says it was forwarded, and by nobody who is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UndeclaredProxy {
    /// An address that no visitor from the internet has: a proxy of one's own.
    Own(IpAddr),
    /// A network (/24, /64). Anybody can write a proxy's headers: it may be a visitor, whose address is not kept.
    Public(IpNet),
}

impl UndeclaredProxy {
    #[must_use]
    pub const fn is_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    /// As it is recorded: an address, or a network, which alone has a slash.
    fn of_record(recorded: &str) -> Result<Self, StoreError> {
        let own = recorded.parse().map(Self::Own);
        own.or_else(|_| recorded.parse().map(Self::Public))
            .map_err(|_| StoreError::Bug(format!("{recorded:?} is no address and no network")))
    }

    fn to_record(self) -> String {
        match self {
            Self::Own(address) => address.to_string(),
            Self::Public(network) => network.to_string(),
        }
    }

    /// Whether one of these proxies is it. Of a network that is wider than theirs it may be: if it is not, it is seen again.
    fn is_among(self, trusted: &[IpNet]) -> bool {
        trusted.iter().any(|trusted| match self {
            Self::Own(address) => trusted.contains(&address),
            Self::Public(network) => trusted.contains(&network) || network.contains(trusted),
        })
    }
}

impl fmt::Display for UndeclaredProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(address) => address.fmt(f),
            Self::Public(network) => write!(f, "somebody in the network {network}"),
        }
    }
}

impl Store {
    /// Remembers one. One of one's own is not displaced by public ones, which may be anybody.
    pub async fn record_undeclared_proxy(&self, proxy: UndeclaredProxy) -> Result<(), StoreError> {
        let mut connection = self.write().await?;
        sql("INSERT INTO portal_forwarder (address, is_own, seen_at) VALUES ($1, $2, $3)
            ON CONFLICT (address) DO UPDATE SET seen_at = excluded.seen_at")
        .bind(proxy.to_record())
        .bind(proxy.is_own())
        .bind(self.now())
        .run(&mut connection)
        .await?;
        sql("DELETE FROM portal_forwarder WHERE is_own = $1 AND address NOT IN (
                SELECT address FROM portal_forwarder WHERE is_own = $1 ORDER BY seen_at DESC, address LIMIT $2)")
        .bind(proxy.is_own())
        .bind(REMEMBERED_MAX)
        .run(&mut connection)
        .await?;
        Ok(())
    }

    /// The last ones, those of one's own first, and when each was last seen.
    pub async fn undeclared_proxies(&self) -> Result<Vec<(UndeclaredProxy, Timestamp)>, StoreError> {
        sql("SELECT address, seen_at FROM portal_forwarder ORDER BY is_own DESC, seen_at DESC, address")
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(|row| Ok((UndeclaredProxy::of_record(&row.get::<String>("address")?)?, row.get("seen_at")?)))
            .collect()
    }

    /// Forgets those that are declared by now.
    pub async fn forget_declared_proxies(&self, trusted: &[IpNet]) -> Result<(), StoreError> {
        for (proxy, seen_at) in self.undeclared_proxies().await? {
            if proxy.is_among(trusted) {
                sql("DELETE FROM portal_forwarder WHERE address = $1 AND seen_at = $2")
                    .bind(proxy.to_record())
                    .bind(seen_at)
                    .run(&mut self.write().await?)
                    .await?;
            }
        }
        Ok(())
    }

    /// Forgets those that were last seen before `before`.
    pub async fn purge_undeclared_proxies(&self, before: Timestamp) -> Result<u64, StoreError> {
        sql("DELETE FROM portal_forwarder WHERE seen_at < $1").bind(before).run(&mut self.write().await?).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> UndeclaredProxy {
        UndeclaredProxy::Own(text.parse().expect("an address"))
    }

    fn public(text: &str) -> UndeclaredProxy {
        UndeclaredProxy::Public(text.parse().expect("a network"))
    }

    #[test]
    fn what_is_recorded_is_read_again() {
        for proxy in [own("10.0.0.2"), own("fd00::1"), public("203.0.113.0/24"), public("2001:db8:1:2::/64")] {
            assert_eq!(UndeclaredProxy::of_record(&proxy.to_record()).expect("it is one"), proxy);
        }
        assert!(UndeclaredProxy::of_record("somewhere").is_err());
    }

    #[test]
    fn a_proxy_that_was_declared_is_known() {
        let trusted = ["10.0.0.0/24", "203.0.113.9/32", "2001:db8::/32"].map(|text| text.parse().expect("a network"));
        for declared in [own("10.0.0.2"), public("203.0.113.0/24"), public("2001:db8:1:2::/64")] {
            assert!(declared.is_among(&trusted), "{declared}");
        }
        for other in [own("10.0.1.2"), own("fd00::1"), public("198.51.100.0/24"), public("2001:db9::/64")] {
            assert!(!other.is_among(&trusted) && !other.is_among(&[]), "{other}");
        }
    }
}
