//! What the audit log forgets by itself: entries from the front, and the networks of clients.

use super::chain::checkpoint_hmac;
use super::head::LockedHead;
use crate::clock::Timestamp;
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

impl Store {
    /// Deletes up to `limit` of the oldest entries, if they are from before `before`, and records where it has cut: what
    /// is left is proven from there on.
    pub async fn prune_audit(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let oldest =
            sql("SELECT at FROM audit_entry ORDER BY sequence LIMIT 1").optional(&mut self.read().await?).await?;
        let Some(oldest) = oldest else { return Ok(0) };
        if oldest.get::<Timestamp>("at")? >= before {
            return Ok(0);
        }
        let now = self.now();
        let mut transaction = self.begin().await?;
        let on = &mut transaction;
        // Two processes that prune wait for each other.
        LockedHead::take(on).await?;
        // Times rise with the numbers.
        let last = sql("SELECT sequence, at, hash
            FROM (SELECT sequence, at, hash FROM audit_entry ORDER BY sequence LIMIT $2) AS oldest
            WHERE at < $1 ORDER BY sequence DESC LIMIT 1")
        .bind(before)
        .bind(limit)
        .optional(on)
        .await?;
        let Some(last) = last else { return Ok(0) };
        let (sequence, at, hash): (i64, Timestamp, Sha256) =
            (last.get("sequence")?, last.get("at")?, last.get("hash")?);
        let deleted = sql("DELETE FROM audit_entry WHERE sequence <= $1").bind(sequence).run(on).await?;
        let keys = on.audit_keys.clone();
        let key = keys.newest();
        sql("INSERT INTO audit_checkpoint (id, sequence, at, hash, recorded_at, key, hmac)
            VALUES (1, $1, $2, $3, $4, $5, $6)
            ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, at = excluded.at, hash = excluded.hash,
                   recorded_at = excluded.recorded_at, key = excluded.key, hmac = excluded.hmac")
        .bind(sequence)
        .bind(at)
        .bind(hash)
        .bind(now)
        .bind(key.fingerprint())
        .bind(checkpoint_hmac(key, sequence, at, hash))
        .run(on)
        .await?;
        transaction.commit().await?;
        Ok(deleted)
    }

    /// Deletes the networks of up to `limit` entries from before `before`.
    pub async fn purge_audit_networks(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        sql("DELETE FROM audit_network WHERE sequence IN (
                SELECT audit_network.sequence
                FROM audit_network JOIN audit_entry ON audit_entry.sequence = audit_network.sequence
                WHERE audit_entry.at < $1 ORDER BY audit_network.sequence LIMIT $2)")
        .bind(before)
        .bind(limit)
        .run(&mut self.write().await?)
        .await
    }
}
