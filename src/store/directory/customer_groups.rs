//! How many customers of a tenant can be verified by what: numbers only, no records.

use std::collections::BTreeMap;

use crate::model::access::TenantScope;
use crate::model::customer::VerificationRecord;
use crate::model::customer_group::CustomerGroup;
use crate::model::ids::TenantId;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::scope::in_scope;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::delivery::erased::known_customer;

impl Store {
    /// A tenant's customers, counted by what decides about them: at most a dozen groups for each country of mobile numbers.
    /// Erased ones do not count.
    pub async fn customer_groups(
        &self,
        tenant: &TenantId,
        scope: &TenantScope,
    ) -> Result<Vec<CustomerGroup>, StoreError> {
        // Rows whose keys other rules have made count by these for a moment: they are made anew soon.
        sql(concat!(
            "SELECT type, (postcode_key IS NOT NULL AND house_number_key IS NOT NULL) AS has_postal,
                   (mobile IS NOT NULL) AS has_mobile, mobile_country, (mobile_refused_at IS NOT NULL) AS mobile_refused,
                   COUNT(*) AS count
            FROM customer WHERE tenant_id = $1 AND ",
            known_customer!(),
            " AND ",
            in_scope!("tenant_id", "$2"),
            " GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
        ))
        .bind(tenant)
        .bind(scope)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(read_group)
        .collect()
    }

    /// The same of every tenant.
    pub async fn all_customer_groups(&self) -> Result<BTreeMap<TenantId, Vec<CustomerGroup>>, StoreError> {
        let rows = sql(concat!(
            "SELECT tenant_id, type, (postcode_key IS NOT NULL AND house_number_key IS NOT NULL) AS has_postal,
                   (mobile IS NOT NULL) AS has_mobile, mobile_country, (mobile_refused_at IS NOT NULL) AS mobile_refused,
                   COUNT(*) AS count
            FROM customer WHERE ",
            known_customer!(),
            " GROUP BY 1, 2, 3, 4, 5, 6"
        ))
        .all(&mut self.read().await?)
        .await?;
        let mut groups: BTreeMap<TenantId, Vec<CustomerGroup>> = BTreeMap::new();
        for row in &rows {
            groups.entry(row.get("tenant_id")?).or_default().push(read_group(row)?);
        }
        Ok(groups)
    }
}

fn read_group(row: &Row) -> Result<CustomerGroup, StoreError> {
    Ok(CustomerGroup {
        kind: row.get("type")?,
        record: VerificationRecord {
            postcode_house_number: row.get("has_postal")?,
            mobile: row.get("has_mobile")?,
            mobile_country: row.get("mobile_country")?,
            mobile_refused: row.get("mobile_refused")?,
        },
        count: row.get("count")?,
    })
}
