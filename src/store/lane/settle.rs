//! What is written when deliveries settle: how they ended, their attempts, and all that comes of it.

use std::collections::{BTreeMap, HashSet};

use super::attempt_record::{NewAttempt, NextState, Record, Settlement, settled};
use super::claim::{Claim, Fence};
use super::hold::BY_HAND;
use crate::clock::Timestamp;
use crate::model::reason::ReasonCode;
use crate::model::state::Settled;
use crate::store::Transaction;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::db::value::Value;
use crate::store::delivery::terms::terms_values;
use crate::store::intake::new_rows::{NewLaneEntry, insert_dead_letters, insert_deliveries, insert_lane_entries};
use crate::store::outbox::outcomes::insert_outcomes;
use crate::store::upkeep::settled_count::count_settled;

/// Writes the attempts of records that count; one that stands already stays.
pub(in crate::store) async fn insert_attempts(on: &mut Transaction, records: &[&Record]) -> Result<(), StoreError> {
    let attempts: Vec<_> =
        records.iter().filter_map(|record| record.attempt.as_ref().map(|attempt| (record.fence, attempt))).collect();
    if attempts.is_empty() {
        return Ok(());
    }
    sql("WITH {given}
        INSERT INTO attempt (delivery_id, claim, worker_id, relay, started_at, ended_at, phase, class, code, reply,
                             refused, decision, message_sha256, message_date, sender_key)
        SELECT * FROM given WHERE TRUE
        ON CONFLICT (delivery_id, claim) DO NOTHING")
    .given(
        "delivery_id uuid, claim bigint, worker_id uuid, relay text, started_at bigint, ended_at bigint, phase text, \
         class text, code text, reply text, refused text, decision text, message_sha256 bytea, \
         message_date bigint, sender_key bigint",
        attempts.iter().map(|(fence, attempt)| {
            let [id, claim, worker] = fence.values();
            [
                id,
                claim,
                worker,
                (&attempt.relay).into(),
                attempt.started_at.into(),
                attempt.ended_at.into(),
                attempt.phase.into(),
                attempt.class.into(),
                (&attempt.code).into(),
                (&attempt.reply).into(),
                (&attempt.refused).into(),
                attempt.decision.into(),
                attempt.message_sha256.into(),
                attempt.message_date.into(),
                attempt.sender_key.map(|key| key.0).into(),
            ]
        }),
    )
    .run(on)
    .await?;
    Ok(())
}

/// Writes how deliveries ended, and all that comes of it. What is left of one that a person holds (`held`) is held too.
pub(in crate::store) async fn settle(
    on: &mut Transaction,
    records: &[&Record],
    late: &HashSet<Claim>,
    held: &HashSet<Claim>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let settled = settled(records);
    let Some((first, _)) = settled.first() else { return Ok(()) };
    update_deliveries(on, &settled).await?;
    insert_outcomes(on, settled.iter().map(|(fence, settlement)| (fence.delivery, settlement.settled))).await?;

    let mut counts = BTreeMap::new();
    let (mut letters, mut rests, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    for (fence, settlement) in &settled {
        *counts.entry(settlement.settled).or_insert(0) += 1;
        if late.contains(&fence.claim()) {
            *counts.entry(Settled::Uncertain).or_insert(0) -= 1;
        }
        letters.extend(settlement.dead_letter.clone());
        if let Some(rest) = &settlement.rest {
            rests.push(rest.delivery.clone());
            let by_hand = held.contains(&fence.claim()).then(|| BY_HAND.to_owned());
            entries.push(NewLaneEntry { held: by_hand.or_else(|| rest.entry.held.clone()), ..rest.entry.clone() });
        }
    }
    insert_dead_letters(on, &letters).await?;
    insert_deliveries(on, &rests).await?;
    insert_lane_entries(on, &entries, now).await?;
    // Last, because others wait for these rows until this commits.
    count_settled(on, first.delivery, &counts).await
}

async fn update_deliveries(on: &mut Transaction, settled: &[(Fence, &Settlement)]) -> Result<(), StoreError> {
    sql("WITH {given}
        UPDATE delivery SET settled = given.settled, settled_at = given.settled_at, class = given.class,
               reason = given.reason, attempts = given.attempts, claim = given.claim, decision = given.decision,
               portal_access = given.portal_access, portal_method = given.portal_method,
               -- Without a message of this attempt, what is kept of an earlier one that the relay may hold.
               decision_reason = COALESCE(given.decision_reason, delivery.decision_reason),
               decision_inputs = COALESCE(given.decision_inputs, delivery.decision_inputs),
               message_id = COALESCE(given.message_id, delivery.message_id),
               message_sha256 = COALESCE(given.message_sha256, delivery.message_sha256),
               -- With its digest or not at all.
               message_date = CASE WHEN given.message_sha256 IS NULL THEN delivery.message_date ELSE given.message_date END,
               message_size = COALESCE(given.message_size, delivery.message_size),
               attachments = COALESCE(given.attachments, delivery.attachments), phase = given.phase,
               code = given.code
        FROM given WHERE delivery.id = given.given_id")
    .given(
        "given_id uuid, claim bigint, settled text, settled_at bigint, class text, reason text, attempts bigint, \
         decision text, portal_access text, portal_method text, decision_reason text, decision_inputs text, message_id text, message_sha256 bytea, \
         message_date bigint, message_size bigint, attachments text, phase text, code text",
        settled.iter().map(|(fence, settlement)| {
            let [id, claim, _] = fence.values();
            let [decision, access, method] = terms_values(settlement.decision);
            [
                id,
                claim,
                settlement.settled.into(),
                settlement.at.into(),
                settlement.class.into(),
                (&settlement.reason).into(),
                settlement.attempts.into(),
                decision,
                access,
                method,
                settlement.decision_reason.into(),
                (&settlement.decision_inputs).into(),
                (&settlement.message_id).into(),
                settlement.message_sha256.into(),
                settlement.message_date.into(),
                Value::from(settlement.message_size.map(|size| i64::try_from(size).unwrap_or(i64::MAX))),
                (&settlement.attachments).into(),
                settlement.phase.into(),
                (&settlement.code).into(),
            ]
        }),
    )
    .run(on)
    .await?;
    Ok(())
}

/// What is recorded of a late answer whose customer was erased ([`erased`](crate::store::delivery::erased)).
pub(in crate::store) fn nameless(record: &Record) -> Record {
    let attempt = record.attempt.clone().map(|attempt| NewAttempt { reply: None, refused: None, ..attempt });
    let known = match &record.next {
        NextState::Settled(settlement) => Settlement { dead_letter: None, rest: None, ..(**settlement).clone() },
        NextState::Due(due) => Settlement {
            settled: Settled::Cancelled,
            at: due.due_at,
            class: ReasonCode::ByHand,
            reason: None,
            attempts: due.attempts,
            decision: due.decision,
            decision_reason: None,
            decision_inputs: None,
            message_id: None,
            message_sha256: attempt.as_ref().and_then(|attempt| attempt.message_sha256),
            message_date: attempt.as_ref().and_then(|attempt| attempt.message_date),
            message_size: None,
            attachments: None,
            phase: attempt.as_ref().and_then(|attempt| attempt.phase),
            code: attempt.as_ref().and_then(|attempt| attempt.code.clone()),
            dead_letter: None,
            rest: None,
        },
    };
    let at = record.attempt.as_ref().map_or(known.at, |attempt| attempt.ended_at);
    let settlement = match known.settled {
        Settled::Sent | Settled::Rejected => Settlement { reason: None, ..known },
        _ => Settlement {
            settled: Settled::Cancelled,
            at,
            class: ReasonCode::ByHand,
            reason: Some("the relay did not take it, and the customer was erased: it is not sent again".to_owned()),
            ..known
        },
    };
    Record { fence: record.fence, attempt, next: NextState::Settled(Box::new(settlement)) }
}
