//! Erasing a customer from the audit log: what names them goes, the entries stay.

use crate::model::audit::AuditAction;
use crate::model::ids::{CustomerId, TenantId};
use crate::store::Transaction;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::directory::person::Person;

/// Details that are read at once.
const DETAILS_AT_ONCE: u32 = 1_000;

/// Deletes the details of entries about the customer, and those of others that name them. That they were erased before,
/// and why, stays: it was kept without their name.
pub(in crate::store) async fn erase_audit_details(
    on: &mut Transaction,
    tenant: &TenantId,
    customer: &CustomerId,
    person: &Person,
) -> Result<(), StoreError> {
    sql("DELETE FROM audit_detail WHERE sequence IN (
            SELECT sequence FROM audit_entry WHERE tenant_id = $1 AND customer_id = $2 AND action <> $3)")
    .bind(tenant)
    .bind(customer)
    .bind(AuditAction::CustomerErased.into_str())
    .run(on)
    .await?;
    if person.is_nameless() {
        return Ok(());
    }
    let mut last = 0_i64;
    loop {
        let rows = sql("SELECT audit_detail.sequence, audit_detail.name, audit_detail.reason, audit_detail.change
            FROM audit_detail JOIN audit_entry ON audit_entry.sequence = audit_detail.sequence
            WHERE audit_detail.sequence > $1 AND (audit_entry.tenant_id = $2 OR audit_entry.tenant_id IS NULL)
            ORDER BY audit_detail.sequence LIMIT $3")
        .bind(last)
        .bind(tenant)
        .bind(DETAILS_AT_ONCE)
        .all(on)
        .await?;
        let mut naming: Vec<i64> = Vec::new();
        for row in &rows {
            last = row.get("sequence")?;
            let texts: [Option<String>; 2] = [row.get("name")?, row.get("reason")?];
            let change: Option<String> = row.get("change")?;
            let is_named = texts.iter().flatten().any(|text| person.is_named_in(text));
            if is_named || change.is_some_and(|change| person.is_named_in_json(&change)) {
                naming.push(last);
            }
        }
        sql("WITH {rows} DELETE FROM audit_detail WHERE sequence IN (SELECT sequence FROM rows)")
            .rows("sequence bigint", naming.iter().map(|sequence| [(*sequence).into()]))
            .run(on)
            .await?;
        if rows.is_empty() {
            return Ok(());
        }
    }
}
