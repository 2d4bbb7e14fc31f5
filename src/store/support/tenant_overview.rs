//! Tenants at a glance: who sends for them, whether their mail goes, what waits.

use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::ids::{RelayName, TenantId};
use crate::model::tenant::TenantProfile;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::lane::pause::TenantPause;

/// The last mail is looked for among so many of a tenant's newest deliveries.
const NEWEST_LOOKED_AT: u32 = 200;
/// Entries of the work list are counted no further.
const WORK_MAX: u32 = 1_000;

/// A tenant at a glance.
#[derive(Debug, Clone)]
pub struct TenantOverview {
    pub id: TenantId,
    /// The relay that sends its mail.
    pub relay: RelayName,
    /// What its mails show now.
    pub profile: TenantProfile,
    /// Why its deliveries wait, if they do.
    pub pause: Option<TenantPause>,
    /// When its last mail was accepted, among its newest deliveries.
    pub last_sent_at: Option<Timestamp>,
    /// Deliveries that are due or being sent.
    pub due: u64,
    /// Entries of its work list, up to 1,000.
    pub open_work: u64,
}

impl Store {
    /// Up to `limit` tenants of the scope behind `after`, in the order of their ids.
    pub async fn tenant_overviews(
        &self,
        scope: &TenantScope,
        after: Option<&TenantId>,
        limit: u32,
    ) -> Result<Vec<TenantOverview>, StoreError> {
        let mut connection = self.read().await?;
        let rows = match scope.tenants() {
            None => {
                sql("SELECT tenant.id, tenant.relay, tenant.paused_at, tenant.paused_by, tenant.pause_reason,
                           tenant_profile.body
                    FROM tenant JOIN tenant_profile ON tenant_profile.tenant_id = tenant.id
                                                   AND tenant_profile.version = tenant.profile_version
                    WHERE tenant.id > $1 ORDER BY tenant.id LIMIT $2")
                .bind(after.map_or("", TenantId::as_str))
                .bind(limit)
                .all(&mut connection)
                .await?
            }
            Some(tenants) => {
                let behind = tenants.iter().filter(|tenant| after.is_none_or(|after| *tenant > after));
                let wanted = behind.take(usize::try_from(limit).unwrap_or(usize::MAX));
                sql("WITH {rows}
                    SELECT tenant.id, tenant.relay, tenant.paused_at, tenant.paused_by, tenant.pause_reason,
                           tenant_profile.body
                    FROM rows JOIN tenant ON tenant.id = rows.tenant
                         JOIN tenant_profile ON tenant_profile.tenant_id = tenant.id
                                            AND tenant_profile.version = tenant.profile_version
                    ORDER BY tenant.id")
                .rows("tenant text", wanted.map(|tenant| [tenant.into()]))
                .all(&mut connection)
                .await?
            }
        };
        let mut tenants = rows.iter().map(TenantOverview::read).collect::<Result<Vec<_>, _>>()?;
        drop(connection);
        self.add_activity(&mut tenants).await?;
        Ok(tenants)
    }

    /// One tenant at a glance; none if it is unknown or out of the scope.
    pub async fn tenant_overview(
        &self,
        scope: &TenantScope,
        tenant: &TenantId,
    ) -> Result<Option<TenantOverview>, StoreError> {
        if !scope.allows(tenant) {
            return Ok(None);
        }
        let only = TenantScope::of([tenant.clone()]);
        Ok(self.tenant_overviews(&only, None, 1).await?.pop())
    }

    async fn add_activity(&self, tenants: &mut [TenantOverview]) -> Result<(), StoreError> {
        let ids = || tenants.iter().map(|tenant| [tenant.id.as_str().to_owned().into()]);
        let mut connection = self.read().await?;
        let activity = sql("WITH {rows}
            SELECT rows.tenant,
                (SELECT MAX(newest.concluded_at) FROM (
                    SELECT delivery.concluded, delivery.concluded_at FROM delivery
                    WHERE delivery.tenant_id = rows.tenant ORDER BY delivery.created_at DESC LIMIT $1) AS newest
                 WHERE newest.concluded = 'sent') AS last_sent_at,
                (SELECT COUNT(*) FROM (
                    SELECT 1 AS one FROM delivery
                    WHERE delivery.tenant_id = rows.tenant AND delivery.work_kind IS NOT NULL LIMIT $2) AS listed)
                 AS open_work
            FROM rows")
        .bind(NEWEST_LOOKED_AT)
        .bind(WORK_MAX)
        .rows("tenant text", ids())
        .all(&mut connection)
        .await?;
        // The lanes are read as a whole: an index by tenant would be written with each mail.
        let due = sql("WITH {rows}
            SELECT lane_entry.tenant_id, COUNT(*) AS due FROM lane_entry
            WHERE lane_entry.tenant_id IN (SELECT tenant FROM rows) GROUP BY lane_entry.tenant_id")
        .rows("tenant text", ids())
        .all(&mut connection)
        .await?;
        let mut seen: HashMap<TenantId, (Option<Timestamp>, i64)> = HashMap::new();
        for row in &activity {
            seen.insert(row.get("tenant")?, (row.get("last_sent_at")?, row.get("open_work")?));
        }
        let mut waiting: HashMap<TenantId, i64> = HashMap::new();
        for row in &due {
            waiting.insert(row.get("tenant_id")?, row.get("due")?);
        }
        for tenant in tenants {
            let (last_sent_at, open_work) = seen.get(&tenant.id).copied().unwrap_or_default();
            tenant.last_sent_at = last_sent_at;
            tenant.open_work = u64::try_from(open_work).unwrap_or_default();
            tenant.due = waiting.get(&tenant.id).and_then(|due| u64::try_from(*due).ok()).unwrap_or_default();
        }
        Ok(())
    }
}

impl TenantOverview {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            relay: row.get("relay")?,
            profile: row.json("body")?,
            pause: TenantPause::read(row)?,
            last_sent_at: None,
            due: 0,
            open_work: 0,
        })
    }
}
