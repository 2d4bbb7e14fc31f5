//! The check before DATA: whether this message may still be handed over, recorded in the database.

use std::collections::{HashMap, HashSet};

use super::claim::{Claim, Fence};
use crate::clock::Timestamp;
use crate::model::customer::CustomerType;
use crate::model::ids::{CustomerId, TenantId};
use crate::policy::decision::{Reason, Terms};
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::deadlock::repeat_after_deadlock;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::delivery::terms::terms_values;
use crate::store::portal::links::{NewPortalLink, insert_portal_links};

/// A message that is ready, and what was decided for it.
#[derive(Debug, Clone)]
pub struct DataPermitRequest {
    /// The claim it rests on.
    pub fence: Fence,
    /// Whose invoice it is.
    pub tenant: TenantId,
    pub customer: CustomerId,
    /// Documents or a link, and what the portal asks.
    pub decision: Terms,
    /// Why.
    pub decision_reason: Reason,
    /// JSON: what was decided upon ([`crate::policy::decision::Inputs`]).
    pub decision_inputs: String,
    /// The settings' version that was decided upon.
    pub settings_version: i64,
    /// The customer's type that was decided upon.
    pub customer_type: Option<CustomerType>,
    /// The message's digest.
    pub message_sha256: Sha256,
    /// The message's Date: with it the same bytes can be composed again.
    pub message_date: Timestamp,
    /// The portal link that the message carries.
    pub link: Option<NewPortalLink>,
}

/// Whether a message may be handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataPermitAnswer {
    /// Recorded: DATA may start.
    Started,
    /// The settings or the customer changed meanwhile, or `expires_at` passed: decide again.
    Stale,
    /// Another transaction that has not ended has locked the tenant's settings or the customer: ask again. Whether they
    /// change is not known yet, and the other starts of the batch do not wait for it.
    Locked,
    /// The delivery was held meanwhile: no DATA until it is let go.
    Held,
    /// The claim is not the caller's any more: no DATA.
    Lost,
}

impl Store {
    /// Records that DATA starts, for each whose claim and decision still hold and whose `expires_at` has not passed;
    /// answers in the order of `starts`. The portal links that go out with them open the portal from now on.
    ///
    /// The settings and the customers stay locked until this has committed: once a change of either is saved, no
    /// message starts that was decided upon the old ones. A claim is one attempt of one worker, which asks again only
    /// if nothing of the message was handed over (the answer was lost, or the relay closed the connection before its
    /// 354).
    pub async fn permit_data(&self, starts: &[DataPermitRequest]) -> Result<Vec<DataPermitAnswer>, StoreError> {
        if starts.is_empty() {
            return Ok(Vec::new());
        }
        let started = repeat_after_deadlock(|| self.mark_started(starts)).await?;
        let others: Vec<&DataPermitRequest> =
            starts.iter().filter(|start| !started.contains(&start.fence.claim())).collect();
        let refused = self.why_refused(&others).await?;
        Ok(starts
            .iter()
            // Two starts of one batch may be of one delivery: a claim that was given back unheard, and the next one.
            .map(|start| match start.fence.claim() {
                claim if started.contains(&claim) => DataPermitAnswer::Started,
                claim => refused.get(&claim).copied().unwrap_or(DataPermitAnswer::Lost),
            })
            .collect())
    }

