//! Places in a lane: start-time fair queueing.
//!
//! Each delivery that may be sent takes a rank, and a lane sends by rank. A tenant's next rank follows its last one,
//! but never lies behind the lane's virtual time, the highest rank claimed so far ([Goyal, Vin and Cheng 1996]). So
//! the single invoice of a tenant that was quiet stands right behind what is being sent, however many another tenant
//! has waiting.
//!
//! [Goyal, Vin and Cheng 1996]: https://doi.org/10.1145/248157.248171

use std::collections::{BTreeMap, HashMap};

use crate::model::ids::{RelayName, TenantId};
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};

/// The ranks taken for each lane and tenant.
#[derive(Debug, Default)]
pub(in crate::store) struct Places(HashMap<RelayName, HashMap<TenantId, i64>>);

impl Places {
    /// The next of the ranks taken.
    pub(in crate::store) fn next(&mut self, relay: &RelayName, tenant: &TenantId) -> i64 {
        let next = self.0.get_mut(relay).and_then(|tenants| tenants.get_mut(tenant)).expect("places were taken for it");
        *next += 1;
        *next
    }
}

/// Takes as many ranks as `lanes` names lane and tenant.
///
/// Two transactions that take at the same time may get the same ranks, which costs no more than a little fairness.
/// Rows are written in order, so they never wait for each other in a ring.
pub(in crate::store) async fn take_places<'a>(
    on: &mut impl StatementExecutor,
    lanes: impl Iterator<Item = (&'a RelayName, &'a TenantId)>,
) -> Result<Places, StoreError> {
    let mut wanted: BTreeMap<(&RelayName, &TenantId), i64> = BTreeMap::new();
    for lane in lanes {
        *wanted.entry(lane).or_default() += 1;
    }
    let mut places = Places::default();
    if wanted.is_empty() {
        return Ok(places);
    }
    let rows = sql("WITH {rows}
        INSERT INTO lane_tenant (relay, tenant_id, last_rank)
        -- Behind the tenant's last place, or where the lane stands: a tenant without work saves up no places.
        SELECT rows.relay, rows.tenant_id, rows.places +
               CASE WHEN COALESCE(before.last_rank, 0) > COALESCE(lane.virtual_time, 0) THEN before.last_rank
                    ELSE COALESCE(lane.virtual_time, 0) END
        FROM rows
             LEFT JOIN lane ON lane.relay = rows.relay
             LEFT JOIN lane_tenant AS before ON before.relay = rows.relay AND before.tenant_id = rows.tenant_id
        -- In one order, so that two transactions never wait for each other in a ring. (SQLite wants a WHERE here.)
        WHERE TRUE ORDER BY 1, 2
        -- Another transaction may have taken places since the snapshot: the later ones count.
        ON CONFLICT (relay, tenant_id) DO UPDATE SET last_rank =
               CASE WHEN excluded.last_rank > lane_tenant.last_rank THEN excluded.last_rank
                    ELSE lane_tenant.last_rank END
        RETURNING relay, tenant_id, last_rank")
    .rows(
        "relay text, tenant_id text, places bigint",
        wanted.iter().map(|((relay, tenant), count)| [(*relay).into(), (*tenant).into(), (*count).into()]),
    )
    .all(on)
    .await?;
    for row in &rows {
        let (relay, tenant): (RelayName, TenantId) = (row.get("relay")?, row.get("tenant_id")?);
        let last: i64 = row.get("last_rank")?;
        let before = last - wanted[&(&relay, &tenant)];
        places.0.entry(relay).or_default().insert(tenant, before);
    }
    Ok(places)
}

/// Moves the lane's virtual time on to the highest rank that was claimed; it never goes back.
pub(in crate::store) async fn move_on(
    on: &mut impl StatementExecutor,
    relay: &RelayName,
    rank: i64,
) -> Result<(), StoreError> {
    sql("INSERT INTO lane (relay, virtual_time) VALUES ($1, $2)
        ON CONFLICT (relay) DO UPDATE SET virtual_time = excluded.virtual_time
        WHERE lane.virtual_time < excluded.virtual_time")
    .bind(relay)
    .bind(rank)
    .run(on)
    .await?;
    Ok(())
}
