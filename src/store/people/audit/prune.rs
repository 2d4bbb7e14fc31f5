//! What the audit log forgets by itself: entries from the front, and the networks of clients.

use tracing::warn;

use super::chain::{ChainedEntry, checkpoint_hmac};
use super::head::LockedHead;
use super::proof::read_chained;
use crate::clock::Timestamp;
use crate::secrets::AuditKeys;
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;

impl Store {
    /// Deletes up to `limit` of the oldest entries, if they are from before `before`, and records where it has cut: what
    /// is left is proven from there on.
    ///
    /// It cuts at an entry that proves its own time. Whoever makes entries older by hand would otherwise have them deleted,
    /// and the cut signed. What stands before that entry is older still, whatever became of it.
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
        let keys = on.audit_keys.clone();
        // Times rise with the numbers.
        let rows = sql("SELECT * FROM (SELECT * FROM audit_entry ORDER BY sequence LIMIT $2) AS oldest
            WHERE at < $1 ORDER BY sequence DESC")
        .bind(before)
        .bind(limit)
        .all(on)
        .await?;
        let Some((last, hash)) = last_proven(&rows, &keys)? else {
            if !rows.is_empty() {
                warn!(
                    "entries of the audit log are old and not what was written, so they are kept; see `doctor --audit`"
                );
            }
            return Ok(0);
        };
        let ChainedEntry { sequence, at, .. } = last;
        let deleted = sql("DELETE FROM audit_entry WHERE sequence <= $1").bind(sequence).run(on).await?;
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

/// The first of these entries that is what was written.
fn last_proven(newest_first: &[Row], keys: &AuditKeys) -> Result<Option<(ChainedEntry, Sha256)>, StoreError> {
    for row in newest_first {
        let (entry, hash): (ChainedEntry, Sha256) = (read_chained(row)?, row.get("hash")?);
        if keys.by_fingerprint(&entry.key).is_some_and(|key| entry.hash(key) == hash) {
            return Ok(Some((entry, hash)));
        }
    }
    Ok(None)
}
