//! What came of an attempt: back to due, or settled.
//!
//! A batch of records is one transaction. Each record rests on its claim; two more cases count as the same attempt's:
//! a late answer, which still moves a delivery that was declared uncertain in between, and a record that is repeated
//! because the first answer of the database was lost.

use std::collections::{BTreeMap, HashSet};

use super::claim::{Claim, Fence};
use super::delivery::erased;
use super::error::StoreError;
use super::hold::BY_HAND;
use super::kept_message::{KeptMessage, keep_messages};
use super::new_rows::{NewDeadLetter, NewDelivery, NewLaneEntry};
use super::notes::{NewNote, insert_new_notes, insert_notes};
use super::settle::{insert_attempts, nameless, settle};
use super::settled_count::count_settled;
use super::statement::sql;
use super::terms::terms_values;
use super::{Store, Transaction};
use crate::class::Class;
use crate::clock::Timestamp;
use crate::decision::{Decision, Reason, Terms};
use crate::failpoint::{self, Failpoint};
use crate::ids::{DeliveryId, RelayName, Sha256};
use crate::policy::sender_key::SenderKey;
use crate::relay::outcome::Phase;
use crate::retry::Settled;

/// Who notes at a delivery what no person did.
const DISPATCHER: &str = "dispatcher";

/// What came of one claim.
#[derive(Debug, Clone)]
pub struct Record {
    /// The claim.
    pub fence: Fence,
    /// The SMTP transaction, if there was one.
    pub attempt: Option<NewAttempt>,
    /// What follows.
    pub next: Next,
}

/// One SMTP transaction, ended.
#[derive(Debug, Clone)]
pub struct NewAttempt {
    /// The relay that it was made with.
    pub relay: RelayName,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Where in the conversation it ended.
    pub phase: Option<Phase>,
    /// How it ended.
    pub class: Class,
    /// The relay's code, as `550 5.7.1`.
    pub code: Option<String>,
    /// The relay's words.
    pub reply: Option<String>,
    /// JSON: recipients that were refused or deferred, with their replies.
    pub refused: Option<String>,
    /// Documents or a link.
    pub decision: Option<Decision>,
    /// The message's digest.
    pub message_sha256: Option<Sha256>,
    /// The message's Date.
    pub message_date: Option<Timestamp>,
    /// Whose mail it was, if the answer may speak of its sender.
    pub sender_key: Option<SenderKey>,
}

/// What follows an attempt.
#[derive(Debug, Clone)]
pub enum Next {
    /// It is sent again.
    Due(Box<BackToDue>),
    /// It has ended.
    Settled(Box<Settlement>),
}

/// A delivery that is sent again. What is due at once keeps its place in the lane.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column, or says what becomes of one")]
pub struct BackToDue {
    /// When.
    pub due_at: Timestamp,
    /// Attempts consumed, this one included if it counts.
    pub attempts: u32,
    /// How the last attempt ended.
    pub last_class: Option<Class>,
    /// What the relay said.
    pub last_reply: Option<String>,
    /// Since when attempts fail.
    pub first_failed_at: Option<Timestamp>,
    /// Since when a document is missed.
    pub missing_since: Option<Timestamp>,
    /// The relay has refused the message for its size.
    pub refused_for_size: bool,
    /// The message is composed without the copies and the Reply-To that need SMTPUTF8.
    pub without_utf8: bool,
    /// The relay may hold the message already, and it is sent once more.
    pub may_be_out: bool,
    /// What was decided; `None` leaves what an earlier attempt decided.
    pub decision: Option<Terms>,
    /// The message that the relay may hold, kept on the delivery: it is told even if no other attempt is made.
    pub message: Option<Box<KeptMessage>>,
    /// Why it is not sent although its time has come.
    pub held: Option<String>,
    /// What the delivery's story is to say of it; without addresses.
    pub note: Option<String>,
    /// The next message is composed anew, whatever was permitted before: nobody has that, and it would be dated long
    /// before it is sent.
    pub anew: bool,
}

