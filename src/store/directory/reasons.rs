//! Erasing a customer from what people wrote: why they cancelled, resent, discarded, paused, revoked or chose something.

use super::person::{Person, names_person};
use super::settings::erase_settings_reasons;
use crate::model::ids::{DeliveryId, TenantId};
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::delivery::erased::ERASED;
use crate::store::lane::pause::erase_pause_reason;
use crate::store::portal::links::erase_link_reasons;

/// Takes what people wrote about other deliveries and letters of the tenant, its settings, its pause and its links, where it
/// names the person.
pub(super) async fn erase_reasons_that_name(
    on: &mut impl StatementExecutor,
    tenant: &TenantId,
    person: &Person,
) -> Result<(), StoreError> {
    if person.texts().is_empty() {
        return Ok(());
    }
    let needles = || person.texts().iter().map(|text| [text.into()]);
    let naming: Vec<DeliveryId> = sql(concat!(
        "WITH {rows}
        SELECT DISTINCT delivery_note.delivery_id FROM delivery_note
             JOIN delivery ON delivery.id = delivery_note.delivery_id
        WHERE delivery.tenant_id = $1 AND ",
        names_person!("delivery_note.what")
    ))
    .bind(tenant)
    .rows("needle text", needles())
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("delivery_id"))
    .collect::<Result<_, _>>()?;
    erase_notes(on, &naming).await?;
    sql("WITH {rows} UPDATE delivery SET resend_reason = NULL WHERE id IN (SELECT id FROM rows)")
        .rows("id uuid", naming.iter().map(|delivery| [(*delivery).into()]))
        .run(on)
        .await?;
    sql(concat!(
        "WITH {rows} UPDATE dead_letter SET note = $1
        WHERE tenant_id = $2 AND tenant_id IS NOT NULL AND note IS NOT NULL AND ",
        names_person!("dead_letter.note")
    ))
    .bind(ERASED)
    .bind(tenant)
    .rows("needle text", needles())
    .run(on)
    .await?;
    erase_settings_reasons(on, tenant, person).await?;
    erase_pause_reason(on, tenant, person).await?;
    erase_link_reasons(on, tenant, person).await
}

/// Leaves of each note what was done, and takes why.
pub(super) async fn erase_notes(on: &mut impl StatementExecutor, deliveries: &[DeliveryId]) -> Result<(), StoreError> {
    sql("WITH {rows} UPDATE delivery_note
        SET what = {postgres: split_part(what, ': ', 1)}{sqlite: substr(what, 1, instr(what, ': ') - 1)} || ': ' || $1
        WHERE delivery_id IN (SELECT id FROM rows)
          AND {postgres: position(': ' in what)}{sqlite: instr(what, ': ')} > 0")
    .bind(ERASED)
    .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .run(on)
    .await?;
    Ok(())
}
