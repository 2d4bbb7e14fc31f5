//! Tenants whose deliveries wait because a person decided so.
//!
//! The pause is a column of the tenant, and each of the tenant's deliveries that waits has it in `lane_entry.held`, as
//! the deliveries of a held sender do: what is held has no place in the lane, so claims neither read nor skip it. A
//! delivery that is made or comes back while its tenant is paused is held from the start where its statement reads the
//! tenant anyway; whatever slips through between, the sweeper holds ([`Store::hold_paused_tenants`]).

use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{DeliveryId, TenantId};
use crate::model::note::{NoteContent, NoteKind};
use crate::store::Store;
use crate::store::db::deadlock::repeat_after_deadlock;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{Statement, StatementExecutor, sql};
use crate::store::db::value::Row;
use crate::store::delivery::erased::ERASED;
use crate::store::delivery::notes::insert_notes;
use crate::store::directory::person::{NEEDLES, Person, names_person};
use crate::store::lane::held::{BEHIND, BY_HAND, TENANT_PAUSED, due_behind};
use crate::store::people::audit::append::{NewAuditEntry, append};

/// Rows in one transaction.
const BATCH_MAX: u32 = 5_000;

/// Why a tenant's deliveries wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantPause {
    pub reason: String,
    /// Who decided that.
    pub paused_by: String,
    /// Since when.
    pub paused_at: Timestamp,
}

/// What a pause or its end met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseChange {
    /// It holds now; so many deliveries that waited are held, or let go.
    Done {
        deliveries: u64,
    },
    /// It stood so already.
    Unchanged,
    UnknownTenant,
}

impl TenantPause {
    /// Reads `paused_at`, `paused_by` and `pause_reason` of `tenant`.
    pub(in crate::store) fn read(row: &Row) -> Result<Option<Self>, StoreError> {
        let Some(paused_at) = row.get::<Option<Timestamp>>("paused_at")? else { return Ok(None) };
        Ok(Some(Self { reason: row.get("pause_reason")?, paused_by: row.get("paused_by")?, paused_at }))
    }
}

impl Store {
    /// Why a tenant's deliveries wait, if they do.
    pub async fn tenant_pause(&self, tenant: &TenantId) -> Result<Option<TenantPause>, StoreError> {
        sql("SELECT paused_at, paused_by, pause_reason FROM tenant WHERE id = $1")
            .bind(tenant)
            .optional(&mut self.read().await?)
            .await?
            .map_or(Ok(None), |row| TenantPause::read(&row))
    }