/// A delivery that has ended.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// How.
    pub settled: Settled,
    /// When.
    pub at: Timestamp,
    /// Why, for programs.
    pub class: Class,
    /// Why, for people.
    pub reason: Option<String>,
    /// Attempts consumed.
    pub attempts: u32,
    /// Documents or a link, and what the portal asks.
    pub decision: Option<Terms>,
    /// Why; here and in what follows, `None` leaves what is kept of a message that the relay may hold.
    pub decision_reason: Option<Reason>,
    /// JSON: what was decided upon.
    pub decision_inputs: Option<String>,
    /// The Message-ID, without angle brackets.
    pub message_id: Option<String>,
    /// The message's digest.
    pub message_sha256: Option<Sha256>,
    /// The message's Date, with its digest.
    pub message_date: Option<Timestamp>,
    /// The message's size in bytes.
    pub message_size: Option<u64>,
    /// JSON: what was attached ([`crate::compose::Attachment`]).
    pub attachments: Option<String>,
    /// Where in the conversation it ended.
    pub phase: Option<Phase>,
    /// The relay's code.
    pub code: Option<String>,
    /// Its dead letter, if it is dead.
    pub dead_letter: Option<NewDeadLetter>,
    /// The delivery of the recipients that were deferred while others were accepted.
    pub rest: Option<Rest>,
}

/// A delivery of what was left over.
#[derive(Debug, Clone)]
pub struct Rest {
    /// The delivery.
    pub delivery: NewDelivery,
    /// Its place in the lane.
    pub entry: NewLaneEntry,
}

/// Whether a record was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It stands.
    Done,
    /// The claim is not the caller's any more; whoever has it acts next. If the delivery was settled otherwise
    /// meanwhile, the attempt is kept all the same.
    Lost,
}

impl Store {
    /// Records what came of a batch of claims, all or nothing; answers in the order of `records`. Two of them may be of
    /// one delivery, if a claim was given back unheard and made again: the one whose claim stands counts.
    pub async fn record(&self, records: &[Record]) -> Result<Vec<Recorded>, StoreError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        // In order, so that two batches never wait for each other in a ring.
        let mut sorted: Vec<&Record> = records.iter().collect();
        sorted.sort_by_key(|record| record.fence);
        sorted.dedup_by_key(|record| record.fence);
        let mut transaction = self.begin().await?;
        let Taken { claims: fresh, held } = take_from_lane(&mut transaction, &sorted, self.now()).await?;
        let claims = without(&sorted, &fresh).into_iter().map(|record| record.fence);
        let erased = erased::among(&mut transaction, claims).await?;
        let nameless: Vec<Record> =
            records.iter().filter(|record| erased.contains(&record.fence.claim())).map(nameless).collect();
        for record in &mut sorted {
            if let Some(other) = nameless.iter().find(|other| other.fence == record.fence) {
                *record = other;
            }
        }
        let remaining: Vec<&Record> = without(&sorted, &fresh);
        let late = take_late(&mut transaction, &remaining, self.now()).await?;
        let others = without(&remaining, &late);
        let repeated = find_repeated(&mut transaction, &others).await?;
        keep_overtaken(&mut transaction, &without(&others, &repeated), self.now()).await?;

        sorted.retain(|record| fresh.contains(&record.fence.claim()) || late.contains(&record.fence.claim()));
        insert_attempts(&mut transaction, &sorted).await?;
        settle(&mut transaction, &sorted, &late, &held, self.now()).await?;
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

fn due<'r>(records: &[&'r Record]) -> Vec<(Fence, &'r BackToDue)> {
    let due = |record: &&'r Record| match &record.next {
        Next::Due(due) => Some((record.fence, &**due)),
        Next::Settled(_) => None,
    };
    records.iter().filter_map(due).collect()
}

pub(super) fn settled<'r>(records: &[&'r Record]) -> Vec<(Fence, &'r Settlement)> {
    let settled = |record: &&'r Record| match &record.next {
        Next::Settled(settlement) => Some((record.fence, &**settlement)),
        Next::Due(_) => None,
    };
    records.iter().filter_map(settled).collect()
}

/// Claims that held, and were ended by their records.
#[derive(Default)]
struct Taken {
    claims: HashSet<Claim>,
    /// Those that a person held meanwhile, of the ones that have settled.
    held: HashSet<Claim>,
}

