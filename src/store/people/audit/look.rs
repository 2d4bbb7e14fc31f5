//! Entries that are kept once for many requests: looks, and acts that somebody may do now and then.

use std::time::Duration;

use super::append::{NewAuditEntry, append, kept_change};
use super::head::LockedHead;
use crate::model::access::PrincipalKind;
use crate::model::actor::Actor;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

/// The same look at the same thing by the same person is one entry within this time: a page that follows what it shows
/// asks every few seconds.
const LOOK: Duration = Duration::from_mins(10);
/// Whoever reads on in the same list has one entry within this time.
const LIST: Duration = Duration::from_mins(15);

impl Store {
    /// Keeps a look at personal data, unless the same look was kept a few minutes ago. What is shown must wait for it.
    pub async fn audit_look(&self, entry: &NewAuditEntry<'_>) -> Result<(), StoreError> {
        let seen = sql("SELECT 1 AS one FROM audit_entry
            WHERE subject = $1 AND action = $2 AND at > $3 AND who_kind = $4
              AND (who_id = $5 OR (who_id IS NULL AND $5 IS NULL))
              AND (tenant_id = $6 OR (tenant_id IS NULL AND $6 IS NULL)) LIMIT 1")
        .bind(entry.subject.as_deref())
        .bind(entry.action.into_str())
        .bind(self.now().minus(LOOK))
        .bind(entry.actor.principal.kind.into_str())
        .bind(entry.actor.principal.kind.id())
        .bind(entry.tenant)
        .optional(&mut self.read().await?)
        .await?;
        if seen.is_some() && is_one_person(entry.actor) {
            return Ok(());
        }
        self.audit(entry).await
    }

    /// Keeps that somebody reads a list as it is, unless they had begun the same one a few minutes ago: its following pages
    /// are one look. Which list it is, stands in the entry's change. What is shown must wait for it.
    pub async fn audit_list(&self, entry: &NewAuditEntry<'_>) -> Result<(), StoreError> {
        let who = entry.actor.principal.kind;
        let list = entry.change.as_ref().map(kept_change);
        let seen = sql("SELECT 1 AS one FROM audit_entry
                 JOIN audit_detail ON audit_detail.sequence = audit_entry.sequence
            WHERE audit_entry.at > $1 AND audit_entry.action = $2 AND audit_entry.who_kind = $3
              AND (audit_entry.who_id = $4 OR (audit_entry.who_id IS NULL AND $4 IS NULL))
              AND audit_detail.change = $5 LIMIT 1")
        .bind(self.now().minus(LIST))
        .bind(entry.action.into_str())
        .bind(who.into_str())
        .bind(who.id())
        .bind(&list)
        .optional(&mut self.read().await?)
        .await?;
        if seen.is_some() && is_one_person(entry.actor) {
            return Ok(());
        }
        self.audit(entry).await
    }

    /// Keeps an act that one person may do once in `interval`, unless they have; says whether it did. The act waits for
    /// the answer.
    pub async fn audit_once_in(&self, entry: &NewAuditEntry<'_>, interval: Duration) -> Result<bool, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        // Two at once wait for each other here: the second one sees the entry of the first.
        LockedHead::take(&mut transaction).await?;
        let who = entry.actor.principal.kind;
        let seen = sql("SELECT 1 AS one FROM audit_entry
            WHERE at > $1 AND action = $2 AND who_kind = $3 AND (who_id = $4 OR (who_id IS NULL AND $4 IS NULL)) LIMIT 1")
        .bind(now.minus(interval))
        .bind(entry.action.into_str())
        .bind(who.into_str())
        .bind(who.id())
        .optional(&mut transaction)
        .await?;
        if seen.is_some() {
            return Ok(false);
        }
        append(&mut transaction, entry, now).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Whether whoever acts is known: one without a row of their own may be another person than before.
const fn is_one_person(who: &Actor) -> bool {
    !matches!(who.principal.kind, PrincipalKind::CommandLine | PrincipalKind::ThisMachine)
}
