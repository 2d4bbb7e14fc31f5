//! The last moment before DATA: may this message be handed over?

use std::collections::HashSet;

use super::claim::{Claim, Fence};
use super::error::StoreError;
use super::statement::{Runs, sql};
use super::{Connection, Store};
use crate::customer::CustomerType;
use crate::decision::{Decision, Reason};
use crate::ids::{Sha256, TenantId};

/// A message that is ready, and what was decided for it.
#[derive(Debug, Clone)]
pub struct DataStart {
    /// The claim it rests on.
    pub fence: Fence,
    /// Whose invoice it is.
    pub tenant: TenantId,
    /// Documents or a link.
    pub decision: Decision,
    /// Why.
    pub decision_reason: Reason,
    /// JSON: what was decided upon ([`crate::decision::Inputs`]).
    pub decision_inputs: String,
    /// The settings' version that was decided upon.
    pub settings_version: i64,
    /// The customer's type that was decided upon.
    pub customer_type: Option<CustomerType>,
    /// The message's digest.
    pub message_sha256: Sha256,
}

/// Whether a message may be handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataStarted {
    /// Recorded: DATA may start.
    Started,
    /// The settings or the customer changed meanwhile: decide again.
    Stale,
    /// The claim is not the caller's any more: no DATA.
    Lost,
}

impl Store {
    /// Records that DATA starts, for each whose claim and decision still hold; answers in the order of `starts`.
    ///
    /// The settings stay locked until this has committed: once a change of settings is saved, no message starts that
    /// was decided upon the old ones. A claim is one attempt of one worker, which asks again only if nothing of the
    /// message was handed over (the answer was lost, or the relay closed the connection before its 354).
    pub async fn start_data(&self, starts: &[DataStart]) -> Result<Vec<DataStarted>, StoreError> {
        if starts.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.write().await?;
        let started = mark_started(&mut connection, starts).await?;
        let others: Vec<Fence> =
            starts.iter().map(|start| start.fence).filter(|fence| !started.contains(&fence.claim())).collect();
        let held = still_held(&mut connection, &others).await?;
        Ok(starts
            .iter()
            // Two starts of one batch may be of one delivery: a claim that was given back unheard, and the next one.
            .map(|start| match start.fence.claim() {
                claim if started.contains(&claim) => DataStarted::Started,
                claim if held.contains(&claim) => DataStarted::Stale,
                _ => DataStarted::Lost,
            })
            .collect())
    }
}

async fn mark_started(on: &mut Connection, starts: &[DataStart]) -> Result<HashSet<Claim>, StoreError> {
    let mut starts: Vec<&DataStart> = starts.iter().collect();
    starts.sort_by_key(|start| start.fence);
    sql("WITH {given},
        holding AS MATERIALIZED (
            SELECT tenant_id, version FROM tenant_settings WHERE tenant_id IN (SELECT tenant_id FROM given)
            ORDER BY tenant_id {postgres: FOR SHARE})
        UPDATE lane_entry SET data_started = TRUE, decision = given.decision,
               decision_reason = given.decision_reason, decision_inputs = given.decision_inputs,
               message_sha256 = given.message_sha256
        FROM given JOIN holding ON holding.tenant_id = given.tenant_id AND holding.version = given.settings_version
        WHERE lane_entry.delivery_id = given.id AND lane_entry.claim = given.claim
          AND lane_entry.worker_id IS NOT DISTINCT FROM given.worker_id AND lane_entry.tenant_id = given.tenant_id
          AND lane_entry.state = 'sending'
          AND given.customer_type IS NOT DISTINCT FROM
              (SELECT type FROM customer
               WHERE customer.tenant_id = lane_entry.tenant_id AND customer.id = lane_entry.customer_id)
        RETURNING lane_entry.delivery_id, lane_entry.claim")
    .given(
        "id uuid, claim bigint, worker_id uuid, tenant_id text, decision text, decision_reason text, \
         decision_inputs text, settings_version bigint, customer_type text, message_sha256 bytea",
        starts.iter().map(|start| {
            let [id, claim, worker] = start.fence.values();
            [
                id,
                claim,
                worker,
                (&start.tenant).into(),
                start.decision.into(),
                start.decision_reason.into(),
                (&start.decision_inputs).into(),
                start.settings_version.into(),
                start.customer_type.into(),
                start.message_sha256.into(),
            ]
        }),
    )
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("delivery_id")?, row.get("claim")?)))
    .collect()
}

/// Which of these claims still hold.
async fn still_held(on: &mut impl Runs, fences: &[Fence]) -> Result<HashSet<Claim>, StoreError> {
    if fences.is_empty() {
        return Ok(HashSet::new());
    }
    sql("WITH {given}
        SELECT delivery_id, claim FROM lane_entry
        WHERE (delivery_id, claim, COALESCE(worker_id, delivery_id)) IN (SELECT id, claim, worker_id FROM given) AND state = 'sending'")
    .given("id uuid, claim bigint, worker_id uuid", fences.iter().map(Fence::values))
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("delivery_id")?, row.get("claim")?)))
    .collect()
}