/// Puts lane entries back to due or removes them, where the claim still holds; returns whose did.
async fn take_from_lane(on: &mut Transaction, records: &[&Record], now: Timestamp) -> Result<Taken, StoreError> {
    let mut taken = Taken::default();
    let settled = settled(records);
    if !settled.is_empty() {
        let rows = sql("WITH {given}
            DELETE FROM lane_entry
            WHERE (delivery_id, claim, COALESCE(worker_id, delivery_id)) IN (SELECT id, claim, worker_id FROM given) AND state = 'sending'
            RETURNING delivery_id, claim, held")
        .given("id uuid, claim bigint, worker_id uuid", settled.iter().map(|(fence, _)| fence.values()))
        .all(on)
        .await?;
        for row in &rows {
            let claim = (row.get("delivery_id")?, row.get("claim")?);
            taken.claims.insert(claim);
            if row.get::<Option<String>>("held")?.as_deref() == Some(BY_HAND) {
                taken.held.insert(claim);
            }
        }
    }
    let due = due(records);
    let back = back_to_due(on, &due, now).await?;
    keep_messages(on, &kept(due.iter().filter(|(fence, _)| back.contains(&fence.claim())))).await?;
    let note = |(fence, due): &(Fence, &BackToDue)| {
        let note = due.note.clone().filter(|_| back.contains(&fence.claim()));
        note.map(|what| NewNote { delivery: fence.delivery, what })
    };
    insert_new_notes(on, &due.iter().filter_map(note).collect::<Vec<_>>(), now).await?;
    taken.claims.extend(back);
    Ok(taken)
}

/// What the relay may hold of those that are sent once more.
fn kept<'r>(due: impl Iterator<Item = &'r (Fence, &'r BackToDue)>) -> Vec<(DeliveryId, &'r KeptMessage)> {
    due.filter_map(|(fence, due)| due.message.as_deref().map(|message| (fence.delivery, message))).collect()
}

async fn back_to_due(
    on: &mut Transaction,
    due: &[(Fence, &BackToDue)],
    now: Timestamp,
) -> Result<Vec<Claim>, StoreError> {
    if due.is_empty() {
        return Ok(Vec::new());
    }
    sql("WITH {given}
        UPDATE lane_entry SET state = 'due', worker_id = NULL, data_started = FALSE, due_at = given.due_at,
               -- What a person holds stays held, whatever else would hold it or let it go.
               fair_rank = CASE WHEN given.due_at <= $1 AND given.held IS NULL THEN lane_entry.fair_rank END,
               attempts = given.attempts, last_class = given.last_class, last_reply = given.last_reply,
               first_failed_at = given.first_failed_at, missing_since = given.missing_since,
               refused_for_size = given.refused_for_size, without_utf8 = given.without_utf8,
               may_be_out = given.may_be_out,
               held = CASE WHEN lane_entry.held = $2 THEN lane_entry.held ELSE given.held END,
               portal_access = CASE WHEN given.decision IS NULL THEN lane_entry.portal_access ELSE given.portal_access END,
               portal_method = CASE WHEN given.decision IS NULL THEN lane_entry.portal_method ELSE given.portal_method END,
               decision = COALESCE(given.decision, lane_entry.decision),
               message_sha256 = CASE WHEN given.anew THEN NULL ELSE lane_entry.message_sha256 END,
               message_date = CASE WHEN given.anew THEN NULL ELSE lane_entry.message_date END
        FROM given
        WHERE lane_entry.delivery_id = given.id AND lane_entry.claim = given.claim
          AND lane_entry.worker_id IS NOT DISTINCT FROM given.worker_id AND lane_entry.state = 'sending'
        RETURNING lane_entry.delivery_id, lane_entry.claim")
    .bind(now)
    .bind(BY_HAND)
    .given(
        "id uuid, claim bigint, worker_id uuid, due_at bigint, attempts bigint, last_class text, last_reply text, \
         first_failed_at bigint, missing_since bigint, refused_for_size boolean, without_utf8 boolean, may_be_out boolean, decision text, \
         portal_access text, portal_method text, held text, anew boolean",
        due.iter().map(|(fence, due)| {
            let [id, claim, worker] = fence.values();
            let [decision, access, method] = terms_values(due.decision);
            [
                id,
                claim,
                worker,
                due.due_at.into(),
                due.attempts.into(),
                due.last_class.into(),
                (&due.last_reply).into(),
                due.first_failed_at.into(),
                due.missing_since.into(),
                due.refused_for_size.into(),
                due.without_utf8.into(),
                due.may_be_out.into(),
                decision,
                access,
                method,
                (&due.held).into(),
                due.anew.into(),
            ]
        }),
    )
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("delivery_id")?, row.get("claim")?)))
    .collect()
}

