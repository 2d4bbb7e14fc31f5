//! Records the results of attempts: the delivery is due again, or concluded.
//!
//! A batch of records is one transaction. Each record rests on its claim; two more cases count as the same attempt's:
//! a late answer, which still moves a delivery that was declared uncertain in between, and a record that is repeated
//! because the first answer of the database was lost.

mod accepted_late;
pub(in crate::store) mod attempt_record;
pub(in crate::store) mod conclude;
mod late;

use attempt_record::{BackToDue, NextState, Record, Recorded, concluded};
use std::collections::{BTreeMap, HashMap, HashSet};

use super::claim::{Claim, Fence};
use super::held::{BY_HAND, TENANT_PAUSED};
use super::takeover::resent::keep_late_answers;
use crate::clock::Timestamp;
use crate::failpoint::{self, Failpoint};
use crate::model::ids::DeliveryId;
use crate::model::note::NoteKind;
use crate::model::state::Concluded;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{rows, sql};
use crate::store::delivery::erased;
use crate::store::delivery::kept_message::{KeptMessage, keep_messages};
use crate::store::delivery::notes::{DISPATCHER, NewNote, insert_new_notes, insert_notes};
use crate::store::delivery::terms::terms_values;
use accepted_late::conclude_accepted_late;
use conclude::{anonymized, conclude, insert_attempts};
use late::{find_late, send_late_again};

use crate::store::{Store, Transaction};

impl Store {
    /// Records what came of a batch of claims, all or nothing; answers in the order of `records`. Two of them may be of
    /// one delivery, if a claim was released, that answer was lost, and it was claimed again: the current claim counts.
    pub async fn record(&self, records: &[Record]) -> Result<Vec<Recorded>, StoreError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        // In order, so that two batches never wait for each other in a ring.
        let mut sorted: Vec<&Record> = records.iter().collect();
        sorted.sort_by_key(|record| record.fence);
        sorted.dedup_by_key(|record| record.fence);
        let mut transaction = self.begin().await?;
        let held_meanwhile = waiting_on(&mut transaction, &sorted).await?;
        replace(&mut sorted, &held_meanwhile);
        let TakenClaims { claims: fresh, mut held } = take_from_lane(&mut transaction, &sorted, self.now()).await?;
        let claims = without(&sorted, &fresh).into_iter().map(|record| record.fence);
        let erased = erased::among(&mut transaction, claims).await?;
        let anonymized: Vec<Record> =
            records.iter().filter(|record| erased.contains(&record.fence.claim())).map(anonymized).collect();
        replace(&mut sorted, &anonymized);
        let late = find_late(&mut transaction, &without(&sorted, &fresh)).await?;
        let by_hand = late.held.iter().filter(|(_, held)| *held == BY_HAND).map(|(claim, _)| *claim);
        let late_and_held = while_held(&sorted, &by_hand.collect());
        replace(&mut sorted, &late_and_held);
        let remaining: Vec<&Record> = without(&sorted, &fresh);
        send_late_again(&mut transaction, &remaining, &late, self.now()).await?;
        held.extend(late.held);
        let late = late.claims;
        let others = without(&remaining, &late);
        let answered = keep_late_answers(&mut transaction, &others, self.now()).await?;
        let others = without(&others, &answered);
        let repeated = find_repeated(&mut transaction, &others).await?;
        keep_overtaken(&mut transaction, &without(&others, &repeated), self.now()).await?;

        sorted.retain(|record| fresh.contains(&record.fence.claim()) || late.contains(&record.fence.claim()));
        insert_attempts(&mut transaction, &sorted).await?;
        conclude(&mut transaction, &sorted, &late, &held, self.now()).await?;
        let uncertain = sorted.iter().filter(|record| record.is_uncertain()).map(|record| record.fence.delivery);
        let accepted_late = uncertain.chain(answered.iter().map(|(delivery, _)| *delivery)).collect();
        conclude_accepted_late(&mut transaction, &accepted_late, || self.clock().new_id(), self.now()).await?;
        failpoint::reach(Failpoint::BeforeRecordCommit);
        transaction.commit().await?;
        Ok(records
            .iter()
            .map(|record| record.fence.claim())
            .map(|claim| {
                let done = fresh.contains(&claim) || late.contains(&claim) || repeated.contains(&claim);
                if done { Recorded::Done } else { Recorded::Lost }
            })
            .collect())
    }
}

fn without<'r>(records: &[&'r Record], taken: &HashSet<Claim>) -> Vec<&'r Record> {
    records.iter().copied().filter(|record| !taken.contains(&record.fence.claim())).collect()
}

/// Puts `others` in the place of the records of the same claims.
fn replace<'r>(records: &mut [&'r Record], others: &'r [Record]) {
    for record in records {
        if let Some(other) = others.iter().find(|other| other.fence == record.fence) {
            *record = other;
        }
    }
}

fn due<'r>(records: &[&'r Record]) -> Vec<(Fence, &'r BackToDue)> {
    let due = |record: &&'r Record| match &record.next {
        NextState::Due(due) => Some((record.fence, &**due)),
        NextState::Concluded(_) => None,
    };
    records.iter().filter_map(due).collect()
}

