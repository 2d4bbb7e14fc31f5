//! Claims: which worker sends which delivery.
//!
//! A claim is a committed update, so no lock is held while SMTP runs. Each claim of a delivery has a number; with the
//! worker it is the fence that every later write names.
//!
//! Statements that name fences find their rows by `delivery_id`. They compare the worker in a way that no index serves
//! (`COALESCE(worker_id, delivery_id)`, `IS NOT DISTINCT FROM`): by the index of workers PostgreSQL would read all that
//! the worker holds for each row of the batch.

pub(in crate::store) mod fair_queue;
pub(in crate::store) mod fair_share;

use std::collections::HashSet;

use crate::clock::Timestamp;
use crate::model::ids::{CustomerId, DeliveryId, RelayName, TenantId, WorkerId};
use crate::policy::decision::Terms;
use crate::sha256::Sha256;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::db::value::Row;
use crate::store::delivery::terms::read_terms;
use crate::store::{DatabaseConnection, Store};
use fair_share::{ReadyRow, fair_share};

/// A delivery that this worker now owns.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
pub struct Claimed {
    pub delivery: DeliveryId,
    /// The lane.
    pub relay: RelayName,
    /// Whose invoice it is.
    pub tenant: TenantId,
    pub customer: CustomerId,
    /// Which claim of the delivery this is.
    pub claim: u32,
    /// Attempts consumed of the retry schedule.
    pub attempts: u32,
    /// Workers that died with it before DATA.
    pub takeovers: u32,
    /// What an earlier attempt decided: a retry never widens it.
    pub earlier: Option<Terms>,
    /// The digest of the message that was last permitted to go out.
    pub message_sha256: Option<Sha256>,
    /// Its Date; without a digest that of a rest's root.
    pub message_date: Option<Timestamp>,
    /// The relay has refused the message for its size.
    pub refused_for_size: bool,
    /// The message is composed without the copies and the Reply-To that need SMTPUTF8.
    pub without_utf8: bool,
    /// An uncertain attempt was followed by this one: the relay may hold the message already.
    pub may_be_out: bool,
    /// Since when a document is missed.
    pub missing_since: Option<Timestamp>,
    /// Since when attempts fail.
    pub first_failed_at: Option<Timestamp>,
    /// Not to be sent after.
    pub expires_at: Option<Timestamp>,
    /// A person waits for it.
    pub express: bool,
    /// Its place in the lane.
    pub rank: i64,
}

/// What fences a write: the delivery, its claim, and who claimed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fence {
    pub delivery: DeliveryId,
    pub claim: u32,
    /// Who claimed it.
    pub worker: WorkerId,
}

/// A row that a worker holds, as the database knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldRow {
    /// The claim.
    pub fence: Fence,
    /// The relay may hold the message.
    pub data_started: bool,
}

impl Claimed {
    /// What fences the writes of this claim.
    #[must_use]
    pub const fn fence(&self, worker: WorkerId) -> Fence {
        Fence { delivery: self.delivery, claim: self.claim, worker }
    }

    pub(in crate::store) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            delivery: row.get("delivery_id")?,
            relay: row.get("relay")?,
            tenant: row.get("tenant_id")?,
            customer: row.get("customer_id")?,
            claim: row.get("claim")?,
            attempts: row.get("attempts")?,
            takeovers: row.get("takeovers")?,
            earlier: read_terms(row)?,
            message_sha256: row.get("message_sha256")?,
            message_date: row.get("message_date")?,
            refused_for_size: row.get("refused_for_size")?,
            without_utf8: row.get("without_utf8")?,
            may_be_out: row.get("may_be_out")?,
            missing_since: row.get("missing_since")?,
            first_failed_at: row.get("first_failed_at")?,
            expires_at: row.get("expires_at")?,
            express: row.get("express")?,
            rank: row.get::<Option<i64>>("fair_rank")?.unwrap_or(0),
        })
    }
}