/// Finds deliveries that were declared uncertain in the claim that now answers after all, and locks them. Those that
/// are to be sent again get their lane entry back.
async fn take_late(on: &mut Transaction, records: &[&Record], now: Timestamp) -> Result<HashSet<Claim>, StoreError> {
    if records.is_empty() {
        return Ok(HashSet::new());
    }
    let late: HashSet<Claim> = sql("WITH {given}
        SELECT delivery.id, delivery.claim FROM given JOIN delivery ON delivery.id = given.id AND delivery.claim = given.claim
        WHERE delivery.settled = 'uncertain' ORDER BY delivery.id {postgres: FOR UPDATE OF delivery}")
    .given("id uuid, claim bigint, worker_id uuid", records.iter().map(|record| record.fence.values()))
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("id")?, row.get("claim")?)))
    .collect::<Result<_, StoreError>>()?;

    let back: Vec<_> = due(records).into_iter().filter(|(fence, _)| late.contains(&fence.claim())).collect();
    if let Some((first, _)) = back.first() {
        sql("WITH {given}
            INSERT INTO lane_entry (delivery_id, relay, tenant_id, customer_id, state, expires_at, claim, worker_id,
                                    decision, portal_access, portal_method, decision_reason, decision_inputs,
                                    message_sha256, message_date)
            SELECT delivery.id, tenant.relay, delivery.tenant_id, delivery.customer_id, 'sending',
                   delivery.expires_at, given.claim, given.worker_id, delivery.decision, delivery.portal_access,
                   delivery.portal_method, delivery.decision_reason, delivery.decision_inputs, delivery.message_sha256,
                   delivery.message_date
            FROM given JOIN delivery ON delivery.id = given.id JOIN tenant ON tenant.id = delivery.tenant_id")
        .given("id uuid, claim bigint, worker_id uuid", back.iter().map(|(fence, _)| fence.values()))
        .run(on)
        .await?;
        sql("WITH {given}
            UPDATE delivery SET settled = NULL, settled_at = NULL, class = NULL, reason = NULL
            WHERE id IN (SELECT id FROM given)")
        .given("id uuid", back.iter().map(|(fence, _)| [fence.delivery.into()]))
        .run(on)
        .await?;
        let fewer = -i64::try_from(back.len()).unwrap_or(i64::MAX);
        count_settled(on, first.delivery, &BTreeMap::from([(Settled::Uncertain, fewer)])).await?;
        back_to_due(on, &back, now).await?;
        keep_messages(on, &kept(back.iter())).await?;
    }
    Ok(late)
}

/// Keeps the attempts of claims whose delivery somebody has settled otherwise meanwhile: who resent an uncertain one, or
/// marked it as sent, is told by them what the relay answered in the end. The delivery stays where it was put.
async fn keep_overtaken(on: &mut Transaction, records: &[&Record], now: Timestamp) -> Result<(), StoreError> {
    let tried: Vec<&Record> = records.iter().copied().filter(|record| record.attempt.is_some()).collect();
    if tried.is_empty() {
        return Ok(());
    }
    let settled: BTreeMap<Claim, Settled> = sql("WITH {given}
        SELECT delivery.id, delivery.claim, delivery.settled
        FROM given JOIN delivery ON delivery.id = given.id AND delivery.claim = given.claim
        WHERE delivery.settled IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.delivery_id = given.id AND attempt.claim = given.claim)")
    .given(
        "id uuid, claim bigint",
        tried.iter().map(|record| [record.fence.delivery.into(), record.fence.claim.into()]),
    )
    .all(on)
    .await?
    .iter()
    .map(|row| Ok(((row.get("id")?, row.get("claim")?), row.get("settled")?)))
    .collect::<Result<_, StoreError>>()?;
    let kept: Vec<&Record> = tried.into_iter().filter(|record| settled.contains_key(&record.fence.claim())).collect();
    insert_attempts(on, &kept).await?;
    for record in kept {
        let Some(attempt) = &record.attempt else { continue };
        let (class, code) = (attempt.class, attempt.code.as_deref().unwrap_or("no reply"));
        let stands = settled[&record.fence.claim()];
        let what = format!("the relay answered late: {class} ({code}); the delivery stays {stands}");
        insert_notes(on, &[record.fence.delivery], DISPATCHER, &what, now).await?;
    }
    Ok(())
}

/// Finds records that stand already: the database took them, and its answer was lost.
async fn find_repeated(on: &mut Transaction, records: &[&Record]) -> Result<HashSet<Claim>, StoreError> {
    if records.is_empty() {
        return Ok(HashSet::new());
    }
    sql("WITH {given}
        SELECT given.id, CAST(given.claim AS INTEGER) AS claim FROM given
        WHERE EXISTS (SELECT 1 FROM attempt WHERE attempt.delivery_id = given.id AND attempt.claim = given.claim
                                              AND attempt.worker_id = given.worker_id)
           OR EXISTS (SELECT 1 FROM delivery WHERE delivery.id = given.id AND delivery.claim = given.claim
                                               AND delivery.settled = given.settled)")
    .given(
        "id uuid, claim bigint, worker_id uuid, settled text",
        records.iter().map(|record| {
            let [id, claim, worker] = record.fence.values();
            let settled = match &record.next {
                Next::Settled(settlement) => Some(settlement.settled),
                Next::Due(_) => None,
            };
            [id, claim, worker, settled.into()]
        }),
    )
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("id")?, row.get("claim")?)))
    .collect()
}
