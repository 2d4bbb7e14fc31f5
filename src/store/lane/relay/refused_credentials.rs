//! Credentials that a relay has refused, shared by all workers that have them.
//!
//! A refusal is a row. Workers with these credentials neither probe the relay nor send; at `try_at` one of them takes
//! the lease and tries to log in. Workers with other credentials are not affected: during a rolling change of a
//! password, those with the new one send.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::model::ids::{RelayName, WorkerId};
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;

/// When the next try is overdue by so much, no worker has these credentials any more.
const UNUSED_AFTER: Duration = Duration::from_mins(5);
/// When it is overdue by so much, the row is deleted.
const KEPT_UNUSED: Duration = Duration::from_hours(24);

/// Credentials that a relay has refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCredentials {
    pub relay: RelayName,
    /// Names them: an HMAC under a secret key.
    pub fingerprint: String,
    /// As whom they log in, for people.
    pub user: String,
    /// What the relay answered last.
    pub reply: String,
    /// Since when they are refused.
    pub refused_at: Timestamp,
    /// Tries since then.
    pub tries: u32,
    /// When they are tried next.
    pub try_at: Timestamp,
    /// Who tries them now.
    pub try_worker: Option<WorkerId>,
    /// Until when no other worker does.
    pub try_until: Option<Timestamp>,
}

impl RefusedCredentials {
    /// Whether a worker still has them: otherwise one would have tried them by now.
    #[must_use]
    pub fn are_in_use(&self, now: Timestamp) -> bool {
        self.try_until.is_some_and(|until| until > now) || now.since(self.try_at) < UNUSED_AFTER
    }

    /// Whether the row may be deleted.
    #[must_use]
    pub fn are_forgotten(&self, now: Timestamp) -> bool {
        now.since(self.try_at) >= KEPT_UNUSED
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            relay: row.get("relay")?,
            fingerprint: row.get("fingerprint")?,
            user: row.get("user_name")?,
            reply: row.get("reply")?,
            refused_at: row.get("refused_at")?,
            tries: row.get("tries")?,
            try_at: row.get("try_at")?,
            try_worker: row.get("try_worker")?,
            try_until: row.get("try_until")?,
        })
    }
}

impl Store {
    /// All that any relay has refused.
    pub async fn all_refused_credentials(&self) -> Result<Vec<RefusedCredentials>, StoreError> {
        sql("SELECT * FROM refused_credentials ORDER BY relay, refused_at, fingerprint")
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(RefusedCredentials::read)
            .collect()
    }

    pub async fn refused_credentials(&self, relay: &RelayName) -> Result<Vec<RefusedCredentials>, StoreError> {
        sql("SELECT * FROM refused_credentials WHERE relay = $1 ORDER BY refused_at, fingerprint")
            .bind(relay)
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(RefusedCredentials::read)
            .collect()
    }

    /// Remembers that the relay has refused them; says whether that is news. Another worker's earlier word stands.
    pub async fn refuse_credentials(&self, refused: &RefusedCredentials) -> Result<bool, StoreError> {
        let new = sql("INSERT INTO refused_credentials (relay, fingerprint, user_name, reply, refused_at, try_at)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (relay, fingerprint) DO NOTHING")
        .bind(&refused.relay)
        .bind(&refused.fingerprint)
        .bind(&refused.user)
        .bind(&refused.reply)
        .bind(refused.refused_at)
        .bind(refused.try_at)
        .run(&mut self.write().await?)
        .await?;
        Ok(new > 0)
    }

    /// Takes the next try of them, if it is due, for `worker` alone until `until`; a lease that ran out is free again.
    /// Says whether `worker` tries.
    pub async fn take_credentials_try(
        &self,
        relay: &RelayName,
        fingerprint: &str,
        worker: WorkerId,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let taken = sql("UPDATE refused_credentials SET try_worker = $3, try_until = $4
            WHERE relay = $1 AND fingerprint = $2 AND try_at <= $5 AND (try_until IS NULL OR try_until <= $5)")
        .bind(relay)
        .bind(fingerprint)
        .bind(worker)
        .bind(until)
        .bind(self.now())
        .run(&mut self.write().await?)
        .await?;
        Ok(taken > 0)
    }

    /// Writes what came of the try that `tried.try_worker` has the lease of, and gives the lease back.
    pub async fn refuse_credentials_again(&self, tried: &RefusedCredentials) -> Result<(), StoreError> {
        sql("UPDATE refused_credentials SET reply = $4, tries = $5, try_at = $6, try_worker = NULL, try_until = NULL
            WHERE relay = $1 AND fingerprint = $2 AND try_worker = $3")
        .bind(&tried.relay)
        .bind(&tried.fingerprint)
        .bind(tried.try_worker)
        .bind(&tried.reply)
        .bind(tried.tries)
        .bind(tried.try_at)
        .run(&mut self.write().await?)
        .await?;
        Ok(())
    }

    /// The relay takes them again, or no worker has them any more.
    pub async fn forget_refused_credentials(&self, relay: &RelayName, fingerprint: &str) -> Result<(), StoreError> {
        sql("DELETE FROM refused_credentials WHERE relay = $1 AND fingerprint = $2")
            .bind(relay)
            .bind(fingerprint)
            .run(&mut self.write().await?)
            .await?;
        Ok(())
    }
}