impl Store {
    /// Claims up to `limit` due deliveries of one relay, fairest first; returns what `worker` now owns: nothing, if
    /// the others have called it dead, since they would take each claim away again.
    ///
    /// Up to `express_limit` of them are express ones, which go first; the rest go in order of rank, and what is
    /// left is filled with express ones again. The search begins at `floor_rank`: index entries of what was claimed
    /// before then cost nothing, even while a long snapshot keeps them. It is only a hint when fewer than `limit` are
    /// found above it; but as deliveries that come back keep their old rank, ask from 0 at least once a second. What
    /// workers died with is left to [`Store::claim_suspect`].
    ///
    /// Deliveries of the tenants in `left_out` are passed over, save express ones: each of theirs that stands above
    /// `floor_rank` costs some microseconds, so then what stands below it is not looked at.
    pub async fn claim_due(
        &self,
        relay: &RelayName,
        worker: WorkerId,
        limit: u32,
        express_limit: u32,
        floor_rank: i64,
        left_out: &[TenantId],
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut connection = self.write().await?;
        let limits = (limit, express_limit);
        let mut claimed = self.claim_above(&mut connection, relay, worker, limits, floor_rank, left_out).await?;
        let found = u32::try_from(claimed.len()).unwrap_or(limit);
        if floor_rank > 0 && found < limit && left_out.is_empty() {
            let rest = (limit - found, express_limit.saturating_sub(found));
            match self.claim_above(&mut connection, relay, worker, rest, 0, left_out).await {
                Ok(more) => claimed.extend(more),
                // What was claimed is claimed all the same.
                Err(error) if claimed.is_empty() => return Err(error),
                Err(error) => tracing::debug!(%error, relay = %relay, "no more could be claimed"),
            }
        }
        if let Some(rank) = claimed.iter().filter(|claimed| !claimed.express).map(|claimed| claimed.rank).max()
            && let Err(error) = fair_queue::move_on(&mut connection, relay, rank).await
        {
            // The deliveries are claimed all the same; the next claim moves the time on.
            tracing::debug!(%error, relay = %relay, "failed to advance the lane's virtual time");
        }
        claimed.sort_by_key(|claimed| (!claimed.express, claimed.rank, claimed.delivery));
        Ok(claimed)
    }

    async fn claim_above(
        &self,
        connection: &mut DatabaseConnection,
        relay: &RelayName,
        worker: WorkerId,
        (limit, express_limit): (u32, u32),
        floor_rank: i64,
        left_out: &[TenantId],
    ) -> Result<Vec<Claimed>, StoreError> {
        // UNION ALL keeps its order, and LIMIT stops asking (and locking) once it has enough.
        sql("WITH {rows}, picked AS MATERIALIZED (
                SELECT delivery_id FROM (
                    -- What a person waits for, up to its share.
                    SELECT * FROM (
                        SELECT delivery_id FROM lane_entry
                        WHERE relay = $1 AND express = TRUE AND state = 'due' AND fair_rank IS NOT NULL
                          AND takeovers = 0
                          AND (expires_at IS NULL OR expires_at > $6)
                        ORDER BY fair_rank LIMIT $4 {postgres: FOR UPDATE SKIP LOCKED}) AS express_first
                    UNION ALL
                    -- The fairest share, from the low mark on: below it an open snapshot may keep thousands of dead rows.
                    SELECT * FROM (
                        SELECT delivery_id FROM lane_entry
                        WHERE relay = $1 AND express = FALSE AND state = 'due' AND fair_rank IS NOT NULL
                          AND takeovers = 0
                          AND fair_rank >= $5 AND (expires_at IS NULL OR expires_at > $6)
                          AND tenant_id NOT IN (SELECT tenant_id FROM rows)
                        ORDER BY fair_rank LIMIT $3 {postgres: FOR UPDATE SKIP LOCKED}) AS by_rank
                    UNION ALL
                    -- Where that is less than fits, more of what a person waits for.
                    SELECT * FROM (
                        SELECT delivery_id FROM lane_entry
                        WHERE relay = $1 AND express = TRUE AND state = 'due' AND fair_rank IS NOT NULL
                          AND takeovers = 0
                          AND (expires_at IS NULL OR expires_at > $6)
                        ORDER BY fair_rank LIMIT $3 OFFSET $4 {postgres: FOR UPDATE SKIP LOCKED}) AS more_express
                ) AS candidates LIMIT $3)
            UPDATE lane_entry SET state = 'sending', worker_id = $2, claim = claim + 1, due_at = NULL
            WHERE delivery_id IN (SELECT delivery_id FROM picked) AND state = 'due'
              -- A worker that the others have called dead claims nothing more: others work on what it had.
              AND EXISTS (SELECT 1 FROM worker WHERE worker.id = $2)
            RETURNING delivery_id, relay, tenant_id, customer_id, claim, attempts, takeovers, decision,
                      portal_access, portal_method, message_sha256, message_date, refused_for_size, without_utf8,
                      may_be_out, missing_since, first_failed_at, expires_at, express, fair_rank")
        .bind(relay)
        .bind(worker)
        .bind(limit)
        .bind(express_limit)
        .bind(floor_rank)
        .bind(self.now())
        .rows("tenant_id text", left_out.iter().map(|tenant| [tenant.into()]))
        .all(connection)
        .await?
        .iter()
        .map(Claimed::read)
        .collect()
    }