/// Claims that held, and were ended by their records.
#[derive(Default)]
struct TakenClaims {
    claims: HashSet<Claim>,
    /// What a person held meanwhile, of the ones that have concluded, and as what.
    held: HashMap<Claim, String>,
}

/// Whether a person decided that it waits: the delivery alone, or all of its tenant's.
fn is_held_by_people(held: &str) -> bool {
    held == BY_HAND || held == TENANT_PAUSED
}

/// What is written in place of records whose deliveries a person holds in their lane by now, and which do not end for that
/// reason. ([`late`] looks for those that were declared uncertain.)
///
/// The rows stay locked, a hold that comes later waits for what is written: all of the batch in their order, since some of
/// them first and the others later could close a ring with another transaction. A tenant's pause needs no such look, since
/// what comes back after its end reads it from the tenant.
async fn waiting_on(on: &mut Transaction, records: &[&Record]) -> Result<Vec<Record>, StoreError> {
    if records.iter().all(|record| record.if_held().is_none()) {
        return Ok(Vec::new());
    }
    let rows = sql("WITH {rows}
        SELECT lane_entry.delivery_id, lane_entry.claim, lane_entry.held
        FROM rows JOIN lane_entry ON lane_entry.delivery_id = rows.id AND lane_entry.claim = rows.claim
                         AND lane_entry.worker_id IS NOT DISTINCT FROM rows.worker_id
        WHERE lane_entry.state = 'sending'
        ORDER BY lane_entry.delivery_id {postgres: FOR UPDATE OF lane_entry}")
    .rows("id uuid, claim bigint, worker_id uuid", records.iter().map(|record| record.fence.values()))
    .all(on)
    .await?;
    let mut held: HashSet<Claim> = HashSet::new();
    for row in &rows {
        if row.get::<Option<String>>("held")?.as_deref() == Some(BY_HAND) {
            held.insert((row.get("delivery_id")?, row.get("claim")?));
        }
    }
    Ok(while_held(records, &held))
}

/// What is written in place of those of `records` that would end, although a person holds their deliveries (`held`).
fn while_held(records: &[&Record], held: &HashSet<Claim>) -> Vec<Record> {
    let waits = |record: &&Record| {
        let due = record.if_held().filter(|_| held.contains(&record.fence.claim()))?;
        let next = NextState::Due(Box::new(due.clone()));
        Some(Record { fence: record.fence, attempt: record.attempt.clone(), next })
    };
    records.iter().filter_map(waits).collect()
}

/// Puts lane entries back to due or removes them, where the claim still holds; returns whose did.
async fn take_from_lane(on: &mut Transaction, records: &[&Record], now: Timestamp) -> Result<TakenClaims, StoreError> {
    let mut taken = TakenClaims::default();
    let concluded = concluded(records);
    if !concluded.is_empty() {
        let rows = sql("WITH {rows}
            DELETE FROM lane_entry
            WHERE (delivery_id, claim, COALESCE(worker_id, delivery_id)) IN (SELECT id, claim, worker_id FROM rows) AND state = 'sending'
            RETURNING delivery_id, claim, held")
        .rows("id uuid, claim bigint, worker_id uuid", concluded.iter().map(|(fence, _)| fence.values()))
        .all(on)
        .await?;
        for row in &rows {
            let claim = (row.get("delivery_id")?, row.get("claim")?);
            taken.claims.insert(claim);
            if let Some(held) = row.get::<Option<String>>("held")?.filter(|held| is_held_by_people(held)) {
                taken.held.insert(claim, held);
            }
        }
    }
    let due = due(records);
    let back = back_to_due(on, &due, now).await?;
    keep_messages(on, &kept(due.iter().filter(|(fence, _)| back.contains(&fence.claim())))).await?;
    insert_new_notes(on, &new_notes(due.iter().filter(|(fence, _)| back.contains(&fence.claim()))), now).await?;
    taken.claims.extend(back);
    Ok(taken)
}

/// What the relay may hold of those that are sent once more.
fn kept<'r>(due: impl Iterator<Item = &'r (Fence, &'r BackToDue)>) -> Vec<(DeliveryId, &'r KeptMessage)> {
    due.filter_map(|(fence, due)| due.message.as_deref().map(|message| (fence.delivery, message))).collect()
}

/// What the timelines are to say of those that are sent again.
fn new_notes<'r>(due: impl Iterator<Item = &'r (Fence, &'r BackToDue)>) -> Vec<NewNote> {
    due.filter_map(|(fence, due)| Some(NewNote { delivery: fence.delivery, kind: due.note.clone()? })).collect()
}

async fn back_to_due(
    on: &mut Transaction,
    due: &[(Fence, &BackToDue)],
    now: Timestamp,
) -> Result<Vec<Claim>, StoreError> {
    if due.is_empty() {
        return Ok(Vec::new());
    }
    sql("WITH {rows}
        UPDATE lane_entry SET {assignments}, state = 'due', worker_id = NULL, data_started = FALSE,
               -- What a person holds stays held, whatever else would hold it or let it go.
               fair_rank = CASE WHEN rows.due_at <= $1 AND rows._held IS NULL THEN lane_entry.fair_rank END,
               held = CASE WHEN lane_entry.held = $2 OR lane_entry.held = $3 THEN lane_entry.held ELSE rows._held END,
               -- Of an attempt that decided nothing, what an earlier one decided: a retry never becomes less strict.
               portal_access = CASE WHEN rows._decision IS NULL THEN lane_entry.portal_access ELSE rows._access END,
               portal_method = CASE WHEN rows._decision IS NULL THEN lane_entry.portal_method ELSE rows._method END,
               decision = COALESCE(rows._decision, lane_entry.decision),
               -- A message that is composed anew is another one.
               message_sha256 = CASE WHEN rows._anew THEN NULL ELSE lane_entry.message_sha256 END,
               message_date = CASE WHEN rows._anew THEN NULL ELSE lane_entry.message_date END
        FROM rows
        WHERE lane_entry.delivery_id = rows._id AND lane_entry.claim = rows._claim
          AND lane_entry.worker_id IS NOT DISTINCT FROM rows._worker AND lane_entry.state = 'sending'
        RETURNING lane_entry.delivery_id, lane_entry.claim")
    .bind(now)
    .bind(BY_HAND)
    .bind(TENANT_PAUSED)
    .batch(rows!(due, |(fence, due)|
        let [id, claim, worker] = fence.values();
        let [decision, access, method] = terms_values(due.decision);
        {
            _id: uuid = id,
            _claim: bigint = claim,
            _worker: uuid = worker,
            due_at: bigint = due.due_at,
            attempts: bigint = due.attempts,
            last_class: text = due.last_class,
            last_reply: text = &due.last_reply,
            first_failed_at: bigint = due.first_failed_at,
            missing_since: bigint = due.missing_since,
            refused_for_size: boolean = due.refused_for_size,
            without_utf8: boolean = due.without_utf8,
            may_be_out: boolean = due.may_be_out,
            _decision: text = decision,
            _access: text = access,
            _method: text = method,
            _held: text = &due.held,
            _anew: boolean = due.anew,
        }
    ))
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("delivery_id")?, row.get("claim")?)))
    .collect()
}

