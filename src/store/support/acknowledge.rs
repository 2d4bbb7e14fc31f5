//! Taking deliveries off the work list, because somebody has seen how they ended.

use serde_json::json;

use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{DeliveryId, TenantId};
use crate::model::note::NoteKind;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::delivery::notes::insert_notes;
use crate::store::intake::IntakeTransaction;
use crate::store::people::audit::append::{NewAuditEntry, append};

/// What becomes of the wish to take deliveries off the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// Those that are off it now.
    pub done: Vec<DeliveryId>,
    /// Those of the scope that were not on it: somebody was first, or they need a decision rather than a look.
    pub unchanged: Vec<DeliveryId>,
}

impl Store {
    /// Takes deliveries off the work list; those out of the scope count as unknown.
    pub async fn acknowledge(
        &self,
        scope: &TenantScope,
        deliveries: &[DeliveryId],
        who: &Actor,
    ) -> Result<Acknowledged, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let known = sql("WITH {rows} SELECT id, tenant_id FROM delivery WHERE id IN (SELECT id FROM rows)
            ORDER BY id {postgres: FOR UPDATE}")
        .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .all(&mut transaction)
        .await?
        .iter()
        .map(|row| Ok((row.get("id")?, row.get("tenant_id")?)))
        .collect::<Result<Vec<(DeliveryId, TenantId)>, StoreError>>()?;
        let tenant = known.iter().map(|(_, tenant)| tenant.clone()).find(|tenant| scope.allows(tenant));
        let known: Vec<DeliveryId> =
            known.into_iter().filter(|(_, tenant)| scope.allows(tenant)).map(|(id, _)| id).collect();
        let done = acknowledge(&mut transaction, &known, who.name(), now).await?;
        insert_notes(&mut transaction, &done, who.name(), &NoteKind::Acknowledged.into(), now).await?;
        // One act, however many it takes off.
        if let Some(first) = done.first() {
            let entry = NewAuditEntry::new(AuditAction::WorkAcknowledged, who).about(first.to_string());
            let entry = NewAuditEntry { tenant: tenant.as_ref(), ..entry }.with(json!({ "deliveries": done }));
            append(&mut transaction, &entry, now).await?;
        }
        transaction.commit().await?;
        let unchanged = known.into_iter().filter(|id| !done.contains(id)).collect();
        Ok(Acknowledged { done, unchanged })
    }
}

impl IntakeTransaction {
    /// Takes a delivery off the work list, if it stands there: somebody sends its invoice again.
    pub async fn acknowledge_resent(&mut self, delivery: DeliveryId, who: &str) -> Result<(), StoreError> {
        let now = self.now;
        acknowledge(&mut self.transaction, &[delivery], who, now).await?;
        Ok(())
    }
}

/// Those that were on the list and only had to be seen; their rows are locked.
async fn acknowledge(
    on: &mut impl StatementExecutor,
    deliveries: &[DeliveryId],
    who: &str,
    now: Timestamp,
) -> Result<Vec<DeliveryId>, StoreError> {
    if deliveries.is_empty() {
        return Ok(Vec::new());
    }
    // Of a clock that went back, the end counts: else it would still be listed.
    let mut done = sql("WITH {rows}
        UPDATE delivery SET acknowledged_by = $2,
               acknowledged_at = CASE WHEN concluded_at > $1 THEN concluded_at ELSE $1 END
        WHERE id IN (SELECT id FROM rows) AND work_kind IN ('rejected', 'expired', 'duplicate')
        RETURNING id")
    .bind(now)
    .bind(who)
    .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("id"))
    .collect::<Result<Vec<DeliveryId>, _>>()?;
    done.sort_unstable();
    Ok(done)
}
