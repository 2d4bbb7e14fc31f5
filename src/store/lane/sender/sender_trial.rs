//! Trials of held senders: one delivery at a time is let through.

use std::collections::HashSet;

use super::sender_history::domain_of;
use super::sender_hold::SenderHold;
use crate::clock::Timestamp;
use crate::event::Recipient;
use crate::model::ids::DeliveryId;
use crate::model::reply::Phase;
use crate::policy::sender_trial::HoldReason;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::{Store, Transaction};

/// So many deliveries are looked at for one to another domain.
const CANDIDATES_MAX: u32 = 50;
/// Domains of so many deliveries that were tried last are another's turn.
const TRIED_MAX: u32 = 100;

/// What comes after a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextTrial {
    pub at: Timestamp,
    /// The relay refused the sender: the schedule goes on, and the delivery goes last.
    pub refused: bool,
    /// The next one is with this delivery again.
    pub repeat: Option<DeliveryId>,
}

impl Store {
    /// Lets one delivery of a held sender through, if a trial is due, none goes on, and fewer than `at_once_max` of the
    /// relay's senders are being tried: one that was not tried before, to a domain that was not tried lately. A hold
    /// that holds nothing any more ends instead. Of several callers one does it; says whether it was this one.
    pub async fn begin_trial(&self, hold: &SenderHold, at_once_max: u32) -> Result<bool, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        // Locks the hold: a second caller waits here, and finds that a trial goes on.
        // Workers that begin trials of different senders at one moment do not see each other: there may be as many
        // more.
        let due = sql("UPDATE sender_hold SET trial_at = trial_at
            WHERE relay = $1 AND sender = $2 AND trial_delivery IS NULL AND trial_at <= $3
              AND (SELECT COUNT(*) FROM sender_hold AS other
                   WHERE other.relay = $1 AND other.trial_delivery IS NOT NULL) < $4
            RETURNING repeat_delivery")
        .bind(&hold.relay)
        .bind(&hold.sender)
        .bind(now)
        .bind(at_once_max)
        .optional(&mut transaction)
        .await?;
        let Some(due) = due else { return Ok(false) };
        let mut freed = None;
        if let Some(repeat) = due.get::<Option<DeliveryId>>("repeat_delivery")? {
            freed = let_through(&mut transaction, hold, repeat, now).await?;
        }
        if freed.is_none() {
            for candidate in candidates(&mut transaction, hold).await? {
                freed = let_through(&mut transaction, hold, candidate, now).await?;
                if freed.is_some() {
                    break;
                }
            }
        }
        match freed {
            Some((delivery, claim)) => {
                sql("UPDATE sender_hold SET trial_delivery = $3, trial_claim = $4 WHERE relay = $1 AND sender = $2")
                    .bind(&hold.relay)
                    .bind(&hold.sender)
                    .bind(delivery)
                    .bind(claim)
                    .run(&mut transaction)
                    .await?;
            }
            None => {
                sql("DELETE FROM sender_hold WHERE relay = $1 AND sender = $2")
                    .bind(&hold.relay)
                    .bind(&hold.sender)
                    .run(&mut transaction)
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Ends the trial that `hold` says goes on, unless another caller has; says whether it was this one.
    pub async fn end_trial(&self, hold: &SenderHold, next: NextTrial) -> Result<bool, StoreError> {
        let Some(delivery) = hold.trial_delivery else { return Ok(false) };
        let mut transaction = self.begin().await?;
        let ended = sql("UPDATE sender_hold SET trial_delivery = NULL, trial_claim = NULL, trial_at = $4,
                   trials = trials + $5, repeat_delivery = $6
            WHERE relay = $1 AND sender = $2 AND trial_delivery = $3")
        .bind(&hold.relay)
        .bind(&hold.sender)
        .bind(delivery)
        .bind(next.at)
        .bind(u32::from(next.refused))
        .bind(next.repeat)
        .run(&mut transaction)
        .await?;
        if ended > 0 && next.refused {
            mark_tripped(&mut transaction, hold, delivery).await?;
        }
        transaction.commit().await?;
        Ok(ended > 0)
    }

    /// Keeps on a delivery that its refusal was its held sender's. Once the hold has ended, the refusal is one like others.
    pub async fn keep_tripped(&self, hold: &SenderHold, delivery: DeliveryId) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        // Locked: a release that comes later reads the mark.
        let stands = sql("SELECT 1 AS one FROM sender_hold WHERE relay = $1 AND sender = $2 {postgres: FOR SHARE}")
            .bind(&hold.relay)
            .bind(&hold.sender)
            .optional(&mut transaction)
            .await?;
        if stands.is_none() {
            return Ok(());
        }
        mark_tripped(&mut transaction, hold, delivery).await?;
        transaction.commit().await
    }
}

async fn mark_tripped(on: &mut Transaction, hold: &SenderHold, delivery: DeliveryId) -> Result<(), StoreError> {
    // A limit is no sender's fault. But what is said of a recipient may be the recipient's own: once the sender is
    // taken again, this delivery does not hold it a second time.
    if hold.reason == HoldReason::DailyLimit && hold.phase != Phase::Rcpt {
        return Ok(());
    }
    sql("UPDATE lane_entry SET tried_at = COALESCE(tried_at, $2) WHERE delivery_id = $1")
        .bind(delivery)
        .bind(hold.held_since)
        .run(on)
        .await?;
    // Once a person has released it, it counts for no other hold.
    sql("UPDATE delivery SET tripped_at = $2 WHERE id = $1 AND (tripped_at IS NULL OR tripped_at <> 0)")
        .bind(delivery)
        .bind(hold.held_since)
        .run(on)
        .await?;
    Ok(())
}

/// Deliveries that the hold holds, the best for a trial first: what was not tried before, to a domain that was not
/// tried lately. The newest and the oldest in turn, since what tripped the hold often stands in a block.
async fn candidates(on: &mut Transaction, hold: &SenderHold) -> Result<Vec<DeliveryId>, StoreError> {
    let tried: HashSet<String> = sql("SELECT delivery.recipients FROM lane_entry
             JOIN delivery ON delivery.id = lane_entry.delivery_id
        WHERE lane_entry.held = $1 AND lane_entry.relay = $2 AND lane_entry.tried_at IS NOT NULL
        ORDER BY lane_entry.tried_at DESC LIMIT $3")
    .bind(&hold.description)
    .bind(&hold.relay)
    .bind(TRIED_MAX)
    .all(on)
    .await?
    .iter()
    .filter_map(|row| domain(row).transpose())
    .collect::<Result<_, _>>()?;
    let waiting = sql("SELECT lane_entry.delivery_id, delivery.recipients FROM (
             SELECT delivery_id, tried_at, due_at FROM lane_entry
             WHERE held = $1 AND relay = $2 AND state = 'due'
             ORDER BY COALESCE(tried_at, 0), CASE WHEN $3 THEN due_at ELSE -due_at END, delivery_id LIMIT $4
         ) AS lane_entry JOIN delivery ON delivery.id = lane_entry.delivery_id
        ORDER BY COALESCE(lane_entry.tried_at, 0), CASE WHEN $3 THEN lane_entry.due_at ELSE -lane_entry.due_at END,
                 lane_entry.delivery_id")
    .bind(&hold.description)
    .bind(&hold.relay)
    .bind(hold.trials % 2 == 1)
    .bind(CANDIDATES_MAX)
    .all(on)
    .await?;
    let mut ordered = Vec::with_capacity(waiting.len());
    for row in &waiting {
        let elsewhere = domain(row)?.is_some_and(|domain| !tried.contains(&domain));
        ordered.push((!elsewhere, row.get("delivery_id")?));
    }
    // Stable: among equals the order stays.
    ordered.sort_by_key(|(tried, _)| *tried);
    Ok(ordered.into_iter().map(|(_, delivery)| delivery).collect())
}

/// The domain of a delivery's first recipient.
fn domain(row: &Row) -> Result<Option<String>, StoreError> {
    let recipients: Vec<Recipient> = row.json("recipients")?;
    Ok(recipients.first().and_then(|recipient| domain_of(&recipient.address)))
}

/// Lets a delivery go, unless a person holds it; returns it with its claim.
async fn let_through(
    on: &mut Transaction,
    hold: &SenderHold,
    delivery: DeliveryId,
    now: Timestamp,
) -> Result<Option<(DeliveryId, u32)>, StoreError> {
    sql("UPDATE lane_entry SET held = NULL, tried_at = $4, due_at = CASE WHEN due_at > $4 THEN $4 ELSE due_at END
        WHERE delivery_id = $1 AND relay = $2 AND state = 'due' AND (held IS NULL OR held = $3) RETURNING claim")
    .bind(delivery)
    .bind(&hold.relay)
    .bind(&hold.description)
    .bind(now)
    .optional(on)
    .await?
    .map(|row| Ok((delivery, row.get("claim")?)))
    .transpose()
}
