//! Deliveries of workers that died or ended, and deliveries that expired before they were sent.

pub(in crate::store) mod resent;

use std::collections::BTreeMap;

use super::claim::{Claimed, Fence};
use super::held::{BY_HAND, may_come_back};
use super::relay::relay_state::give_probes_back;
use crate::clock::Timestamp;
use crate::model::ids::{DeliveryId, WorkerId};
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::model::state::Concluded;
use crate::policy::decision::Terms;
use crate::sha256::Sha256;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{rows, sql};
use crate::store::db::value::Row;
use crate::store::delivery::kept_message::describe_messages;
use crate::store::delivery::terms::{read_terms, terms_values};
use crate::store::outbox::outcomes::insert_outcomes;
use crate::store::upkeep::concluded_count::count_concluded;
use crate::store::{Store, Transaction};
use resent::send_once_more;

/// So many workers may die with a delivery in flight before its DATA; then it becomes a dead letter.
pub const TAKEOVERS_MAX: u32 = 3;

/// What became of a dead worker's claims.
#[derive(Debug, Clone, Default)]
pub struct TakenOver {
    /// Back to due: their DATA had not started.
    pub due: Vec<DeliveryId>,
    /// Due once more: the relay may hold their message, and its configuration wants it sent again.
    pub resent: Vec<DeliveryId>,
    /// Uncertain: the relay may hold their message.
    pub uncertain: Vec<DeliveryId>,
    /// Claimed by the caller, who makes dead letters of them: too many workers died with them.
    pub given_up: Vec<Claimed>,
}

/// What became of the claims of a worker that ended in order.
#[derive(Debug, Clone, Default)]
pub struct Leaving {
    /// Back to due: their DATA had not started. This does not count as a worker's death.
    pub due: u64,
    /// As of [`TakenOver`].
    pub resent: Vec<DeliveryId>,
    /// Uncertain: the relay may hold their message, and its reply is not waited for any more.
    pub uncertain: Vec<DeliveryId>,
}

impl Store {
    /// Puts the deliveries of `worker` back and deregisters it. It ends in order, so none of them counts as a suspect.
    pub async fn leave(&self, worker: WorkerId) -> Result<Leaving, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let on = &mut transaction;
        let due = sql("UPDATE lane_entry SET state = 'due', due_at = $2, worker_id = NULL
            WHERE worker_id = $1 AND NOT data_started")
        .bind(worker)
        .bind(now)
        .run(on)
        .await?;
        let resent = self.resend_of(on, worker, now).await?;
        let uncertain = declare_uncertain(on, worker, now).await?;
        give_probes_back(on, worker).await?;
        sql("DELETE FROM worker WHERE id = $1").bind(worker).run(on).await?;
        transaction.commit().await?;
        Ok(Leaving { due, resent, uncertain })
    }

    /// Takes over the deliveries of `dead` and deregisters it; `by` is the caller. Of two callers at once, each gets
    /// some.
    pub async fn take_over(&self, dead: WorkerId, by: WorkerId) -> Result<TakenOver, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let on = &mut transaction;
        let given_up = give_up(on, dead, by).await?;
        let due = sql("UPDATE lane_entry SET state = 'due', due_at = $2, worker_id = NULL, takeovers = takeovers + 1
            WHERE worker_id = $1 AND NOT data_started RETURNING delivery_id")
        .bind(dead)
        .bind(now)
        .all(on)
        .await?;
        let due = due.iter().map(|row| row.get("delivery_id")).collect::<Result<_, _>>()?;
        let resent = self.resend_of(on, dead, now).await?;
        let uncertain = declare_uncertain(on, dead, now).await?;
        give_probes_back(on, dead).await?;
        // Another process may take the leases of the dead one. A process that ends in order releases them itself, when
        // the task that holds them has ended.
        sql("DELETE FROM lease WHERE holder IN (SELECT lease_holder FROM worker WHERE id = $1)")
            .bind(dead)
            .run(on)
            .await?;
        sql("DELETE FROM worker WHERE id = $1").bind(dead).run(on).await?;
        transaction.commit().await?;
        Ok(TakenOver { due, resent, uncertain, given_up })
    }

