//! Dead letters whose cause is gone because a tenant or a customer has come.
//!
//! They are marked in the transaction that writes the tenant or customer, and redriven afterwards
//! ([`crate::operator::redrive`]): a crash in between delays the redrive and loses none.

use crate::model::customer::{Customer, usable_methods};
use crate::model::ids::{DeadLetterId, TenantId};
use crate::model::reason::ReasonCode;
use crate::model::verification::VerificationConfig;
use crate::model::verification_key::RULES_VERSION;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::directory::verification::{read_verification, verification_columns};
use crate::store::lane::load::read_settings;
use crate::store::{Store, Transaction};

impl Store {
    /// Up to `limit` dead letters whose cause is gone, oldest first.
    pub async fn resolvable_dead_letters(&self, limit: u32) -> Result<Vec<DeadLetterId>, StoreError> {
        sql("SELECT id FROM dead_letter WHERE curable ORDER BY id LIMIT $1")
            .bind(limit)
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(|row| row.get("id"))
            .collect()
    }

    /// Takes the mark off dead letters that could not be cured after all.
    pub async fn mark_not_resolvable(&self, letters: &[DeadLetterId]) -> Result<(), StoreError> {
        if letters.is_empty() {
            return Ok(());
        }
        sql("WITH {rows} UPDATE dead_letter SET curable = FALSE WHERE id IN (SELECT id FROM rows)")
            .rows("id uuid", letters.iter().map(|letter| [(*letter).into()]))
            .run(&mut self.write().await?)
            .await?;
        Ok(())
    }
}

/// Marks what the tenants' coming cures; returns it.
pub(in crate::store) async fn mark_resolvable_by_tenants(
    on: &mut Transaction,
    tenants: &[&TenantId],
) -> Result<Vec<DeadLetterId>, StoreError> {
    // The list of classes is the index's, word for word: SQLite uses it only then.
    let letters = sql("WITH {rows}
        SELECT dead_letter.id FROM rows JOIN dead_letter ON dead_letter.tenant_id = rows.tenant_id
        WHERE dead_letter.state = 'open'
          AND dead_letter.class IN ('unknown_tenant', 'unknown_customer', 'no_verification_method')
          AND dead_letter.class = 'unknown_tenant'")
    .rows("tenant_id text", tenants.iter().map(|tenant| [(*tenant).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("id"))
    .collect::<Result<Vec<_>, _>>()?;
    mark(on, &letters).await?;
    Ok(letters)
}

/// Marks what the customers' coming cures, and what the change of some of them cures; returns it.
pub(in crate::store) async fn mark_resolvable_by_customers(
    on: &mut Transaction,
    customers: &[&Customer],
    changed: &[&Customer],
    config: &VerificationConfig,
) -> Result<Vec<DeadLetterId>, StoreError> {
    if customers.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sql(concat!(
        "WITH {rows}
        SELECT dead_letter.id, dead_letter.class, rows.place, settings.version, settings.sensitive_attachments,
               settings.portal_level, settings.portal_primary, settings.portal_secondary, ",
        verification_columns!(),
        "
        FROM rows JOIN dead_letter ON dead_letter.tenant_id = rows.tenant_id
                                   AND dead_letter.customer_id = rows.customer_id
             JOIN tenant_settings AS settings ON settings.tenant_id = rows.tenant_id
             JOIN customer ON customer.tenant_id = rows.tenant_id AND customer.id = rows.customer_id
        WHERE dead_letter.state = 'open'
          AND dead_letter.class IN ('unknown_tenant', 'unknown_customer', 'no_verification_method')"
    ))
    .bind(RULES_VERSION)
    .rows(
        "tenant_id text, customer_id text, place bigint",
        customers
            .iter()
            .zip(0_i64..)
            .map(|(customer, place)| [(&customer.tenant_id).into(), (&customer.id).into(), place.into()]),
    )
    .all(on)
    .await?;
    let mut letters = Vec::new();
    for row in &rows {
        let place: i64 = row.get("place")?;
        let customer = customers[usize::try_from(place).expect("a place among the customers")];
        let is_resolvable = match row.get("class")? {
            ReasonCode::UnknownCustomer => true,
            // Only a change can have brought a method.
            ReasonCode::NoVerificationMethod => {
                changed.iter().any(|changed| std::ptr::eq(*changed, customer))
                    && !usable_methods(read_verification(row)?, &read_settings(row)?.settings, config).is_empty()
            }
            _ => false,
        };
        if is_resolvable {
            letters.push(row.get("id")?);
        }
    }
    mark(on, &letters).await?;
    Ok(letters)
}

async fn mark(on: &mut Transaction, letters: &[DeadLetterId]) -> Result<(), StoreError> {
    if letters.is_empty() {
        return Ok(());
    }
    sql("WITH {rows} UPDATE dead_letter SET curable = TRUE WHERE id IN (SELECT id FROM rows) AND state = 'open'")
        .rows("id uuid", letters.iter().map(|letter| [(*letter).into()]))
        .run(on)
        .await?;
    Ok(())
}