    /// Pauses one tenant: what waits stays due and is not claimed, what a worker has claimed gets no permit for DATA any
    /// more. What has begun DATA ends as it does.
    pub async fn pause_tenant(&self, tenant: &TenantId, who: &Actor, reason: &str) -> Result<PauseChange, StoreError> {
        if !who.principal.scope.allows(tenant) {
            return Ok(PauseChange::UnknownTenant);
        }
        let mut transaction = self.begin().await?;
        // Intake holds the tenant's row for as long as it writes: what it wrote before is seen by the hold below, and
        // whoever comes after sees the pause.
        let changed = sql("UPDATE tenant SET paused_at = $2, paused_by = $3, pause_reason = $4
            WHERE id = $1 AND paused_at IS NULL")
        .bind(tenant)
        .bind(self.now())
        .bind(who.name())
        .bind(reason)
        .run(&mut transaction)
        .await?;
        if changed > 0 {
            let entry = NewAuditEntry::new(AuditAction::TenantPaused, who).of_tenant(tenant).because(reason);
            append(&mut transaction, &entry, self.now()).await?;
        }
        transaction.commit().await?;
        if changed == 0 {
            return self.unchanged(tenant).await;
        }
        let note = NoteKind::HeldWithTenant.because(reason);
        let deliveries = self.change_in_batches((tenant, true), who.name(), &note, hold_statement).await?;
        Ok(PauseChange::Done { deliveries })
    }

    /// Ends the pause of a tenant; what it held takes its place in its lane anew, what tripped a hold of its sender behind the
    /// others.
    pub async fn resume_tenant(&self, tenant: &TenantId, who: &Actor) -> Result<PauseChange, StoreError> {
        if !who.principal.scope.allows(tenant) {
            return Ok(PauseChange::UnknownTenant);
        }
        let mut transaction = self.begin().await?;
        let changed = sql("UPDATE tenant SET paused_at = NULL, paused_by = NULL, pause_reason = NULL
            WHERE id = $1 AND paused_at IS NOT NULL")
        .bind(tenant)
        .run(&mut transaction)
        .await?;
        if changed > 0 {
            let entry = NewAuditEntry::new(AuditAction::TenantResumed, who).of_tenant(tenant);
            append(&mut transaction, &entry, self.now()).await?;
        }
        transaction.commit().await?;
        if changed == 0 {
            return self.unchanged(tenant).await;
        }
        let note: NoteContent = NoteKind::LetGoWithTenant.into();
        let deliveries = self.change_in_batches((tenant, false), who.name(), &note, let_go_statement).await?;
        Ok(PauseChange::Done { deliveries })
    }

    async fn unchanged(&self, tenant: &TenantId) -> Result<PauseChange, StoreError> {
        let known = self.tenant(tenant, &TenantScope::All).await?.is_some();
        Ok(if known { PauseChange::Unchanged } else { PauseChange::UnknownTenant })
    }

    /// Holds what waits although its tenant is paused, and lets go what is held for a pause that has ended; returns how
    /// many. Both are few: what came back from elsewhere while the pause was being made, and what a process left that
    /// ended in between.
    pub async fn hold_paused_tenants(&self, limit: u32) -> Result<u64, StoreError> {
        // What is asked of `held` is asked twice, here and below: the second time of the row as it is once it is locked. Else
        // a person's hold that came in between would be overwritten.
        let slipped = sql("UPDATE lane_entry SET held = $1, fair_rank = NULL
            WHERE (held IS NULL OR (held <> $1 AND held <> $2)) AND delivery_id IN (
                SELECT delivery_id FROM lane_entry
                WHERE tenant_id IN (SELECT id FROM tenant WHERE paused_at IS NOT NULL)
                  AND (held IS NULL OR (held <> $1 AND held <> $2)) LIMIT $3)")
        .bind(TENANT_PAUSED)
        .bind(BY_HAND)
        .bind(limit);
        let paused = sql("SELECT 1 AS one FROM tenant WHERE paused_at IS NOT NULL LIMIT 1");
        let mut changed = 0;
        if paused.optional(&mut self.read().await?).await?.is_some() {
            changed += slipped.run(&mut self.write().await?).await?;
        }
        let forgotten = "SELECT delivery_id FROM lane_entry
            WHERE held = $1 AND held IS NOT NULL
              AND tenant_id NOT IN (SELECT id FROM tenant WHERE paused_at IS NOT NULL) LIMIT 1";
        if sql(forgotten).bind(TENANT_PAUSED).optional(&mut self.read().await?).await?.is_some() {
            changed += sql(concat!(
                "UPDATE lane_entry SET held = NULL, due_at = ",
                due_behind!("$3"),
                " WHERE held = $1 AND delivery_id IN (
                    SELECT delivery_id FROM lane_entry
                    WHERE held = $1 AND held IS NOT NULL
                      AND tenant_id NOT IN (SELECT id FROM tenant WHERE paused_at IS NOT NULL) LIMIT $2)"
            ))
            .bind(TENANT_PAUSED)
            .bind(limit)
            .bind(self.now().plus(BEHIND))
            .run(&mut self.write().await?)
            .await?;
        }
        Ok(changed)
    }

    /// Runs `statement` until it changes nothing, or until the tenant is not paused any more, or again, where it was to be
    /// `paused`, or not: whoever decided that changes what is left.
    async fn change_in_batches(
        &self,
        (tenant, paused): (&TenantId, bool),
        who: &str,
        note: &NoteContent,
        statement: fn(&TenantId, Timestamp) -> Statement<'_>,
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        loop {
            let once = || self.change_batch((tenant, paused), who, note, statement(tenant, self.now()));
            let batch = repeat_after_deadlock(once).await?;
            changed += batch;
            if batch == 0 {
                return Ok(changed);
            }
        }
    }

    async fn change_batch(
        &self,
        (tenant, paused): (&TenantId, bool),
        who: &str,
        note: &NoteContent,
        statement: Statement<'_>,
    ) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        // The next decision waits for this batch, and is seen by the one after it.
        let stands =
            sql("SELECT 1 AS one FROM tenant WHERE id = $1 AND (paused_at IS NOT NULL) = $2 {postgres: FOR SHARE}")
                .bind(tenant)
                .bind(paused)
                .optional(&mut transaction)
                .await?;
        if stands.is_none() {
            return Ok(0);
        }
        let rows = statement.all(&mut transaction).await?;
        let deliveries = rows.iter().map(|row| row.get("delivery_id")).collect::<Result<Vec<DeliveryId>, _>>()?;
        insert_notes(&mut transaction, &deliveries, who, note, self.now()).await?;
        transaction.commit().await?;
        Ok(deliveries.len() as u64)
    }
}

/// Takes from a tenant's pause why it was made, where that names a person. The tenant's row is locked already.
pub(in crate::store) async fn erase_pause_reason(
    on: &mut impl StatementExecutor,
    tenant: &TenantId,
    person: &Person,
) -> Result<(), StoreError> {
    sql(concat!(
        "WITH {rows} UPDATE tenant SET pause_reason = $1 WHERE id = $2 AND pause_reason IS NOT NULL AND ",
        names_person!("tenant.pause_reason")
    ))
    .bind(ERASED)
    .bind(tenant)
    .rows(NEEDLES, person.needles())
    .run(on)
    .await?;
    Ok(())
}

/// Claimed rows too: their DATA is not permitted any more, and they come back held.
fn hold_statement(tenant: &TenantId, _now: Timestamp) -> Statement<'_> {
    sql("UPDATE lane_entry SET held = $2, fair_rank = NULL
        WHERE (held IS NULL OR (held <> $2 AND held <> $3)) AND delivery_id IN (
            SELECT delivery_id FROM lane_entry
            -- A held sender's, too: else its trials would send them. What a person holds stays theirs.
            WHERE tenant_id = $1 AND (held IS NULL OR (held <> $2 AND held <> $3)) LIMIT $4)
        RETURNING delivery_id")
    .bind(tenant)
    .bind(TENANT_PAUSED)
    .bind(BY_HAND)
    .bind(BATCH_MAX)
}

fn let_go_statement(tenant: &TenantId, now: Timestamp) -> Statement<'_> {
    sql(concat!(
        "UPDATE lane_entry SET held = NULL, due_at = ",
        due_behind!("$4"),
        " WHERE held = $2
          AND delivery_id IN (SELECT delivery_id FROM lane_entry WHERE held = $2 AND tenant_id = $1 LIMIT $3)
        RETURNING delivery_id"
    ))
    .bind(tenant)
    .bind(TENANT_PAUSED)
    .bind(BATCH_MAX)
    .bind(now.plus(BEHIND))
}