    /// Puts back what `worker` had begun to hand over and is sent once more.
    async fn resend_of(
        &self,
        on: &mut Transaction,
        worker: WorkerId,
        now: Timestamp,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        if self.resent_by.is_empty() {
            return Ok(Vec::new());
        }
        let started = sql("SELECT delivery_id, relay, may_be_out FROM lane_entry
            WHERE worker_id = $1 AND data_started ORDER BY delivery_id {postgres: FOR UPDATE}")
        .bind(worker)
        .all(on)
        .await?;
        send_once_more(on, &self.resent_by, &started, now).await
    }

    /// Workers that hold deliveries and are not registered any more: their heartbeat is not observed.
    pub async fn unregistered_workers(&self) -> Result<Vec<WorkerId>, StoreError> {
        sql("SELECT DISTINCT worker_id FROM lane_entry WHERE worker_id IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = lane_entry.worker_id)")
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| row.get("worker_id"))
        .collect()
    }

    /// Ends up to `limit` due deliveries whose `expires_at` has passed; returns them. What the relay may hold
    /// has not expired, but is uncertain.
    pub async fn expire(&self, limit: u32) -> Result<Vec<DeliveryId>, StoreError> {
        let now = self.now();
        let overdue = "SELECT delivery_id FROM lane_entry WHERE expires_at <= $1 AND expires_at IS NOT NULL
            AND state = 'due' ORDER BY expires_at LIMIT 1";
        if sql(overdue).bind(now).optional(&mut self.read().await?).await?.is_none() {
            return Ok(Vec::new());
        }
        let mut transaction = self.begin().await?;
        let rows = sql("WITH picked AS MATERIALIZED (
                SELECT delivery_id FROM lane_entry
                WHERE expires_at <= $1 AND expires_at IS NOT NULL AND state = 'due'
                ORDER BY expires_at LIMIT $2 {postgres: FOR UPDATE SKIP LOCKED})
            DELETE FROM lane_entry WHERE delivery_id IN (SELECT delivery_id FROM picked)
            RETURNING delivery_id, attempts, claim, decision, portal_access, portal_method, decision_reason,
                      decision_inputs, message_sha256, message_date, held, may_be_out")
        .bind(now)
        .bind(limit)
        .all(&mut transaction)
        .await?;
        let (mut expired, mut uncertain) = (Vec::new(), Vec::new());
        for row in &rows {
            let left = if row.get("may_be_out")? { &mut uncertain } else { &mut expired };
            left.push(Left::read(row)?);
        }
        let why = "the event's expires_at passed before it could be sent";
        conclude_left(&mut transaction, &expired, Concluded::Expired, ReasonCode::Expired, why, now).await?;
        let why = "the event's expires_at passed before it could be sent again; the relay may hold it";
        conclude_left(&mut transaction, &uncertain, Concluded::Uncertain, ReasonCode::Uncertain, why, now).await?;
        transaction.commit().await?;
        Ok(expired.into_iter().map(|left| left.delivery).collect())
    }
}

