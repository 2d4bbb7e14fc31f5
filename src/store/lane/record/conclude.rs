//! What is written when deliveries conclude: their result and attempts, outcomes, dead letters, deliveries of
//! recipients that are left, and counts.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::attempt_record::{Conclusion, NewAttempt, NextState, Record, concluded};
use crate::clock::Timestamp;
use crate::model::reason::ReasonCode;
use crate::model::state::Concluded;
use crate::store::Transaction;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{rows, sql};
use crate::store::delivery::terms::terms_values;
use crate::store::intake::new_dead_letter::insert_dead_letters;
use crate::store::intake::new_delivery::insert_deliveries;
use crate::store::intake::new_lane_entry::{NewLaneEntry, insert_lane_entries};
use crate::store::lane::claim::{Claim, Fence};
use crate::store::lane::held::{BY_HAND, may_come_back};
use crate::store::lane::hold_mark;
use crate::store::outbox::outcomes::insert_outcomes;
use crate::store::upkeep::concluded_count::count_concluded;

/// Writes the attempts of records that count; one that stands already stays.
pub(in crate::store) async fn insert_attempts(on: &mut Transaction, records: &[&Record]) -> Result<(), StoreError> {
    let attempts: Vec<_> =
        records.iter().filter_map(|record| record.attempt.as_ref().map(|attempt| (record.fence, attempt))).collect();
    if attempts.is_empty() {
        return Ok(());
    }
    sql("WITH {rows} INSERT INTO attempt ({columns}) SELECT * FROM rows WHERE TRUE
        ON CONFLICT (delivery_id, claim) DO NOTHING")
    .batch(rows!(attempts, |(fence, attempt)| {
        delivery_id: uuid = fence.delivery,
        claim: bigint = fence.claim,
        worker_id: uuid = fence.worker,
        relay: text = &attempt.relay,
        started_at: bigint = attempt.started_at,
        ended_at: bigint = attempt.ended_at,
        phase: text = attempt.phase,
        class: text = attempt.class,
        code: text = &attempt.code,
        reply: text = &attempt.reply,
        refused: text = &attempt.refused,
        decision: text = attempt.decision,
        message_sha256: bytea = attempt.message_sha256,
        message_date: bigint = attempt.message_date,
        sender_key: bigint = attempt.sender_key.map(|key| key.0),
    }))
    .run(on)
    .await?;
    Ok(())
}

/// Writes how deliveries ended, and all that comes of it. What is left of one that people hold (`held`, and as what) is
/// held too, and what may come back by itself keeps that a person holds it.
pub(in crate::store) async fn conclude(
    on: &mut Transaction,
    records: &[&Record],
    late: &HashSet<Claim>,
    held: &HashMap<Claim, String>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let concluded = concluded(records);
    let Some((first, _)) = concluded.first() else { return Ok(()) };
    update_deliveries(on, &concluded).await?;
    let by_hand = |claim: Claim| held.get(&claim).is_some_and(|held| held == BY_HAND);
    let kept = concluded
        .iter()
        .filter(|(fence, conclusion)| may_come_back(conclusion.concluded) && by_hand(fence.claim()))
        .map(|(fence, _)| fence.delivery);
    hold_mark::mark(on, &kept.collect::<Vec<_>>()).await?;
    insert_outcomes(on, concluded.iter().map(|(fence, conclusion)| (fence.delivery, conclusion.concluded))).await?;

    let mut counts = BTreeMap::new();
    let (mut letters, mut rests, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    for (fence, conclusion) in &concluded {
        *counts.entry(conclusion.concluded).or_insert(0) += 1;
        if late.contains(&fence.claim()) {
            *counts.entry(Concluded::Uncertain).or_insert(0) -= 1;
        }
        letters.extend(conclusion.dead_letter.clone());
        if let Some(rest) = &conclusion.rest {
            rests.push(rest.delivery.clone());
            let by_people = held.get(&fence.claim()).cloned();
            entries.push(NewLaneEntry { held: by_people.or_else(|| rest.entry.held.clone()), ..rest.entry.clone() });
        }
    }
    insert_dead_letters(on, &letters).await?;
    insert_deliveries(on, &rests).await?;
    insert_lane_entries(on, &entries, now).await?;
    // Last, because others wait for these rows until this commits.
    count_concluded(on, first.delivery, &counts).await
}

async fn update_deliveries(on: &mut Transaction, concluded: &[(Fence, &Conclusion)]) -> Result<(), StoreError> {
    sql("WITH {rows}
        UPDATE delivery SET {assignments},
               -- Without a message of this attempt, what is kept of an earlier one that the relay may hold.
               decision_reason = COALESCE(rows._decision_reason, delivery.decision_reason),
               decision_inputs = COALESCE(rows._decision_inputs, delivery.decision_inputs),
               message_id = COALESCE(rows._message_id, delivery.message_id),
               message_sha256 = COALESCE(rows._message_sha256, delivery.message_sha256),
               message_size = COALESCE(rows._message_size, delivery.message_size),
               attachments = COALESCE(rows._attachments, delivery.attachments),
               -- With its digest or not at all.
               message_date = CASE WHEN rows._message_sha256 IS NULL THEN delivery.message_date
                                   ELSE rows._message_date END
        FROM rows WHERE delivery.id = rows._id")
    .batch(rows!(concluded, |(fence, conclusion)|
        let [id, claim, _] = fence.values();
        let [decision, access, method] = terms_values(conclusion.decision);
        {
            _id: uuid = id,
            claim: bigint = claim,
            concluded: text = conclusion.concluded,
            concluded_at: bigint = conclusion.at,
            class: text = conclusion.class,
            reason: text = &conclusion.reason,
            attempts: bigint = conclusion.attempts,
            decision: text = decision,
            portal_access: text = access,
            portal_method: text = method,
            phase: text = conclusion.phase,
            code: text = &conclusion.code,
            _decision_reason: text = conclusion.decision_reason,
            _decision_inputs: text = &conclusion.decision_inputs,
            _message_id: text = &conclusion.message_id,
            _message_sha256: bytea = conclusion.message_sha256,
            _message_date: bigint = conclusion.message_date,
            _message_size: bigint = conclusion.message_size.map(|size| i64::try_from(size).unwrap_or(i64::MAX)),
            _attachments: text = &conclusion.attachments,
        }
    ))
    .run(on)
    .await?;
    Ok(())
}

/// What is recorded of a late answer whose customer was erased ([`erased`](crate::store::delivery::erased)).
pub(in crate::store) fn anonymized(record: &Record) -> Record {
    let attempt = record.attempt.clone().map(|attempt| NewAttempt { reply: None, refused: None, ..attempt });
    let known = match &record.next {
        NextState::Concluded(conclusion) => {
            Conclusion { dead_letter: None, rest: None, if_held: None, ..(**conclusion).clone() }
        }
        NextState::Due(due) => Conclusion {
            concluded: Concluded::Cancelled,
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
            if_held: None,
        },
    };
    let at = record.attempt.as_ref().map_or(known.at, |attempt| attempt.ended_at);
    let conclusion = match known.concluded {
        Concluded::Sent | Concluded::Rejected => Conclusion { reason: None, ..known },
        _ => Conclusion {
            concluded: Concluded::Cancelled,
            at,
            class: ReasonCode::ByHand,
            reason: Some("the relay did not take it, and the customer was erased: it is not sent again".to_owned()),
            ..known
        },
    };
    Record { fence: record.fence, attempt, next: NextState::Concluded(Box::new(conclusion)) }
}
