//! Reads which invoice a row is about.

use crate::model::invoice_ref::InvoiceRef;
use crate::store::db::error::StoreError;
use crate::store::db::value::Row;

/// Reads the columns `tenant_id`, `customer_id`, `invoice_id`, `invoice_number` and `kind`.
pub(in crate::store) fn read_invoice(row: &Row) -> Result<InvoiceRef, StoreError> {
    Ok(InvoiceRef {
        tenant: row.get("tenant_id")?,
        customer: row.get("customer_id")?,
        id: row.get("invoice_id")?,
        number: row.get("invoice_number")?,
        kind: row.get("kind")?,
    })
}
