//! Whose invoice a number is.

use super::text::numbers;
use crate::model::access::TenantScope;
use crate::model::ids::TenantId;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::scope::in_scope;
use crate::store::db::statement::sql;

/// The number of something that never became a delivery, as its index has it.
macro_rules! number_expression {
    ($column:literal) => {
        concat!(
            "{postgres: upper(translate(",
            $column,
            ", E' \\u00A0\\u2007\\u202F', '') COLLATE \"C\")}",
            "{sqlite: upper(replace(replace(replace(replace(",
            $column,
            ", ' ', ''), char(160), ''), char(8199), ''), char(8239), ''))}"
        )
    };
}
pub(super) use number_expression;

/// A number and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedInvoice {
    pub tenant: TenantId,
    /// The number as it was published.
    pub number: String,
    /// No more than what events claimed that could not be read.
    pub claimed: bool,
    /// The tenant has been imported.
    pub tenant_is_known: bool,
    /// There is a delivery of it, which can be sent again.
    pub has_delivery: bool,
}

/// Whatever has one of these numbers. Bound one by one: joined to a table of them, SQLite reads whole tables.
pub(super) const INVOICES_NUMBERED: &str = concat!(
    "SELECT known.tenant_id, known.invoice_number, MIN(known.claimed) AS claimed, MAX(known.delivery) AS delivery,
            (SELECT COUNT(*) FROM tenant WHERE tenant.id = known.tenant_id) AS tenants
     FROM (
        SELECT delivery.tenant_id, delivery.invoice_number, CAST(0 AS BIGINT) AS claimed, CAST(1 AS BIGINT) AS delivery
        FROM delivery WHERE delivery.number_key IN ($3, $4, $5)
        UNION ALL
        SELECT event.tenant_id, event.invoice_number, 0, 0
        FROM event WHERE event.state = 'waiting' AND ",
    number_expression!("event.invoice_number"),
    " IN ($3, $4, $5)
        UNION ALL
        SELECT dead_letter.tenant_id, dead_letter.invoice_number,
               CASE WHEN dead_letter.event_key IS NULL AND dead_letter.class <> 'conflicting_event' THEN 1 ELSE 0 END, 0
        FROM dead_letter WHERE dead_letter.invoice_number IS NOT NULL AND ",
    number_expression!("dead_letter.invoice_number"),
    " IN ($3, $4, $5) AND dead_letter.tenant_id IS NOT NULL) AS known
    WHERE ",
    in_scope!("known.tenant_id", "$1"),
    " GROUP BY known.tenant_id, known.invoice_number
    ORDER BY MAX(known.delivery) DESC, MIN(known.claimed), known.tenant_id, known.invoice_number LIMIT $2"
);

impl Store {
    /// Who has an invoice, a credit note or a reminder of this number, whatever became of it; at most `limit`. Case and
    /// blanks do not count.
    pub async fn invoices_numbered(
        &self,
        number: &str,
        scope: &TenantScope,
        limit: u32,
    ) -> Result<Vec<NumberedInvoice>, StoreError> {
        let keys = numbers(number);
        let Some(last) = keys.last() else { return Ok(Vec::new()) };
        // There are at most three.
        let key = |index: usize| keys.get(index).unwrap_or(last);
        sql(INVOICES_NUMBERED)
            .bind(scope)
            .bind(limit)
            .bind(key(0))
            .bind(key(1))
            .bind(key(2))
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(|row| {
                Ok(NumberedInvoice {
                    tenant: row.get("tenant_id")?,
                    number: row.get("invoice_number")?,
                    claimed: row.get::<i64>("claimed")? > 0,
                    tenant_is_known: row.get::<i64>("tenants")? > 0,
                    has_delivery: row.get::<i64>("delivery")? > 0,
                })
            })
            .collect()
    }
}