/// Keeps the attempts of claims whose delivery a person has concluded meanwhile (resent an uncertain one, or marked it
/// as sent), so that the timeline shows what the relay replied in the end. The delivery's state does not change.
async fn keep_overtaken(on: &mut Transaction, records: &[&Record], now: Timestamp) -> Result<(), StoreError> {
    let tried: Vec<&Record> = records.iter().copied().filter(|record| record.attempt.is_some()).collect();
    if tried.is_empty() {
        return Ok(());
    }
    let concluded: BTreeMap<Claim, Concluded> = sql("WITH {rows}
        SELECT delivery.id, delivery.claim, delivery.concluded
        FROM rows JOIN delivery ON delivery.id = rows.id AND delivery.claim = rows.claim
        WHERE delivery.concluded IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.delivery_id = rows.id AND attempt.claim = rows.claim)")
    .rows("id uuid, claim bigint", tried.iter().map(|record| [record.fence.delivery.into(), record.fence.claim.into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| Ok(((row.get("id")?, row.get("claim")?), row.get("concluded")?)))
    .collect::<Result<_, StoreError>>()?;
    let kept: Vec<&Record> = tried.into_iter().filter(|record| concluded.contains_key(&record.fence.claim())).collect();
    insert_attempts(on, &kept).await?;
    for record in kept {
        let Some(attempt) = &record.attempt else { continue };
        let stays = Some(concluded[&record.fence.claim()]);
        let note = NoteKind::LateAnswer { class: attempt.class, code: attempt.code.clone(), stays };
        insert_notes(on, &[record.fence.delivery], DISPATCHER, &note.into(), now).await?;
    }
    Ok(())
}

/// Finds records that stand already: the database took them, and its answer was lost.
async fn find_repeated(on: &mut Transaction, records: &[&Record]) -> Result<HashSet<Claim>, StoreError> {
    if records.is_empty() {
        return Ok(HashSet::new());
    }
    sql("WITH {rows}
        SELECT rows.id, CAST(rows.claim AS INTEGER) AS claim FROM rows
        WHERE EXISTS (SELECT 1 FROM attempt WHERE attempt.delivery_id = rows.id AND attempt.claim = rows.claim
                                              AND attempt.worker_id = rows.worker_id)
           OR EXISTS (SELECT 1 FROM delivery WHERE delivery.id = rows.id AND delivery.claim = rows.claim
                                               AND delivery.concluded = rows.concluded)")
    .rows(
        "id uuid, claim bigint, worker_id uuid, concluded text",
        records.iter().map(|record| {
            let [id, claim, worker] = record.fence.values();
            let concluded = match &record.next {
                NextState::Concluded(conclusion) => Some(conclusion.concluded),
                NextState::Due(_) => None,
            };
            [id, claim, worker, concluded.into()]
        }),
    )
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("id")?, row.get("claim")?)))
    .collect()
}
