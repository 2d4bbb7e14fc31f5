//! The words of customers' names, and their ids: what finds a customer by the first letters.

use std::collections::BTreeSet;

use super::text::{id_word, words};
use crate::model::customer::Customer;
use crate::model::ids::{CustomerId, TenantId};
use crate::store::Transaction;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::db::value::Value;

/// Words of one name that are kept.
const WORDS_MAX: usize = 16;

/// Forgets what finds the given customers.
pub(super) const DELETED: &str = "WITH {rows} DELETE FROM customer_word
    WHERE (tenant_id, customer_id) IN (SELECT tenant_id, id FROM rows)";

/// Writes down what finds these customers from now on.
pub(in crate::store) async fn replace(on: &mut Transaction, customers: &[&Customer]) -> Result<(), StoreError> {
    if customers.is_empty() {
        return Ok(());
    }
    sql(DELETED).rows("tenant_id text, id text", customers.iter().map(|customer| key(customer))).run(on).await?;
    let rows = customers.iter().flat_map(|customer| finding(customer).into_iter().map(move |word| (word, customer)));
    sql("WITH {rows} INSERT INTO customer_word (word, tenant_id, customer_id) SELECT word, tenant_id, id FROM rows")
        .rows(
            "word text, tenant_id text, id text",
            rows.map(|(word, customer)| [word.into(), (&customer.tenant_id).into(), (&customer.id).into()]),
        )
        .run(on)
        .await?;
    Ok(())
}

/// Forgets the words of an erased customer's name; the id stays what finds what was sent.
pub(in crate::store) async fn erase(
    on: &mut impl StatementExecutor,
    tenant: &TenantId,
    customer: &CustomerId,
) -> Result<(), StoreError> {
    sql("DELETE FROM customer_word WHERE tenant_id = $1 AND customer_id = $2 AND word <> $3")
        .bind(tenant)
        .bind(customer)
        .bind(id_word(customer.as_str()))
        .run(on)
        .await?;
    Ok(())
}

fn key(customer: &Customer) -> [Value<'_>; 2] {
    [(&customer.tenant_id).into(), (&customer.id).into()]
}

/// What finds a customer.
fn finding(customer: &Customer) -> BTreeSet<String> {
    let name = words(&customer.name).into_iter().take(WORDS_MAX);
    name.chain([id_word(customer.id.as_str())]).filter(|word| !word.is_empty()).collect()
}
