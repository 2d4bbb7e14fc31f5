//! How many customers of a tenant can be verified by what: numbers only, no records.

use crate::model::customer::{CustomerType, VerificationRecord};
use crate::model::ids::TenantId;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

/// Customers of one tenant that are alike for the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomerGroup {
    /// Private, business or unknown.
    pub kind: Option<CustomerType>,
    /// What they can be verified by.
    pub record: VerificationRecord,
    /// How many they are.
    pub count: i64,
}

impl Store {
    /// A tenant's customers, counted by what decides about them: at most a dozen groups.
    pub async fn customer_groups(&self, tenant: &TenantId) -> Result<Vec<CustomerGroup>, StoreError> {
        sql("SELECT type, (postcode IS NOT NULL AND house_number IS NOT NULL) AS has_postal,
                   (mobile IS NOT NULL) AS has_mobile, COUNT(*) AS count
            FROM customer WHERE tenant_id = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")
        .bind(tenant)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| {
            Ok(CustomerGroup {
                kind: row.get("type")?,
                record: VerificationRecord {
                    postcode_house_number: row.get("has_postal")?,
                    mobile: row.get("has_mobile")?,
                },
                count: row.get("count")?,
            })
        })
        .collect()
    }
}
