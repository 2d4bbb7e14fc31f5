//! A tenant's newest deliveries, as far as their decisions go: to decide them again under other settings.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::customer::{CustomerType, VerificationRecord};
use crate::model::ids::{CustomerId, TenantId};
use crate::model::reason::ReasonCode;
use crate::model::settings::Settings;
use crate::model::verification::VerificationConfig;
use crate::model::verification_key::RULES_VERSION;
use crate::policy::decision::Inputs;
use crate::policy::history_comparison::{HistoryComparison, PastDelivery};
use crate::policy::invoice_route::ordinary_inputs;
use crate::store::db::error::StoreError;
use crate::store::db::page::Cursor;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::delivery::erased::known_customer;
use crate::store::directory::verification::{read_verification, verification_columns};
use crate::store::{DatabaseConnection, Store};

/// So many deliveries are looked at, the newest.
pub const PAST_DELIVERIES_MAX: u32 = 20_000;
/// And none that is older.
pub const PAST_DAYS: u32 = 30;
/// So many are in memory at once.
const PAGE: u32 = 1_000;
/// How long to look: what was read by then counts.
const TIME_MAX: Duration = Duration::from_secs(10);

/// What other settings would have changed, of a tenant's newest deliveries.
#[derive(Debug, Clone)]
pub struct PastCompared {
    pub comparison: HistoryComparison,
    /// There are more in the [`PAST_DAYS`] than were looked at.
    pub has_more: bool,
}

/// A delivery as it was decided.
struct DecidedDelivery {
    past: PastDelivery,
    customer: CustomerId,
}

impl DecidedDelivery {
    /// No method could verify its customer, so it was not sent, and no inputs were recorded.
    fn is_unverifiable(&self) -> bool {
        self.past.not_sent == Some(ReasonCode::NoVerificationMethod)
    }
}

impl Store {
    /// Which of a tenant's newest deliveries (main ones, not Bcc and rests) would have gone otherwise under `settings`.
    ///
    /// Each is decided upon the inputs that were recorded with it. A decision that refused to send recorded none: whom
    /// no method could verify is looked at with the record of today.
    pub async fn compare_with_past(
        &self,
        tenant: &TenantId,
        scope: &TenantScope,
        settings: Settings,
        verification: &VerificationConfig,
    ) -> Result<PastCompared, StoreError> {
        let mut comparison = HistoryComparison::under(settings);
        if !scope.allows(tenant) {
            return Ok(PastCompared { comparison, has_more: false });
        }
        let started = self.clock().monotonic();
        let since = self.now().minus(Duration::from_hours(u64::from(PAST_DAYS) * 24));
        let mut connection = self.read().await?;
        let mut after = Cursor::BEGIN;
        let mut left = PAST_DELIVERIES_MAX;
        loop {
            // One more than is looked at says whether there are more.
            let limit = PAGE.min(left);
            let mut page = decided_deliveries(&mut connection, tenant, since, after, limit + 1).await?;
            let has_more = page.len() > usize::try_from(limit).unwrap_or(usize::MAX);
            page.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            left -= u32::try_from(page.len()).unwrap_or(left);
            let last = page.last().map(|one| Cursor { at: one.past.created_at, id: one.past.id.0 });
            complete(&mut connection, tenant, &mut page, (settings, verification)).await?;
            for decided in page {
                comparison.add(decided.past);
            }
            let is_late = self.clock().monotonic().saturating_sub(started) >= TIME_MAX;
            match last {
                Some(last) if has_more && left > 0 && !is_late => after = last,
                _ => return Ok(PastCompared { comparison: comparison.finish(), has_more }),
            }
        }
    }
}

/// Gives those that no method could verify the inputs that their customers' records make today.
async fn complete(
    on: &mut DatabaseConnection,
    tenant: &TenantId,
    page: &mut [DecidedDelivery],
    (settings, verification): (Settings, &VerificationConfig),
) -> Result<(), StoreError> {
    let customers: BTreeSet<&CustomerId> =
        page.iter().filter(|one| one.is_unverifiable()).map(|one| &one.customer).collect();
    if customers.is_empty() {
        return Ok(());
    }
    let records: BTreeMap<CustomerId, (Option<CustomerType>, VerificationRecord)> = sql(concat!(
        "WITH {rows} SELECT customer.id, customer.type, ",
        verification_columns!(),
        " FROM rows JOIN customer ON customer.tenant_id = $2 AND customer.id = rows.id AND ",
        known_customer!()
    ))
    .bind(RULES_VERSION)
    .bind(tenant)
    .rows("id text", customers.into_iter().map(|id| [id.into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("id")?, (row.get("type")?, read_verification(row)?))))
    .collect::<Result<_, StoreError>>()?;
    for one in page.iter_mut().filter(|one| one.is_unverifiable()) {
        let found = records.get(&one.customer);
        one.past.inputs =
            found.map(|&(kind, record)| ordinary_inputs(settings, kind, record, verification.reaches(record)));
    }
    Ok(())
}

/// A tenant's deliveries since `since` and behind `after`, the newest first.
async fn decided_deliveries(
    on: &mut DatabaseConnection,
    tenant: &TenantId,
    since: Timestamp,
    after: Cursor,
    limit: u32,
) -> Result<Vec<DecidedDelivery>, StoreError> {
    sql("SELECT delivery.id, delivery.invoice_number, delivery.kind, delivery.customer_id, delivery.created_at,
               CASE WHEN delivery.concluded IN ('dead', 'discarded')
                     AND delivery.class IN ('no_verification_method', 'too_large') THEN delivery.class END AS not_sent,
               -- Of one that is under way it stands in its lane.
               COALESCE(delivery.decision_inputs, lane_entry.decision_inputs) AS decision_inputs
        FROM delivery LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id
        WHERE delivery.tenant_id = $1
              -- In the order of the index delivery_of_tenant.
              AND delivery.created_at BETWEEN $2 AND $3
              AND (delivery.created_at < $3 OR delivery.id < $4) AND delivery.role = 'main'
        ORDER BY delivery.created_at DESC, delivery.id DESC LIMIT $5")
    .bind(tenant)
    .bind(since)
    .bind(after.at)
    .bind(after.id)
    .bind(limit)
    .all(on)
    .await?
    .iter()
    .map(read_decided)
    .collect()
}

fn read_decided(row: &Row) -> Result<DecidedDelivery, StoreError> {
    let inputs: Option<String> = row.get("decision_inputs")?;
    let not_sent: Option<ReasonCode> = row.get("not_sent")?;
    // What another version has written and this one does not read is as if it were not there.
    let inputs = inputs.and_then(|json| serde_json::from_str::<Inputs>(&json).ok());
    let is_too_large = not_sent == Some(ReasonCode::TooLarge);
    Ok(DecidedDelivery {
        past: PastDelivery {
            id: row.get("id")?,
            invoice_number: row.get("invoice_number")?,
            kind: row.get("kind")?,
            created_at: row.get("created_at")?,
            inputs: inputs.map(|inputs| Inputs { refused_for_size: inputs.refused_for_size || is_too_large, ..inputs }),
            not_sent,
        },
        customer: row.get("customer_id")?,
    })
}
