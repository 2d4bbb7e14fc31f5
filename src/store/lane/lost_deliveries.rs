//! Reopens deliveries that a refusal ended which was about their sender, or which the relay gives to every sender.

use std::collections::{BTreeMap, HashSet};

use super::super::{Store, Transaction};
use super::sender::sender_history::{may_be_the_senders, senders};
use crate::clock::Timestamp;
use crate::model::ids::{DeliveryId, RelayName};
use crate::model::note::NoteKind;
use crate::model::reply::Phase;
use crate::model::state::Concluded;
use crate::policy::sender_key::SenderKeys;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::dead_letter::decide::cancel_duplicates;
use crate::store::delivery::notes::{DISPATCHER, insert_notes};
use crate::store::intake::same_invoice::{Revived, newer_deliveries};
use crate::store::lane::held::held_by_people;
use crate::store::upkeep::concluded_count::count_concluded;

/// What names the attempts that are taken back.
const COLUMNS: &str = "delivery_id uuid, attempt_claim bigint, attempts_before bigint";

/// An attempt that ended its delivery by such a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrippedAttempt {
    pub delivery: DeliveryId,
    pub claim: u32,
    /// Attempts consumed before it.
    pub attempts: u32,
}

/// How deliveries come back.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct ComingBack<'a> {
    /// The lane that they come back to.
    pub relay: &'a RelayName,
    /// What holds them there, if anything does, and people do not.
    pub held: Option<&'a str>,
    /// The moment at which they held their sender, if they did: kept on the delivery.
    pub tripped_at: Option<Timestamp>,
    /// One line for people.
    pub why: &'a str,
}

/// Which deliveries were lost.
#[derive(Debug, Clone, Copy)]
pub struct LostBy<'a> {
    /// The relay that refused them.
    pub relay: &'a RelayName,
    pub keys: &'a SenderKeys,
    /// Where in the conversation.
    pub phase: Phase,
    /// The relay's codes.
    pub code: &'a str,
    /// Not before.
    pub since: Timestamp,
}

impl Store {
    /// Up to `limit` attempts that ended their deliveries so, and stand as their last word.
    pub async fn lost_deliveries(&self, lost: &LostBy<'_>, limit: u32) -> Result<Vec<TrippedAttempt>, StoreError> {
        sql(concat!(
            senders!(),
            "SELECT attempt.delivery_id, attempt.claim, delivery.attempts
             FROM sender JOIN attempt ON attempt.relay = $1 AND attempt.sender_key = sender.sender_key
                  JOIN delivery ON delivery.id = attempt.delivery_id AND delivery.claim = attempt.claim
             WHERE attempt.ended_at >= $4 AND attempt.phase = $5 AND attempt.code = $6 AND ",
            may_be_the_senders!(),
            " AND delivery.concluded IN ('dead', 'rejected')
             ORDER BY attempt.delivery_id LIMIT $7"
        ))
        .bind(lost.relay)
        .bind(*lost.keys.start())
        .bind(*lost.keys.end())
        .bind(lost.since)
        .bind(lost.phase)
        .bind(lost.code)
        .bind(limit)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| {
            let attempts: u32 = row.get("attempts")?;
            Ok(TrippedAttempt {
                delivery: row.get("delivery_id")?,
                claim: row.get("claim")?,
                // The one that is taken back was consumed.
                attempts: attempts.saturating_sub(1),
            })
        })
        .collect()
    }
}

