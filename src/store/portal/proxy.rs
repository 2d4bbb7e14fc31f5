//! A proxy that forwards requests to the portal and is not declared: seen by the portal's process, told by `doctor`.

use std::net::IpAddr;

use crate::clock::Timestamp;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

impl Store {
    /// Remembers the address of the last one.
    pub async fn record_undeclared_proxy(&self, address: IpAddr) -> Result<(), StoreError> {
        sql("INSERT INTO portal_undeclared_proxy (only_one, address, seen_at) VALUES (TRUE, $1, $2)
            ON CONFLICT (only_one) DO UPDATE SET address = excluded.address, seen_at = excluded.seen_at")
        .bind(address.to_string())
        .bind(self.now())
        .run(&mut self.write().await?)
        .await?;
        Ok(())
    }

    /// The last one, and when it was seen.
    pub async fn undeclared_proxy(&self) -> Result<Option<(String, Timestamp)>, StoreError> {
        let row = sql("SELECT address, seen_at FROM portal_undeclared_proxy").optional(&mut self.read().await?).await?;
        row.map(|row| Ok((row.get("address")?, row.get("seen_at")?))).transpose()
    }

    /// Forgets it if it was seen before `before`.
    pub async fn purge_undeclared_proxy(&self, before: Timestamp) -> Result<u64, StoreError> {
        sql("DELETE FROM portal_undeclared_proxy WHERE seen_at < $1").bind(before).run(&mut self.write().await?).await
    }
}