impl Store {
    /// Declares claims uncertain whose DATA has started and whose end will not be recorded; returns whose it was. Those
    /// whose relay is configured so are sent once more instead.
    pub async fn abandon(&self, fences: &[Fence]) -> Result<Vec<DeliveryId>, StoreError> {
        if fences.is_empty() {
            return Ok(Vec::new());
        }
        let mut transaction = self.begin().await?;
        if !self.resent_by.is_empty() {
            let started = sql("WITH {rows}
                SELECT lane_entry.delivery_id, lane_entry.relay, lane_entry.may_be_out
                FROM rows JOIN lane_entry ON lane_entry.delivery_id = rows.id AND lane_entry.claim = rows.claim
                                          AND lane_entry.worker_id IS NOT DISTINCT FROM rows.worker_id
                WHERE lane_entry.data_started ORDER BY lane_entry.delivery_id {postgres: FOR UPDATE OF lane_entry}")
            .rows("id uuid, claim bigint, worker_id uuid", fences.iter().map(Fence::values))
            .all(&mut transaction)
            .await?;
            send_once_more(&mut transaction, &self.resent_by, &started, self.now()).await?;
        }
        let rows = sql("WITH {rows}
            DELETE FROM lane_entry
            WHERE (delivery_id, claim, COALESCE(worker_id, delivery_id)) IN (SELECT id, claim, worker_id FROM rows) AND data_started
            RETURNING delivery_id, attempts, claim, decision, portal_access, portal_method, decision_reason,
                      decision_inputs, message_sha256, message_date, held")
        .rows("id uuid, claim bigint, worker_id uuid", fences.iter().map(Fence::values))
        .all(&mut transaction)
        .await?;
        let left = rows.iter().map(Left::read_started).collect::<Result<Vec<_>, _>>()?;
        let why = "how the message was handed over could not be recorded; the relay may hold it";
        conclude_left(&mut transaction, &left, Concluded::Uncertain, ReasonCode::Uncertain, why, self.now()).await?;
        let uncertain: Vec<_> = left.into_iter().map(|left| left.delivery).collect();
        describe_messages(&mut transaction, &uncertain).await?;
        transaction.commit().await?;
        Ok(uncertain)
    }
}

/// Claims what too many workers have died with for the caller.
async fn give_up(on: &mut Transaction, dead: WorkerId, by: WorkerId) -> Result<Vec<Claimed>, StoreError> {
    sql("UPDATE lane_entry SET worker_id = $2, claim = claim + 1, takeovers = takeovers + 1
        WHERE worker_id = $1 AND NOT data_started AND takeovers >= $3
        RETURNING delivery_id, relay, tenant_id, customer_id, claim, attempts, takeovers, decision,
                  portal_access, portal_method, message_sha256, message_date, refused_for_size, without_utf8, may_be_out, missing_since, first_failed_at, expires_at, express, fair_rank")
    .bind(dead)
    .bind(by)
    .bind(TAKEOVERS_MAX - 1)
    .all(on)
    .await?
    .iter()
    .map(Claimed::read)
    .collect()
}

async fn declare_uncertain(
    on: &mut Transaction,
    dead: WorkerId,
    now: Timestamp,
) -> Result<Vec<DeliveryId>, StoreError> {
    let left = sql("DELETE FROM lane_entry WHERE worker_id = $1 AND data_started
        RETURNING delivery_id, attempts, claim, decision, portal_access, portal_method, decision_reason,
                  decision_inputs, message_sha256, message_date, held")
    .bind(dead)
    .all(on)
    .await?;
    let left = left.iter().map(Left::read_started).collect::<Result<Vec<_>, _>>()?;
    let why = "the worker ended while it handed the message over; the relay may hold it";
    conclude_left(on, &left, Concluded::Uncertain, ReasonCode::Uncertain, why, now).await?;
    let uncertain: Vec<_> = left.into_iter().map(|left| left.delivery).collect();
    describe_messages(on, &uncertain).await?;
    Ok(uncertain)
}

/// What a lane entry leaves behind when it goes without a record.
pub(in crate::store) struct Left {
    pub(in crate::store) delivery: DeliveryId,
    phase: Option<Phase>,
    attempts: u32,
    claim: u32,
    terms: Option<Terms>,
    decision_reason: Option<String>,
    decision_inputs: Option<String>,
    message_sha256: Option<Sha256>,
    message_date: Option<Timestamp>,
    /// A person held it by itself.
    held_by_hand: bool,
}

impl Left {
    /// As [`Left::read`], of one whose DATA had started.
    fn read_started(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { phase: Some(Phase::Data), ..Self::read(row)? })
    }

    /// Reads what a deleted lane entry returns.
    pub(in crate::store) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            delivery: row.get("delivery_id")?,
            phase: None,
            attempts: row.get("attempts")?,
            claim: row.get("claim")?,
            terms: read_terms(row)?,
            decision_reason: row.get("decision_reason")?,
            decision_inputs: row.get("decision_inputs")?,
            message_sha256: row.get("message_sha256")?,
            message_date: row.get("message_date")?,
            held_by_hand: row.get::<Option<String>>("held")?.as_deref() == Some(BY_HAND),
        })
    }
}

/// Concludes deliveries whose attempt was not finished. What a person held, and may come back by itself, stays held.
pub(in crate::store) async fn conclude_left(
    on: &mut Transaction,
    left: &[Left],
    concluded: Concluded,
    class: ReasonCode,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(first) = left.first() else { return Ok(()) };
    sql("WITH {rows}
        UPDATE delivery SET concluded = $1, concluded_at = $2, class = $3, reason = $4, {assignments}
        FROM rows WHERE delivery.id = rows._id")
    .bind(concluded)
    .bind(now)
    .bind(class)
    .bind(reason)
    .batch(rows!(left, |left|
        let [decision, access, method] = terms_values(left.terms);
        {
            _id: uuid = left.delivery,
            phase: text = left.phase,
            attempts: bigint = left.attempts,
            claim: bigint = left.claim,
            decision: text = decision,
            portal_access: text = access,
            portal_method: text = method,
            decision_reason: text = &left.decision_reason,
            decision_inputs: text = &left.decision_inputs,
            message_sha256: bytea = left.message_sha256,
            message_date: bigint = left.message_date,
            held_by_hand: boolean = (left.held_by_hand && may_come_back(concluded)).then_some(true),
        }
    ))
    .run(on)
    .await?;
    insert_outcomes(on, left.iter().map(|left| (left.delivery, concluded))).await?;
    let count = i64::try_from(left.len()).unwrap_or(i64::MAX);
    count_concluded(on, first.delivery, &BTreeMap::from([(concluded, count)])).await
}
