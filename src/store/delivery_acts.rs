//! What people decide about single deliveries.

use super::dead_letter_acts::move_deliveries;
use super::error::StoreError;
use super::notes::insert_notes;
use super::state::DeliveryState;
use super::statement::{Runs, sql};
use super::takeover::{Left, settle_left};
use super::{Settled, Store, Transaction};
use crate::class::Class;
use crate::ids::DeliveryId;

/// What became of a person's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acted {
    /// It holds.
    Done,
    /// The delivery stands elsewhere than the decision needs.
    Stands(DeliveryState),
    /// There is no such delivery.
    Unknown,
}

impl Store {
    /// Stops a delivery that is due.
    pub async fn cancel(&self, delivery: DeliveryId, who: &str, reason: &str) -> Result<Acted, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let left = take_due_out(&mut transaction, &[delivery]).await?;
        if left.is_empty() {
            return stands(&mut transaction, delivery).await;
        }
        settle_left(&mut transaction, &left, Settled::Cancelled, Class::ByHand, reason, now).await?;
        insert_notes(&mut transaction, &[delivery], who, &format!("cancelled: {reason}"), now).await?;
        transaction.commit().await?;
        Ok(Acted::Done)
    }

    /// Sends a due delivery now: before its time, ahead of others, and although it is held.
    pub async fn send_now(&self, delivery: DeliveryId, who: &str) -> Result<Acted, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        // It gets its rank, if it has none, within a second.
        let hurried = sql("UPDATE lane_entry SET express = TRUE, held = NULL,
                   due_at = CASE WHEN due_at > $2 THEN $2 ELSE due_at END
            WHERE delivery_id = $1 AND state = 'due'")
        .bind(delivery)
        .bind(now)
        .run(&mut transaction)
        .await?;
        if hurried == 0 {
            return stands(&mut transaction, delivery).await;
        }
        insert_notes(&mut transaction, &[delivery], who, "sent ahead of its time", now).await?;
        transaction.commit().await?;
        Ok(Acted::Done)
    }

    /// Decides that an uncertain delivery was sent.
    pub async fn mark_sent(&self, delivery: DeliveryId, who: &str, reason: &str) -> Result<Acted, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let (ends, why) = ((Settled::Uncertain, Settled::Sent), Some((Class::ByHand, reason)));
        let moved = move_deliveries(&mut transaction, &[delivery], ends, why, now).await?;
        if moved.is_empty() {
            return stands(&mut transaction, delivery).await;
        }
        insert_notes(&mut transaction, &[delivery], who, &format!("marked as sent: {reason}"), now).await?;
        transaction.commit().await?;
        Ok(Acted::Done)
    }
}

/// Takes those that are due out of their lanes.
pub(super) async fn take_due_out(on: &mut impl Runs, deliveries: &[DeliveryId]) -> Result<Vec<Left>, StoreError> {
    sql("WITH {given}
        DELETE FROM lane_entry WHERE delivery_id IN (SELECT id FROM given) AND state = 'due'
        RETURNING delivery_id, attempts, claim, decision, portal_access, portal_method, decision_reason,
                  decision_inputs, message_sha256")
    .given("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .all(on)
    .await?
    .iter()
    .map(Left::read)
    .collect()
}

/// Where the delivery stands that could not be acted upon.
async fn stands(on: &mut Transaction, delivery: DeliveryId) -> Result<Acted, StoreError> {
    let row = sql("SELECT state FROM delivery_state WHERE id = $1").bind(delivery).optional(on).await?;
    // It may have come to be due since the act looked for it; then it is sending or back again by now.
    row.map_or(Ok(Acted::Unknown), |row| Ok(Acted::Stands(row.get("state")?)))
}
