//! Holding deliveries by hand, for example before the first start after a database was restored: the backup does not
//! say which of them were sent after it was made.

use serde_json::json;

use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::TenantId;
use crate::model::note::{NoteContent, NoteKind};
use crate::store::Store;
use crate::store::db::deadlock::repeat_after_deadlock;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::delivery::notes::insert_notes;
use crate::store::lane::held::{BY_HAND, held_if_paused};
use crate::store::people::audit::append::{NewAuditEntry, append};

/// Rows in one transaction.
const BATCH_MAX: u32 = 5_000;

/// How many deliveries a hold met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeldCounts {
    /// Not sent until they are let go.
    pub held: u64,
    /// DATA had begun before: their message may be out, and they are held only if they come back.
    pub under_way: u64,
}

impl Store {
    /// Holds every delivery that waits, of one tenant or of all; returns how many.
    ///
    /// How long one has waited makes no difference: a backlog from before the backup may have gone out right after it.
    /// `since` is when the backup was made, to compare with the relay's log; it is noted at each. One that a
    /// worker has claimed gets no permit for DATA any more ([`Store::permit_data`]), and is held when it comes back.
    /// One whose DATA has begun is held if it comes back, by a takeover or an answer that has it sent again: so what a
    /// dead worker left in a restored database is not sent when it is taken over. What is left of one that some
    /// recipients deferred is held with it. A refusal that may be about its sender ends none that is held
    /// ([`Store::record`]), and what such refusals have ended, and a held sender would have back, is held as well.
    pub async fn hold(
        &self,
        since: Timestamp,
        tenant: Option<&TenantId>,
        who: &Actor,
    ) -> Result<HeldCounts, StoreError> {
        let who = &who.in_one_act();
        let note: NoteContent = NoteKind::Held { since }.into();
        let mut all = HeldCounts::default();
        loop {
            // Before each batch, the last one included: a refusal may have been recorded meanwhile.
            repeat_after_deadlock(|| self.return_all_lost()).await?;
            let batch = repeat_after_deadlock(|| self.hold_batch(tenant, who, (since, &note))).await?;
            all.held += batch.held;
            all.under_way += batch.under_way;
            if batch == HeldCounts::default() {
                return Ok(all);
            }
        }
    }

    /// Brings back at once what the workers would bring back a moment later: only what waits can be held.
    async fn return_all_lost(&self) -> Result<(), StoreError> {
        for hold in self.sender_holds().await? {
            if let Some(since) = hold.lost_since() {
                self.return_lost(&hold, since, BATCH_MAX).await?;
            }
        }
        for relay in self.refusing_relays().await? {
            self.return_refused(&relay, relay.lost_since(), BATCH_MAX).await?;
        }
        Ok(())
    }

    async fn hold_batch(
        &self,
        tenant: Option<&TenantId>,
        who: &Actor,
        (since, note): (Timestamp, &NoteContent),
    ) -> Result<HeldCounts, StoreError> {
        let now = self.now();
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
        insert_notes(&mut transaction, &deliveries, who.name(), note, now).await?;
        if !deliveries.is_empty() {
            let change = json!({ "since": since, "deliveries": deliveries.len(), "more": deliveries.len() >= BATCH_MAX as usize });
            let entry = NewAuditEntry { tenant, ..NewAuditEntry::new(AuditAction::DeliveriesHeld, who) };
            append(&mut transaction, &entry.with(change), now).await?;
        }
        transaction.commit().await?;
        Ok(counts)
    }

    /// Lets go what people hold, of one tenant or of all; returns how many. Each takes its place in its lane anew, unless
    /// its tenant is paused.
    pub async fn let_go(&self, tenant: Option<&TenantId>, who: &Actor) -> Result<u64, StoreError> {
        let who = &who.in_one_act();
        let mut freed = 0;
        loop {
            let now = self.now();
            let mut transaction = self.begin().await?;
            let rows = sql(concat!(
                "UPDATE lane_entry SET held = (SELECT ",
                held_if_paused!(),
                " FROM tenant WHERE tenant.id = lane_entry.tenant_id)
                WHERE delivery_id IN (SELECT delivery_id FROM lane_entry
                                      WHERE held = $1 AND ($2 IS NULL OR tenant_id = $2) LIMIT $3)
                RETURNING delivery_id"
            ))
            .bind(BY_HAND)
            .bind(tenant)
            .bind(BATCH_MAX)
            .all(&mut transaction)
            .await?;
            let deliveries = rows.iter().map(|row| row.get("delivery_id")).collect::<Result<Vec<_>, _>>()?;
            insert_notes(&mut transaction, &deliveries, who.name(), &NoteKind::LetGo.into(), now).await?;
            if !deliveries.is_empty() {
                let change = json!({ "deliveries": deliveries.len(), "more": deliveries.len() >= BATCH_MAX as usize });
                let entry = NewAuditEntry { tenant, ..NewAuditEntry::new(AuditAction::DeliveriesReleased, who) };
                append(&mut transaction, &entry.with(change), now).await?;
            }
            transaction.commit().await?;
            freed += deliveries.len() as u64;
            if deliveries.is_empty() {
                return Ok(freed);
            }
        }
    }
}
