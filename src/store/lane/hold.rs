//! Holding deliveries by hand, for example before the first start after a database was restored: the backup does not
//! say which of them were sent after it was made.

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{DeliveryId, TenantId};
use crate::model::note::NoteKind;
use crate::policy::sender_trip::LOST_WITHIN;
use crate::store::db::deadlock::repeat_after_deadlock;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::delivery::notes::insert_notes;
use crate::store::lane::held::{BEHIND, BY_HAND, due_behind, held_if_paused};
use crate::store::lane::hold_mark::{is_anything_free, is_anything_held, mark_ended, unmark};
use crate::store::people::audit::append::{NewAuditEntry, append};
use crate::store::{Store, Transaction};

/// Rows in one transaction.
const BATCH_MAX: u32 = 5_000;
/// So far apart may the clocks be of the worker that recorded a refusal, of the one that holds its sender, and of this
/// process.
pub(super) const CLOCKS_APART: Duration = Duration::from_mins(10);

/// How many deliveries a hold met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeldCounts {
    /// Not sent until they are let go.
    pub held: u64,
    /// DATA had begun before: their message may be out, and they are held only if they come back.
    pub under_way: u64,
}

/// How many deliveries are not held by hand any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LetGoCounts {
    /// All of them that wait.
    pub let_go: u64,
    /// Those of them that wait on, because their tenant is paused.
    pub tenant_paused: u64,
}

impl Store {
    /// Holds every delivery that waits, of one tenant or of all; returns how many.
    ///
    /// How long one has waited makes no difference: a backlog from before the backup may have gone out right after it.
    /// `since` is when the backup was made, to compare with the relay's log; it is noted at each. One that a
    /// worker has claimed gets no permit for DATA any more ([`Store::permit_data`]), and is held when it comes back.
    /// What is left of one that some recipients deferred is held with it, and a refusal that may be about its sender ends
    /// none that is held ([`Store::record`]).
    ///
    /// What has ended and may come back by itself is held if it does: `uncertain`, refused perhaps because of its sender, or
    /// dead for what it lacked; whether it ended before this, or held (`hold_mark`). So no takeover, late
    /// answer, sender's hold or auto-redrive has one sent that is held. A person's own redrive, resend or `sent` does.
    ///
    /// It returns when one statement, which sees one state of the database, has found nothing that is not held: each delivery
    /// is in its lane or has ended, and whoever moves one locks it and reads then whether it is held. What is taken in
    /// while it works may be held, too; what is taken in later is not.
    pub async fn hold(
        &self,
        since: Timestamp,
        tenant: Option<&TenantId>,
        who: &Actor,
    ) -> Result<HeldCounts, StoreError> {
        let who = &who.in_one_act();
        let mut all = HeldCounts::default();
        loop {
            let refused_since = repeat_after_deadlock(|| self.return_all_lost()).await?;
            if !is_anything_free(&mut self.read().await?, tenant, refused_since).await? {
                return Ok(all);
            }
            repeat_after_deadlock(|| self.mark_batch(tenant, who, since, refused_since)).await?;
            // Last, so that little is taken in between this and the look.
            let batch = repeat_after_deadlock(|| self.hold_batch(tenant, who, since)).await?;
            all.held += batch.held;
            all.under_way += batch.under_way;
        }
    }

    /// Brings back at once what the workers would bring back a moment later, so that it is held where people see it. Returns
    /// since when a refusal may have ended what these holds, or one that comes later, take back.
    async fn return_all_lost(&self) -> Result<Timestamp, StoreError> {
        let mut refused_since = self.now().minus(LOST_WITHIN);
        for hold in self.sender_holds().await? {
            if let Some(since) = hold.lost_since() {
                refused_since = refused_since.min(since);
                self.return_lost(&hold, since, BATCH_MAX).await?;
            }
        }
        for relay in self.refusing_relays().await? {
            refused_since = refused_since.min(relay.lost_since());
            self.return_refused(&relay, relay.lost_since(), BATCH_MAX).await?;
        }
        Ok(refused_since.minus(CLOCKS_APART))
    }

    /// Marks what has ended and may come back by itself.
    async fn mark_batch(
        &self,
        tenant: Option<&TenantId>,
        who: &Actor,
        since: Timestamp,
        refused_since: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let ended = mark_ended(&mut transaction, tenant, refused_since, BATCH_MAX).await?;
        let act = (AuditAction::DeliveriesHeld, tenant, who);
        self.keep_act(
            &mut transaction,
            &ended,
            act,
            NoteKind::HeldIfBack { since },
            json!({ "since": since, "ended": true }),
        )
        .await?;
        transaction.commit().await
    }

