//! The dead letters as the broker's mirror needs them ([`crate::broker`]).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::model::ids::DeadLetterId;
use crate::model::incoming::IntakeUnavailable;
use crate::model::outbox::{DeadLetterOutbox, PendingDeadLetter};
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::db::value::{Row, Value};
use crate::store::dead_letter::list::dead_letter_columns;

/// The lease of the one worker that keeps the mirror.
const MIRROR: &str = "mirror";

/// Bytes of the dead letters that are published in one step, give or take the last one.
const PUBLISH_BYTES_MAX: i64 = 1 << 20;

impl DeadLetterOutbox for Store {
    async fn hold_mirror_lease(&self, lease: Duration) -> Result<bool, IntakeUnavailable> {
        Ok(self.hold_lease(MIRROR, lease).await?)
    }

    async fn release_mirror_lease(&self) -> Result<(), IntakeUnavailable> {
        Ok(self.release_lease(MIRROR).await?)
    }

    async fn next_to_publish(&self, limit: usize) -> Result<Vec<PendingDeadLetter>, IntakeUnavailable> {
        // One of them at least, and no more than fit: a body may have 1 MiB. Which fit is found out without the bodies:
        // SQLite would gather all of them in this process.
        let letters = sql(concat!(
            "WITH pending AS (
                SELECT dead_letter.id, COALESCE(octet_length(dead_letter.body), octet_length(event.body), 0) AS size
                FROM dead_letter LEFT JOIN event ON event.key = dead_letter.event_key
                WHERE dead_letter.mirror = 'pending' ORDER BY dead_letter.id LIMIT $1),
            sized AS (
                SELECT id, SUM(size) OVER (
                    ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
                FROM pending)
            SELECT ",
            dead_letter_columns!(),
            ", COALESCE(dead_letter.body, event.body) AS bytes
            FROM sized JOIN dead_letter ON dead_letter.id = sized.id
                 LEFT JOIN event ON event.key = dead_letter.event_key
            WHERE COALESCE(sized.bytes_before, 0) < $2 ORDER BY dead_letter.id"
        ))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(PUBLISH_BYTES_MAX)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(read_pending)
        .collect::<Result<_, _>>()?;
        Ok(letters)
    }

    async fn still_open(&self, ids: &[DeadLetterId]) -> Result<HashMap<DeadLetterId, Timestamp>, IntakeUnavailable> {
        Ok(self.known_letters(ids, true).await?)
    }

    async fn concluded(&self, ids: &[DeadLetterId]) -> Result<HashSet<DeadLetterId>, IntakeUnavailable> {
        Ok(self.known_letters(ids, false).await?.into_keys().collect())
    }

