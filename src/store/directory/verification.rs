//! What customers are verified by: the keys beside their records, and the numbers that the SMS provider has refused.

use crate::model::customer::VerificationRecord;
use crate::model::ids::{CustomerId, TenantId};
use crate::model::verification::VerificationConfig;
use crate::model::verification_key::{RULES_VERSION, VerificationKeys, calling_code_of};
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{rows, sql};
use crate::store::db::value::Row;

/// The columns of `customer` that [`read_verification`] reads, in a statement whose `$1` is [`RULES_VERSION`]. The record
/// itself is read only where its keys were made by other rules; it is compared by today's.
macro_rules! verification_columns {
    () => {
        "customer.postcode_key IS NOT NULL AND customer.house_number_key IS NOT NULL AS has_postal,
         customer.mobile IS NOT NULL AS has_mobile, customer.mobile_country,
         customer.mobile_refused_at IS NOT NULL AS mobile_refused, customer.verification_rules <> $1 AS has_old_keys,
         CASE WHEN customer.verification_rules <> $1 THEN customer.country END AS old_country,
         CASE WHEN customer.verification_rules <> $1 THEN customer.postcode END AS old_postcode,
         CASE WHEN customer.verification_rules <> $1 THEN customer.house_number END AS old_house_number,
         CASE WHEN customer.verification_rules <> $1 THEN customer.mobile END AS old_mobile"
    };
}
pub(in crate::store) use verification_columns;

/// Reads [`verification_columns!`]. Of a customer who is not there, all of it is false.
pub(in crate::store) fn read_verification(row: &Row) -> Result<VerificationRecord, StoreError> {
    let mobile_refused = row.get("mobile_refused")?;
    if row.get::<Option<bool>>("has_old_keys")? == Some(true) {
        let column = |name: &str| row.get::<Option<String>>(name);
        let (country, postcode) = (column("old_country")?, column("old_postcode")?);
        let (house_number, mobile) = (column("old_house_number")?, column("old_mobile")?);
        let keys =
            VerificationKeys::of(country.as_deref(), postcode.as_deref(), house_number.as_deref(), mobile.as_deref());
        return Ok(VerificationRecord { mobile_refused, ..(&keys).into() });
    }
    Ok(VerificationRecord {
        postcode_house_number: row.get("has_postal")?,
        mobile: row.get("has_mobile")?,
        mobile_country: row.get("mobile_country")?,
        mobile_refused,
    })
}

/// Reads what a customer is verified against out of a whole row of `customer`, by today's rules.
pub(in crate::store) fn read_verification_keys(row: &Row) -> Result<VerificationKeys, StoreError> {
    let column = |name: &str| row.get::<Option<String>>(name);
    let (country, postcode) = (column("country")?, column("postcode")?);
    let (house_number, mobile) = (column("house_number")?, column("mobile")?);
    let keys =
        VerificationKeys::of(country.as_deref(), postcode.as_deref(), house_number.as_deref(), mobile.as_deref());
    Ok(VerificationKeys { mobile_refused: row.get("mobile_refused")?, ..keys })
}

impl Store {
    /// The same store, of an installation that can verify customers so.
    #[must_use]
    pub fn with_verification(self, verification: VerificationConfig) -> Self {
        Self { verification, ..self }
    }

    /// What a customer is verified against now.
    pub async fn verification_keys(
        &self,
        tenant: &TenantId,
        customer: &CustomerId,
    ) -> Result<Option<VerificationKeys>, StoreError> {
        let row = sql("SELECT country, postcode, house_number, mobile, mobile_refused_at IS NOT NULL AS mobile_refused
            FROM customer WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(customer)
        .optional(&mut self.read().await?)
        .await?;
        row.as_ref().map(read_verification_keys).transpose()
    }

    /// Notes that the SMS provider refuses a number for good. It holds until the customer has another number.
    pub async fn refuse_mobile(
        &self,
        tenant: &TenantId,
        customer: &CustomerId,
        mobile: &str,
    ) -> Result<(), StoreError> {
        sql("UPDATE customer SET mobile_refused_at = $4
            WHERE tenant_id = $1 AND id = $2 AND mobile = $3 AND mobile_refused_at IS NULL")
        .bind(tenant)
        .bind(customer)
        .bind(mobile)
        .bind(self.now())
        .run(&mut self.write().await?)
        .await?;
        Ok(())
    }

    /// Makes the keys of up to `limit` customers anew whose keys other rules have made, or none; returns how many they
    /// were. Any number of processes may do so.
    pub async fn renew_verification_keys(&self, limit: u32) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        // Two ranges, not `<>`: so that an index serves it.
        let customers = sql("SELECT tenant_id, id, country, postcode, house_number, mobile, FALSE AS mobile_refused
            FROM customer WHERE verification_rules < $1 OR verification_rules > $1
            ORDER BY tenant_id, id LIMIT $2 {postgres: FOR NO KEY UPDATE SKIP LOCKED}")
        .bind(RULES_VERSION)
        .bind(limit)
        .all(&mut transaction)
        .await?
        .iter()
        .map(|row| Ok((row.get("tenant_id")?, row.get("id")?, read_verification_keys(row)?)))
        .collect::<Result<Vec<(TenantId, CustomerId, VerificationKeys)>, StoreError>>()?;
        if !customers.is_empty() {
            sql("WITH {rows} UPDATE customer SET postcode_key = rows.postcode_key,
                       house_number_key = rows.house_number_key, mobile_country = rows.mobile_country,
                       verification_rules = $1
                FROM rows WHERE customer.tenant_id = rows.tenant_id AND customer.id = rows.id")
            .bind(RULES_VERSION)
            .batch(rows!(&customers, |(tenant, customer, keys)| {
                tenant_id: text = tenant,
                id: text = customer,
                postcode_key: text = &keys.postcode,
                house_number_key: text = &keys.house_number,
                mobile_country: bigint = keys.mobile.as_deref().and_then(calling_code_of),
            }))
            .run(&mut transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(customers.len() as u64)
    }
}
