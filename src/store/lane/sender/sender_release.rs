//! Releases of held senders by hand: what tripped a hold never counts for another one.

use serde_json::json;

use super::sender_history::{find_last_accepted, senders};
use super::sender_hold::SenderHold;
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{DeliveryId, RelayName};
use crate::policy::sender_trip::LOST_WITHIN;
use crate::store::db::deadlock::repeat_after_deadlock;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::lane::hold::CLOCKS_APART;
use crate::store::people::audit::append::{NewAuditEntry, append};
use crate::store::{Store, Transaction};

impl Store {
    /// Ends the holds of a sender by hand, named as people call it, by its envelope sender or by its From address; says
    /// whether there were any. What tripped them has had its chance: it never holds its sender again, also if a person or
    /// its tenant's pause holds it by now, or if it has ended.
    pub async fn release_sender(&self, relay: &RelayName, sender: &str, who: &Actor) -> Result<bool, StoreError> {
        repeat_after_deadlock(|| self.release_once(relay, sender, who)).await
    }

    async fn release_once(&self, relay: &RelayName, sender: &str, who: &Actor) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let ended: Vec<SenderHold> = sql("DELETE FROM sender_hold
            WHERE relay = $1 AND (sender = $2 OR envelope_sender = $2 OR from_address = $2)
            RETURNING *")
        .bind(relay)
        .bind(sender.to_ascii_lowercase())
        .all(&mut transaction)
        .await?
        .iter()
        .map(SenderHold::read)
        .collect::<Result<_, StoreError>>()?;
        if ended.is_empty() {
            return Ok(false);
        }
        let mut tripped = Vec::new();
        for hold in &ended {
            tripped.extend(find_tripped(&mut transaction, hold).await?);
            tripped.extend(hold.trial_delivery);
        }
        mark_released(&mut transaction, &tripped).await?;
        let entry = NewAuditEntry::new(AuditAction::SenderReleased, who).about(sender);
        append(&mut transaction, &entry.with(json!({ "relay": relay })), self.now()).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Deliveries that have tripped a hold of this sender, and count for another one: by the sender's refusals since it was
/// accepted last, as the next trip reads them; so it makes no difference what holds them by now, or whether they have ended.
/// And what the hold holds, since not every answer that speaks of a limit is kept as its sender's.
async fn find_tripped(on: &mut Transaction, hold: &SenderHold) -> Result<Vec<DeliveryId>, StoreError> {
    let keys = hold.keys();
    let accepted = find_last_accepted(on, &hold.relay, &keys).await?.unwrap_or(Timestamp(0));
    sql(concat!(
        senders!(),
        "SELECT attempt.delivery_id
         FROM sender JOIN attempt ON attempt.relay = $1 AND attempt.sender_key = sender.sender_key
              JOIN delivery ON delivery.id = attempt.delivery_id
         WHERE attempt.ended_at >= $4 AND attempt.class <> 'accepted' AND delivery.tripped_at > $5
         UNION
         SELECT lane_entry.delivery_id
         FROM lane_entry JOIN delivery ON delivery.id = lane_entry.delivery_id
         WHERE lane_entry.relay = $1 AND lane_entry.held = $6 AND delivery.tripped_at > 0"
    ))
    .bind(&hold.relay)
    .bind(*keys.start())
    .bind(*keys.end())
    // A hold takes back what was refused so long before it.
    .bind(accepted.minus(LOST_WITHIN).minus(CLOCKS_APART))
    .bind(accepted)
    .bind(&hold.description)
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("delivery_id"))
    .collect()
}

/// Marks deliveries that have tripped a hold as released, unless a redrive has made that void meanwhile.
async fn mark_released(on: &mut Transaction, tripped: &[DeliveryId]) -> Result<(), StoreError> {
    if tripped.is_empty() {
        return Ok(());
    }
    // In their order, as transactions that reopen deliveries lock them.
    let locked: Vec<DeliveryId> = sql("WITH {rows}
        SELECT id FROM delivery WHERE tripped_at IS NOT NULL AND id IN (SELECT id FROM rows)
        ORDER BY id {postgres: FOR UPDATE}")
    .rows("id uuid", tripped.iter().map(|delivery| [(*delivery).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("id"))
    .collect::<Result<_, StoreError>>()?;
    sql("WITH {rows} UPDATE delivery SET tripped_at = 0 WHERE id IN (SELECT id FROM rows)")
        .rows("id uuid", locked.into_iter().map(|delivery| [delivery.into()]))
        .run(on)
        .await?;
    Ok(())
}
