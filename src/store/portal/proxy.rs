//! A proxy that forwards requests to the portal and is not declared: seen by the portal's process, told by `doctor`.

use std::fmt;
use std::net::IpAddr;

use crate::clock::Timestamp;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

/// Where a request came from that says it was forwarded, and by nobody who is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndeclaredProxy {
    /// An address that no visitor from the internet has: a proxy of one's own.
    Own(IpAddr),
    /// A network (/24, /64). Anybody can write a proxy's headers: it may be a visitor, whose address is not kept.
    Public(String),
}

impl UndeclaredProxy {
    /// As it is recorded: an address, or a network, which alone has a slash.
    fn of_record(recorded: String) -> Self {
        match recorded.parse::<IpAddr>() {
            Ok(address) => Self::Own(address),
            Err(_) => Self::Public(recorded),
        }
    }

    fn to_record(&self) -> String {
        match self {
            Self::Own(address) => address.to_string(),
            Self::Public(network) => network.clone(),
        }
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
    /// Remembers the last one. One of one's own is not displaced by a public one, which may be anybody.
    pub async fn record_undeclared_proxy(&self, proxy: &UndeclaredProxy) -> Result<(), StoreError> {
        sql("INSERT INTO portal_undeclared_proxy (only_one, address, seen_at) VALUES (TRUE, $1, $2)
            ON CONFLICT (only_one) DO UPDATE SET address = excluded.address, seen_at = excluded.seen_at
            WHERE excluded.address NOT LIKE '%/%' OR portal_undeclared_proxy.address LIKE '%/%'")
        .bind(proxy.to_record())
        .bind(self.now())
        .run(&mut self.write().await?)
        .await?;
        Ok(())
    }

    /// The last one, and when it was seen.
    pub async fn undeclared_proxy(&self) -> Result<Option<(UndeclaredProxy, Timestamp)>, StoreError> {
        let row = sql("SELECT address, seen_at FROM portal_undeclared_proxy").optional(&mut self.read().await?).await?;
        row.map(|row| Ok((UndeclaredProxy::of_record(row.get("address")?), row.get("seen_at")?))).transpose()
    }

    /// Forgets it if it was seen before `before`.
    pub async fn purge_undeclared_proxy(&self, before: Timestamp) -> Result<u64, StoreError> {
        sql("DELETE FROM portal_undeclared_proxy WHERE seen_at < $1").bind(before).run(&mut self.write().await?).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_read_again() {
        for proxy in [
            UndeclaredProxy::Own(IpAddr::from([10, 0, 0, 2])),
            UndeclaredProxy::Own(IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, 1])),
            UndeclaredProxy::Public("203.0.113.0/24".to_owned()),
            UndeclaredProxy::Public("2001:db8:1:2::/64".to_owned()),
        ] {
            assert_eq!(UndeclaredProxy::of_record(proxy.to_record()), proxy);
        }
    }
}