/// Takes back what the attempts did to their deliveries.
pub(in super::super) async fn bring_back(
    on: &mut Transaction,
    how: ComingBack<'_>,
    attempts: &[TrippedAttempt],
    now: Timestamp,
) -> Result<(), StoreError> {
    if attempts.is_empty() {
        return Ok(());
    }
    let back = lock_given_up(on, attempts).await?;
    let back = without_resent(on, back, now).await?;
    let Some((first, _, _)) = back.first() else { return Ok(()) };
    sql(concat!(
        "WITH {rows}
        INSERT INTO lane_entry (delivery_id, relay, tenant_id, customer_id, state, due_at, expires_at, attempts, claim,
                                decision, portal_access, portal_method, last_class, last_reply, first_failed_at, held,
                                tried_at)
        SELECT delivery.id, $1, delivery.tenant_id, delivery.customer_id, 'due', $2, delivery.expires_at,
               rows.attempts_before, delivery.claim, delivery.decision, delivery.portal_access,
               delivery.portal_method, delivery.class, delivery.reason, delivery.concluded_at, COALESCE(",
        held_by_people!(),
        ", $3), $2
        FROM rows JOIN delivery ON delivery.id = rows.delivery_id JOIN tenant ON tenant.id = delivery.tenant_id"
    ))
    .bind(how.relay)
    .bind(now)
    .bind(how.held)
    .rows(
        "delivery_id uuid, attempts_before bigint",
        back.iter().map(|(id, _, attempts)| [(*id).into(), (*attempts).into()]),
    )
    .run(on)
    .await?;
    let ids: Vec<DeliveryId> = back.iter().map(|(id, _, _)| *id).collect();
    clear_ends(on, &ids, how, now).await?;
    insert_notes(on, &ids, DISPATCHER, &NoteKind::DueAgain.because(how.why), now).await?;
    let mut counts = BTreeMap::new();
    for (_, concluded, _) in &back {
        *counts.entry(*concluded).or_insert(0) -= 1;
    }
    count_concluded(on, *first, &counts).await
}

/// Forgets how they ended, and the message of an attempt that was not accepted.
async fn clear_ends(
    on: &mut Transaction,
    ids: &[DeliveryId],
    how: ComingBack<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id_rows = || ids.iter().map(|id| [(*id).into()]);
    sql("WITH {rows}
        UPDATE delivery SET concluded = NULL, concluded_at = NULL, class = NULL, reason = NULL, attempts = 0,
               decision = NULL, portal_access = NULL, portal_method = NULL, decision_reason = NULL,
               decision_inputs = NULL, message_id = NULL, message_sha256 = NULL, message_date = NULL, message_size = NULL,
               attachments = NULL, phase = NULL, code = NULL, held_by_hand = NULL,
               -- Once a person has released it, it counts for no other hold.
               tripped_at = CASE WHEN tripped_at = 0 THEN 0 ELSE COALESCE($1, tripped_at) END
        WHERE id IN (SELECT id FROM rows)")
    .bind(how.tripped_at)
    .rows("id uuid", id_rows())
    .run(on)
    .await?;
    sql("WITH {rows}
        UPDATE dead_letter SET state = 'cured', concluded_at = $1, concluded_by = $2, note = $3, curable = FALSE
        WHERE delivery_id IN (SELECT id FROM rows) AND state = 'open'")
    .bind(now)
    .bind(DISPATCHER)
    .bind(how.why)
    .rows("id uuid", id_rows())
    .run(on)
    .await?;
    // Outcomes that are not published yet are not true any more.
    sql("WITH {rows}
        DELETE FROM outcome WHERE delivery_id IN (SELECT id FROM rows) AND concluded IN ('dead', 'rejected')")
    .rows("id uuid", id_rows())
    .run(on)
    .await?;
    Ok(())
}

/// Locks the tenants' rows, as intake and resends do: what is read about other deliveries of an invoice is still true
/// when this commits.
pub(in super::super) async fn lock_tenants_of(
    on: &mut Transaction,
    attempts: &[TrippedAttempt],
) -> Result<(), StoreError> {
    if attempts.is_empty() {
        return Ok(());
    }
    sql("WITH {rows}
        SELECT id FROM tenant
        WHERE id IN (SELECT tenant_id FROM delivery WHERE delivery.id IN (SELECT delivery_id FROM rows))
        ORDER BY id {postgres: FOR NO KEY UPDATE}")
    .rows("delivery_id uuid", attempts.iter().map(|tripped| [tripped.delivery.into()]))
    .run(on)
    .await?;
    Ok(())
}

/// A delivery that was given up, how, and the attempts consumed before.
type GivenUp = (DeliveryId, Concluded, i64);

/// Locks the deliveries that the attempts ended, after their dead letters: every transaction locks in this order.
async fn lock_given_up(on: &mut Transaction, attempts: &[TrippedAttempt]) -> Result<Vec<GivenUp>, StoreError> {
    sql("WITH {rows} SELECT id FROM dead_letter
        WHERE delivery_id IN (SELECT delivery_id FROM rows) AND delivery_id IS NOT NULL AND state = 'open'
        ORDER BY id {postgres: FOR UPDATE}")
    .rows("delivery_id uuid", attempts.iter().map(|tripped| [tripped.delivery.into()]))
    .run(on)
    .await?;
    sql("WITH {rows}
        SELECT delivery.id, delivery.concluded, rows.attempts_before
        FROM rows JOIN delivery ON delivery.id = rows.delivery_id AND delivery.claim = rows.attempt_claim
        WHERE delivery.concluded IN ('dead', 'rejected')
        ORDER BY delivery.id {postgres: FOR UPDATE OF delivery}")
    .rows(
        COLUMNS,
        attempts.iter().map(|tripped| [tripped.delivery.into(), tripped.claim.into(), tripped.attempts.into()]),
    )
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("id")?, row.get("concluded")?, row.get("attempts_before")?)))
    .collect()
}

/// Leaves out deliveries that another delivery of the same invoice replaces: a dead one is cancelled as its duplicate,
/// a rejected one stays rejected.
///
/// Statements of their own, so that they see what was committed before the rows were locked.
async fn without_resent(on: &mut Transaction, back: Vec<GivenUp>, now: Timestamp) -> Result<Vec<GivenUp>, StoreError> {
    let revived: Vec<Revived> = back.iter().map(|(delivery, _, _)| Revived::delivery(*delivery)).collect();
    let newer = newer_deliveries(on, &revived, now).await?;
    let resent: HashSet<DeliveryId> = sql("WITH {rows}
        SELECT own.id FROM rows JOIN delivery AS own ON own.id = rows.delivery_id
             JOIN delivery AS resend ON resend.tenant_id = own.tenant_id AND resend.invoice_id = own.invoice_id
                  AND resend.resend_of = own.main_id
        WHERE own.role <> 'bcc'")
    .rows("delivery_id uuid", back.iter().map(|(delivery, _, _)| [(*delivery).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("id"))
    .collect::<Result<_, _>>()?;
    let (stay, back): (Vec<_>, Vec<_>) =
        back.into_iter().partition(|(delivery, _, _)| newer.contains_key(&delivery.0) || resent.contains(delivery));
    let duplicates: Vec<(DeliveryId, DeliveryId)> = stay
        .iter()
        .filter(|(_, concluded, _)| *concluded == Concluded::Dead)
        .filter_map(|(delivery, _, _)| Some((*delivery, newer.get(&delivery.0)?.delivery)))
        .collect();
    cancel_duplicates(on, &duplicates, now).await?;
    Ok(back)
}
