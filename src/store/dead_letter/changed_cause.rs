//! Changes the cause of an open dead letter.
//!
//! For example, a tenant is imported and its event is tried again: the cause is not the unknown tenant any more, but a
//! document outside the tenant's prefix.

use crate::clock::Timestamp;
use crate::model::ids::DeadLetterId;
use crate::model::reason::ReasonCode;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{rows, sql};
use crate::store::intake::IntakeTransaction;
use crate::store::{Store, Transaction};

/// An open dead letter, and what it is dead for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedCause {
    pub letter: DeadLetterId,
    /// Why, for programs.
    pub class: ReasonCode,
    /// Why, for people.
    pub reason: String,
    pub hint: String,
    /// Dead letters with one cause share it.
    pub fingerprint: String,
}

impl Store {
    /// Writes down what open letters, and their deliveries, are dead for now.
    pub async fn change_causes(&self, causes: &[ChangedCause]) -> Result<(), StoreError> {
        if causes.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        write(&mut transaction, causes, self.now()).await?;
        transaction.commit().await
    }
}

impl IntakeTransaction {
    /// As [`Store::change_causes`].
    pub async fn change_causes(&mut self, causes: &[ChangedCause]) -> Result<(), StoreError> {
        let now = self.now;
        write(&mut self.transaction, causes, now).await
    }
}

async fn write(on: &mut Transaction, causes: &[ChangedCause], now: Timestamp) -> Result<(), StoreError> {
    if causes.is_empty() {
        return Ok(());
    }
    // In the order of their ids, so that two who write some of the same letters never wait for each other in a ring.
    sql("WITH {rows} SELECT dead_letter.id FROM rows JOIN dead_letter ON dead_letter.id = rows.letter_id
        ORDER BY dead_letter.id {postgres: FOR UPDATE OF dead_letter}")
    .rows("letter_id uuid", causes.iter().map(|cause| [cause.letter.into()]))
    .all(on)
    .await?;
    // The copy in the broker's queue names the old cause in its headers: another one is published, and the mirror's next
    // pass takes the old one out.
    sql("WITH {rows}
        UPDATE dead_letter SET {assignments}, last_failed_at = $1, curable = FALSE,
               mirror = CASE WHEN dead_letter.mirror = 'published' THEN 'pending' ELSE dead_letter.mirror END
        FROM rows WHERE dead_letter.id = rows._letter AND dead_letter.state = 'open'")
    .bind(now)
    .batch(rows!(causes, |cause| {
        _letter: uuid = cause.letter,
        class: text = cause.class,
        reason: text = &cause.reason,
        hint: text = &cause.hint,
        fingerprint: text = &cause.fingerprint,
    }))
    .run(on)
    .await?;
    // The dead delivery says the same.
    sql("WITH {rows}
        UPDATE delivery SET {assignments}
        FROM rows JOIN dead_letter ON dead_letter.id = rows._letter
        WHERE delivery.id = dead_letter.delivery_id AND delivery.concluded = 'dead' AND dead_letter.state = 'open'")
    .batch(rows!(causes, |cause| { _letter: uuid = cause.letter, class: text = cause.class, reason: text = &cause.reason }))
    .run(on)
    .await?;
    Ok(())
}