    async fn hold_batch(
        &self,
        tenant: Option<&TenantId>,
        who: &Actor,
        since: Timestamp,
    ) -> Result<HeldCounts, StoreError> {
        let mut transaction = self.begin().await?;
        // Whether DATA has begun is read from the row as it is once it is ours: a permit that came first is seen.
        let rows = sql("UPDATE lane_entry SET held = $1, fair_rank = NULL
            WHERE delivery_id IN (
                SELECT delivery_id FROM lane_entry
                WHERE (held IS NULL OR held <> $1) AND ($2 IS NULL OR tenant_id = $2)
                LIMIT $3)
            RETURNING delivery_id, data_started")
        .bind(BY_HAND)
        .bind(tenant)
        .bind(BATCH_MAX)
        .all(&mut transaction)
        .await?;
        let mut counts = HeldCounts::default();
        let mut deliveries = Vec::with_capacity(rows.len());
        for row in &rows {
            deliveries.push(row.get("delivery_id")?);
            let count = if row.get("data_started")? { &mut counts.under_way } else { &mut counts.held };
            *count += 1;
        }
        let act = (AuditAction::DeliveriesHeld, tenant, who);
        self.keep_act(&mut transaction, &deliveries, act, NoteKind::Held { since }, json!({ "since": since })).await?;
        transaction.commit().await?;
        Ok(counts)
    }

    /// Lets go what people hold, of one tenant or of all, also what has ended and would be held if it came back; returns how
    /// many of them wait. Each of these takes its place in its lane anew, what tripped a hold of its sender behind the others;
    /// but not those of a paused tenant, which its pause holds from then on.
    ///
    /// As a hold, it returns when one statement has found nothing more that is held.
    pub async fn let_go(&self, tenant: Option<&TenantId>, who: &Actor) -> Result<LetGoCounts, StoreError> {
        let who = &who.in_one_act();
        let mut all = LetGoCounts::default();
        while is_anything_held(&mut self.read().await?, tenant).await? {
            repeat_after_deadlock(|| self.unmark_batch(tenant, who)).await?;
            let batch = repeat_after_deadlock(|| self.let_go_batch(tenant, who)).await?;
            all.let_go += batch.let_go;
            all.tenant_paused += batch.tenant_paused;
        }
        Ok(all)
    }

    async fn let_go_batch(&self, tenant: Option<&TenantId>, who: &Actor) -> Result<LetGoCounts, StoreError> {
        let mut transaction = self.begin().await?;
        let rows = sql(concat!(
            "UPDATE lane_entry SET due_at = ",
            due_behind!("$4"),
            ", held = (SELECT ",
            held_if_paused!(),
            " FROM tenant WHERE tenant.id = lane_entry.tenant_id)
            -- Asked of the row as it is once it is locked, too.
            WHERE held = $1
              AND delivery_id IN (SELECT delivery_id FROM lane_entry
                                  WHERE held = $1 AND ($2 IS NULL OR tenant_id = $2) LIMIT $3)
            RETURNING delivery_id, held"
        ))
        .bind(BY_HAND)
        .bind(tenant)
        .bind(BATCH_MAX)
        .bind(self.now().plus(BEHIND))
        .all(&mut transaction)
        .await?;
        let mut counts = LetGoCounts::default();
        let mut deliveries = Vec::with_capacity(rows.len());
        for row in &rows {
            deliveries.push(row.get("delivery_id")?);
            counts.let_go += 1;
            counts.tenant_paused += u64::from(row.get::<Option<String>>("held")?.is_some());
        }
        let act = (AuditAction::DeliveriesReleased, tenant, who);
        self.keep_act(&mut transaction, &deliveries, act, NoteKind::LetGo, json!({})).await?;
        transaction.commit().await?;
        Ok(counts)
    }

    async fn unmark_batch(&self, tenant: Option<&TenantId>, who: &Actor) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let ended = unmark(&mut transaction, tenant, BATCH_MAX).await?;
        let act = (AuditAction::DeliveriesReleased, tenant, who);
        self.keep_act(&mut transaction, &ended, act, NoteKind::LetGo, json!({ "ended": true })).await?;
        transaction.commit().await
    }

    /// Notes at each delivery of a batch what was done, and keeps the act with what `change` says of it.
    async fn keep_act(
        &self,
        on: &mut Transaction,
        deliveries: &[DeliveryId],
        (action, tenant, who): (AuditAction, Option<&TenantId>, &Actor),
        note: NoteKind,
        mut change: Value,
    ) -> Result<(), StoreError> {
        if deliveries.is_empty() {
            return Ok(());
        }
        let now = self.now();
        insert_notes(on, deliveries, who.name(), &note.into(), now).await?;
        change["deliveries"] = deliveries.len().into();
        change["more"] = (deliveries.len() >= BATCH_MAX as usize).into();
        let entry = NewAuditEntry { tenant, ..NewAuditEntry::new(action, who) };
        append(on, &entry.with(change), now).await
    }
}