    async fn mark_published(&self, ids: &[DeadLetterId]) -> Result<(), IntakeUnavailable> {
        sql("WITH {rows} UPDATE dead_letter SET mirror = 'published'
            WHERE id IN (SELECT id FROM rows) AND mirror = 'pending'")
        .rows("id uuid", rows(ids))
        .run(&mut self.write().await?)
        .await?;
        Ok(())
    }

    async fn mark_removed(&self, ids: &[DeadLetterId]) -> Result<(), IntakeUnavailable> {
        sql("WITH {rows} UPDATE dead_letter SET mirror = 'removed'
            WHERE id IN (SELECT id FROM rows) AND state <> 'open'")
        .rows("id uuid", rows(ids))
        .run(&mut self.write().await?)
        .await?;
        Ok(())
    }

    async fn to_remove(&self) -> Result<Vec<DeadLetterId>, IntakeUnavailable> {
        let letters = sql("SELECT id FROM dead_letter WHERE mirror = 'published' AND state <> 'open' ORDER BY id")
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(|row| row.get("id"))
            .collect::<Result<_, StoreError>>()?;
        Ok(letters)
    }

    async fn published_and_open(&self) -> Result<u64, IntakeUnavailable> {
        let row = sql("SELECT COUNT(*) AS letters FROM dead_letter WHERE mirror = 'published' AND state = 'open'")
            .one(&mut self.read().await?)
            .await?;
        Ok(u64::try_from(row.get::<i64>("letters")?).unwrap_or(0))
    }

    async fn standing(&self) -> Result<HashSet<DeadLetterId>, IntakeUnavailable> {
        let letters = sql("SELECT id FROM dead_letter WHERE mirror = 'published' AND state = 'open'")
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(|row| row.get("id"))
            .collect::<Result<_, StoreError>>()?;
        Ok(letters)
    }

    async fn publish_again(&self, ids: &[DeadLetterId]) -> Result<(), IntakeUnavailable> {
        sql("WITH {rows} UPDATE dead_letter SET mirror = 'pending'
            WHERE id IN (SELECT id FROM rows) AND state = 'open' AND mirror = 'published'")
        .rows("id uuid", rows(ids))
        .run(&mut self.write().await?)
        .await?;
        Ok(())
    }
}

impl Store {
    /// Takes or renews the lease `name` for `time` from now; says whether this process holds it.
    pub async fn hold_lease(&self, name: &str, time: Duration) -> Result<bool, StoreError> {
        let now = self.now();
        let held = sql("INSERT INTO lease (name, holder, held_until) VALUES ($1, $2, $3)
            ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
            WHERE lease.holder = excluded.holder OR lease.held_until <= $4")
        .bind(name)
        .bind(self.holder())
        .bind(now.plus(time))
        .bind(now)
        .run(&mut self.write().await?)
        .await?;
        Ok(held > 0)
    }

    /// Gives the lease `name` back, if this process holds it.
    pub async fn release_lease(&self, name: &str) -> Result<(), StoreError> {
        sql("DELETE FROM lease WHERE name = $1 AND holder = $2")
            .bind(name)
            .bind(self.holder())
            .run(&mut self.write().await?)
            .await?;
        Ok(())
    }
}

impl Store {
    /// Which of these letters the database knows, as `open` or as concluded, and when each failed last.
    async fn known_letters(
        &self,
        ids: &[DeadLetterId],
        open: bool,
    ) -> Result<HashMap<DeadLetterId, Timestamp>, StoreError> {
        sql("WITH {rows} SELECT dead_letter.id, dead_letter.last_failed_at FROM rows
            JOIN dead_letter ON dead_letter.id = rows.id AND (dead_letter.state = 'open') = $1")
        .bind(open)
        .rows("id uuid", rows(ids))
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| Ok((row.get("id")?, row.get("last_failed_at")?)))
        .collect()
    }
}

/// Every step of the mirror may be repeated, whatever the database says: it is tried again later.
impl From<StoreError> for IntakeUnavailable {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self(cause),
            other => Self(other.to_string()),
        }
    }
}

fn rows(ids: &[DeadLetterId]) -> impl Iterator<Item = [Value<'_>; 1]> {
    ids.iter().map(|id| [(*id).into()])
}

fn read_pending(row: &Row) -> Result<PendingDeadLetter, StoreError> {
    Ok(PendingDeadLetter {
        id: row.get("id")?,
        delivery_id: row.get("delivery_id")?,
        tenant_id: row.get("tenant_id")?,
        invoice_number: row.get("invoice_number")?,
        event_id: row.get("event_id")?,
        class: row.get("class")?,
        code: row.get("code")?,
        phase: row.get("phase")?,
        attempts: row.get("tried")?,
        first_failed_at: row.get("first_failed_at")?,
        last_failed_at: row.get("last_failed_at")?,
        fingerprint: row.get("fingerprint")?,
        hint: row.get("hint")?,
        // What is forgotten is concluded long since; only its name is left to publish.
        body: Bytes::from(row.get::<Option<Vec<u8>>>("bytes")?.unwrap_or_default()),
    })
}

impl Store {
    /// An open dead letter has left the queue without being concluded: it is to be published again.
    pub async fn mirror_again(&self, letter: DeadLetterId) -> Result<(), StoreError> {
        sql("UPDATE dead_letter SET mirror = 'pending' WHERE id = $1 AND state = 'open'")
            .bind(letter)
            .run(&mut self.write().await?)
            .await?;
        Ok(())
    }
}