    /// Claims the due delivery of one relay that workers died with, the least suspect first.
    pub async fn claim_suspect(&self, relay: &RelayName, worker: WorkerId) -> Result<Option<Claimed>, StoreError> {
        sql("UPDATE lane_entry SET state = 'sending', worker_id = $2, claim = claim + 1, due_at = NULL
            WHERE delivery_id IN (
                SELECT delivery_id FROM lane_entry
                WHERE relay = $1 AND takeovers > 0 AND state = 'due' AND fair_rank IS NOT NULL
                  AND (expires_at IS NULL OR expires_at > $3)
                ORDER BY takeovers, fair_rank LIMIT 1 {postgres: FOR UPDATE SKIP LOCKED})
              AND EXISTS (SELECT 1 FROM worker WHERE worker.id = $2)
            RETURNING delivery_id, relay, tenant_id, customer_id, claim, attempts, takeovers, decision,
                      portal_access, portal_method, message_sha256, message_date, refused_for_size, without_utf8, may_be_out, missing_since, first_failed_at, expires_at, express, fair_rank")
        .bind(relay)
        .bind(worker)
        .bind(self.now())
        .optional(&mut self.write().await?)
        .await?
        .map(|row| Claimed::read(&row))
        .transpose()
    }

    /// Every row that `worker` holds.
    pub async fn held_by(&self, worker: WorkerId) -> Result<Vec<HeldRow>, StoreError> {
        sql("SELECT delivery_id, claim, data_started FROM lane_entry WHERE worker_id = $1 AND worker_id IS NOT NULL")
            .bind(worker)
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(|row| {
                let fence = Fence { delivery: row.get("delivery_id")?, claim: row.get("claim")?, worker };
                Ok(HeldRow { fence, data_started: row.get("data_started")? })
            })
            .collect()
    }

    /// Gives claims back whose DATA has not started, as a worker does that drains; they keep their place.
    /// Returns how many were still its own.
    pub async fn release(&self, fences: &[Fence]) -> Result<u64, StoreError> {
        if fences.is_empty() {
            return Ok(0);
        }
        sql("WITH {rows}
            UPDATE lane_entry SET state = 'due', due_at = $1, worker_id = NULL
            WHERE (delivery_id, claim, COALESCE(worker_id, delivery_id)) IN (SELECT id, claim, worker_id FROM rows)
              AND state = 'sending' AND NOT data_started")
        .bind(self.now())
        .rows("id uuid, claim bigint, worker_id uuid", fences.iter().map(Fence::values))
        .run(&mut self.write().await?)
        .await
    }
}

/// A delivery, and which claim of it.
pub(in crate::store) type Claim = (DeliveryId, u32);

impl Fence {
    /// Whose claim it is left out: no two workers have the same.
    pub(in crate::store) const fn claim(&self) -> Claim {
        (self.delivery, self.claim)
    }

    pub(in crate::store) fn values<'v>(&self) -> [crate::store::db::value::Value<'v>; 3] {
        [self.delivery.into(), self.claim.into(), self.worker.into()]
    }
}

/// Gives ranks to due deliveries whose time has come; returns how many.
async fn enqueue_ready_in(on: &mut impl StatementExecutor, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
    let oldest = sql("SELECT delivery_id, relay, tenant_id FROM lane_entry
        WHERE due_at <= $1 AND due_at IS NOT NULL AND fair_rank IS NULL AND held IS NULL
        ORDER BY due_at LIMIT $2 {postgres: FOR UPDATE SKIP LOCKED}")
    .bind(now)
    .bind(limit)
    .all(on)
    .await?;
    let mut ready = oldest.iter().map(fair_share::read).collect::<Result<Vec<ReadyRow>, StoreError>>()?;
    if ready.is_empty() {
        return Ok(0);
    }
    if ready.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
        // More than these: no tenant's may stand behind all of another tenant's.
        let known: HashSet<DeliveryId> = ready.iter().map(|(delivery, ..)| *delivery).collect();
        let share = fair_share(on, now, limit).await?;
        ready.extend(share.into_iter().filter(|(delivery, ..)| !known.contains(delivery)));
    }
    let mut places = fair_queue::take_places(on, ready.iter().map(|(_, relay, tenant)| (relay, tenant))).await?;
    sql("WITH {rows}
        UPDATE lane_entry SET fair_rank = rows.place FROM rows WHERE lane_entry.delivery_id = rows.id")
    .rows(
        "id uuid, place bigint",
        ready.iter().map(|(delivery, relay, tenant)| [(*delivery).into(), places.next(relay, tenant).into()]),
    )
    .run(on)
    .await?;
    Ok(ready.len())
}

impl Store {
    /// Gives a place in its lane to the `limit` due deliveries whose time came first, and if there are more, to as many
    /// in equal shares of all tenants; returns how many got one. As long as that is `limit` or more, there may be more.
    pub async fn enqueue_ready(&self, limit: u32) -> Result<usize, StoreError> {
        if self.nothing_is_ready().await? {
            return Ok(0);
        }
        let mut transaction = self.begin().await?;
        let ranked = enqueue_ready_in(&mut transaction, self.now(), limit).await?;
        transaction.commit().await?;
        Ok(ranked)
    }

    /// Asked every second by every worker: it must not open a transaction for nothing.
    async fn nothing_is_ready(&self) -> Result<bool, StoreError> {
        let row = sql("SELECT delivery_id FROM lane_entry
            WHERE due_at <= $1 AND due_at IS NOT NULL AND fair_rank IS NULL AND held IS NULL LIMIT 1")
        .bind(self.now())
        .optional(&mut self.read().await?)
        .await?;
        Ok(row.is_none())
    }

    /// Whether a delivery of this lane may be claimed now.
    pub async fn has_ready(&self, relay: &RelayName) -> Result<bool, StoreError> {
        let row = sql("SELECT delivery_id FROM lane_entry
            WHERE relay = $1 AND express IN (TRUE, FALSE) AND state = 'due' AND fair_rank IS NOT NULL LIMIT 1")
        .bind(relay)
        .optional(&mut self.read().await?)
        .await?;
        Ok(row.is_some())
    }

    /// When the next due delivery of a lane gets its place: nothing is due before.
    pub async fn next_ready_at(&self, relay: &RelayName) -> Result<Option<Timestamp>, StoreError> {
        sql("SELECT MIN(due_at) AS due_at FROM lane_entry
            WHERE relay = $1 AND due_at IS NOT NULL AND fair_rank IS NULL AND held IS NULL")
        .bind(relay)
        .one(&mut self.read().await?)
        .await?
        .get("due_at")
    }
}