    /// Why those of these starts got no permit whose claim still stands.
    async fn why_refused(&self, starts: &[&DataPermitRequest]) -> Result<HashMap<Claim, DataPermitAnswer>, StoreError> {
        if starts.is_empty() {
            return Ok(HashMap::new());
        }
        sql("WITH {rows}
            SELECT lane_entry.delivery_id, lane_entry.claim,
                   CASE WHEN lane_entry.held IS NOT NULL THEN 'held'
                        -- Nothing has changed: another transaction had the settings or the customer locked.
                        WHEN (lane_entry.expires_at IS NULL OR lane_entry.expires_at > $1)
                         AND tenant_settings.version = rows.settings_version
                         AND customer.type IS NOT DISTINCT FROM rows.customer_type THEN 'locked'
                        ELSE 'stale' END AS refused
            FROM rows JOIN lane_entry ON lane_entry.delivery_id = rows.id AND lane_entry.claim = rows.claim
                             AND lane_entry.worker_id IS NOT DISTINCT FROM rows.worker_id
                 LEFT JOIN tenant_settings ON tenant_settings.tenant_id = rows.tenant_id
                 LEFT JOIN customer ON customer.tenant_id = rows.tenant_id AND customer.id = rows.customer_id
            WHERE lane_entry.state = 'sending'")
        .bind(self.now())
        .rows(
            "id uuid, claim bigint, worker_id uuid, tenant_id text, customer_id text, settings_version bigint, \
             customer_type text",
            starts.iter().map(|start| {
                let [id, claim, worker] = start.fence.values();
                let (tenant, customer) = ((&start.tenant).into(), (&start.customer).into());
                [id, claim, worker, tenant, customer, start.settings_version.into(), start.customer_type.into()]
            }),
        )
        .all(&mut self.write().await?)
        .await?
        .iter()
        .map(|row| {
            let refused = match row.get::<String>("refused")?.as_str() {
                "held" => DataPermitAnswer::Held,
                "locked" => DataPermitAnswer::Locked,
                _ => DataPermitAnswer::Stale,
            };
            Ok(((row.get("delivery_id")?, row.get("claim")?), refused))
        })
        .collect()
    }

    async fn mark_started(&self, starts: &[DataPermitRequest]) -> Result<HashSet<Claim>, StoreError> {
        if !self.is_single_process() || starts.iter().all(|start| start.link.is_none()) {
            return mark_started(&mut self.write().await?, starts, self.now()).await;
        }
        // SQLite knows no INSERT in a WITH; nothing travels here, so a second statement costs little.
        let mut transaction = self.begin().await?;
        let started = mark_started(&mut transaction, starts, self.now()).await?;
        let links: Vec<_> = starts
            .iter()
            .filter(|start| started.contains(&start.fence.claim()))
            .filter_map(|start| Some((&start.tenant, &start.customer, start.link.as_ref()?)))
            .collect();
        insert_portal_links(&mut transaction, &links, self.now()).await?;
        transaction.commit().await?;
        Ok(started)
    }
}

/// Records the starts that are permitted, with the links that go out with them; returns their claims.
///
/// On PostgreSQL (READ COMMITTED) a statement reads one snapshot, taken before it waits for anything. Only a row that a
/// locking clause waited for is read anew, with the conditions of its query: so what a permit rests on is asked where it
/// is locked, in `holding` and `known`. Else a change is missed that commits while this statement waits, for settings,
/// for another customer, for a lane entry. A customer who is not in the snapshot cannot be locked; it counts as of
/// unknown type, which is what the decision made of it, and the strictest.
///
/// What another transaction has locked, settings or customer, is skipped, not waited for (`SKIP LOCKED`): in a batch of
/// many tenants all would wait for one's, 17 s were seen. Its starts get no permit, and are asked for again. A change
/// that committed before the row is locked here is read as above. A lane entry is waited for: our own transactions lock
/// it for moments.
///
/// Locks are taken in the same order as elsewhere: settings, customers, lane entries; and within the first two by byte
/// order, as imports sort their rows, whatever the collation of the database.
const MARK_STARTED: &str = "WITH {rows},
    -- The settings, kept as they are until this has committed.
    holding AS MATERIALIZED (
        SELECT tenant_id, version FROM tenant_settings WHERE tenant_id IN (SELECT tenant_id FROM rows)
        ORDER BY tenant_id {postgres: COLLATE \"C\" FOR SHARE SKIP LOCKED}),
    -- Sorting reads all of `holding` before the first row is locked: settings before customers.
    -- Starts whose settings and customer are those that were decided upon; the customers are kept, too.
    known AS MATERIALIZED (
        SELECT rows.*
        FROM rows JOIN holding ON holding.tenant_id = rows.tenant_id AND holding.version = rows.settings_version
             JOIN customer ON customer.tenant_id = rows.tenant_id AND customer.id = rows.customer_id
                          AND customer.type IS NOT DISTINCT FROM rows.customer_type
        ORDER BY customer.tenant_id {postgres: COLLATE \"C\"}, customer.id
                 {postgres: COLLATE \"C\" FOR SHARE OF customer SKIP LOCKED}),
    permitted AS (
        SELECT * FROM known
        UNION ALL
        -- Decided upon without a type, because there is no such customer.
        SELECT rows.*
        FROM rows JOIN holding ON holding.tenant_id = rows.tenant_id AND holding.version = rows.settings_version
        WHERE rows.customer_type IS NULL
          AND NOT EXISTS (SELECT 1 FROM customer
              WHERE customer.tenant_id = rows.tenant_id AND customer.id = rows.customer_id))
    {postgres: , started AS (}
    UPDATE lane_entry SET data_started = TRUE, decision = permitted.decision,
           portal_access = permitted.portal_access, portal_method = permitted.portal_method,
           decision_reason = permitted.decision_reason, decision_inputs = permitted.decision_inputs,
           message_sha256 = permitted.message_sha256, message_date = permitted.message_date
    FROM permitted
    WHERE lane_entry.delivery_id = permitted.id AND lane_entry.claim = permitted.claim
      AND lane_entry.worker_id IS NOT DISTINCT FROM permitted.worker_id
      AND lane_entry.tenant_id = permitted.tenant_id AND lane_entry.customer_id = permitted.customer_id
      -- A hold by hand meets claimed rows, too: whichever of the two has the row first, the other one sees it.
      AND lane_entry.state = 'sending' AND lane_entry.held IS NULL
      AND (lane_entry.expires_at IS NULL OR lane_entry.expires_at > $1)
    RETURNING lane_entry.delivery_id, lane_entry.claim
    -- In the same round trip: no link goes out that the portal does not know.
    {postgres: , permitted.root_id, permitted.generation, permitted.token_sha256, permitted.key_fingerprint,
              permitted.link_expires_at, permitted.tenant_id, permitted.customer_id), linked AS (
        INSERT INTO portal_link
            (root_id, generation, token_sha256, key_fingerprint, expires_at, tenant_id, customer_id, created_at)
        SELECT DISTINCT ON (root_id, generation)
               root_id, generation, token_sha256, key_fingerprint, link_expires_at, tenant_id, customer_id, $1
        FROM started WHERE token_sha256 IS NOT NULL
        ORDER BY root_id, generation
        ON CONFLICT (root_id, generation) DO UPDATE SET expires_at = excluded.expires_at
            WHERE portal_link.expires_at < excluded.expires_at)
    SELECT delivery_id, claim FROM started}";

async fn mark_started(
    on: &mut impl StatementExecutor,
    starts: &[DataPermitRequest],
    now: Timestamp,
) -> Result<HashSet<Claim>, StoreError> {
    let mut starts: Vec<&DataPermitRequest> = starts.iter().collect();
    starts.sort_by_key(|start| start.fence);
    sql(MARK_STARTED)
    .bind(now)
    .rows(
        "id uuid, claim bigint, worker_id uuid, tenant_id text, customer_id text, decision text, portal_access text, \
         portal_method text, decision_reason text, decision_inputs text, settings_version bigint, \
         customer_type text, message_sha256 bytea, message_date bigint, root_id uuid, generation bigint, token_sha256 bytea, \
         key_fingerprint text, link_expires_at bigint",
        starts.iter().map(|start| {
            let [id, claim, worker] = start.fence.values();
            let [decision, access, method] = terms_values(Some(start.decision));
            let link = start.link.as_ref();
            [
                id,
                claim,
                worker,
                (&start.tenant).into(),
                (&start.customer).into(),
                decision,
                access,
                method,
                start.decision_reason.into(),
                (&start.decision_inputs).into(),
                start.settings_version.into(),
                start.customer_type.into(),
                start.message_sha256.into(),
                start.message_date.into(),
                link.map(|link| link.root).into(),
                link.map(|link| i64::from(link.generation)).into(),
                link.map(|link| link.token_sha256).into(),
                link.map(|link| link.key_fingerprint.as_str()).into(),
                link.map(|link| link.expires_at).into(),
            ]
        }),
    )
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("delivery_id")?, row.get("claim")?)))
    .collect()
}
