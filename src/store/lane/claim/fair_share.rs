//! Which deliveries are ranked next when more have become due than one round can rank.
//!
//! Ranked by due time alone, 60,000 invoices of one tenant that become due at one moment would delay those of all other
//! tenants until the last of them is ranked. So each tenant that has ready deliveries gets an equal share of a round.

use crate::clock::Timestamp;
use crate::model::ids::{DeliveryId, RelayName, TenantId};
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::db::value::Row;

/// A delivery whose time has come, and where it gets its place.
pub(in crate::store) type ReadyRow = (DeliveryId, RelayName, TenantId);

pub(in crate::store) fn read(row: &Row) -> Result<ReadyRow, StoreError> {
    Ok((row.get("delivery_id")?, row.get("relay")?, row.get("tenant_id")?))
}

/// Up to `limit` ready deliveries, an equal share of each tenant, and locks them.
pub(in crate::store) async fn fair_share(
    on: &mut impl StatementExecutor,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<ReadyRow>, StoreError> {
    let tenants = tenants_with_ready(on, now, limit).await?;
    let share = limit / u32::try_from(tenants.len()).unwrap_or(limit).max(1);
    sql("WITH {rows}
        SELECT ready.delivery_id, ready.relay, ready.tenant_id FROM rows
             -- Each tenant's share by that tenant's part of the index; what another worker has locked is skipped.
             {postgres: CROSS JOIN LATERAL (
                SELECT delivery_id, relay, tenant_id FROM lane_entry
                WHERE tenant_id = rows.tenant_id AND due_at <= $1 AND due_at IS NOT NULL AND fair_rank IS NULL
                  AND held IS NULL
                ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS ready}
             {sqlite: JOIN lane_entry AS ready ON ready.delivery_id IN (
                SELECT delivery_id FROM lane_entry
                WHERE tenant_id = rows.tenant_id AND due_at <= $1 AND due_at IS NOT NULL AND fair_rank IS NULL
                  AND held IS NULL
                ORDER BY due_at LIMIT $2)}")
    .bind(now)
    .bind(share.max(1))
    .rows("tenant_id text", tenants.iter().map(|tenant| [tenant.into()]))
    .all(on)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// Tenants that have ready deliveries. The index is read from one tenant to the next, however many rows each has.
async fn tenants_with_ready(
    on: &mut impl StatementExecutor,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<TenantId>, StoreError> {
    sql("WITH RECURSIVE waiting (tenant_id) AS (
            SELECT MIN(tenant_id) FROM lane_entry WHERE due_at IS NOT NULL AND fair_rank IS NULL AND held IS NULL
            UNION ALL
            -- One step of the index for each tenant.
            SELECT (SELECT MIN(lane_entry.tenant_id) FROM lane_entry
                    WHERE lane_entry.tenant_id > waiting.tenant_id AND due_at IS NOT NULL AND fair_rank IS NULL
                      AND held IS NULL)
            FROM waiting WHERE waiting.tenant_id IS NOT NULL)
        SELECT tenant_id FROM waiting
        -- Some have only what is due later.
        WHERE EXISTS (SELECT 1 FROM lane_entry
              WHERE lane_entry.tenant_id = waiting.tenant_id AND due_at <= $1 AND due_at IS NOT NULL
                AND fair_rank IS NULL AND held IS NULL)
        LIMIT $2")
    .bind(now)
    .bind(limit)
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("tenant_id"))
    .collect()
}
