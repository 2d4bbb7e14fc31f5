//! Erasing a customer from what people wrote: why they cancelled, resent, discarded, paused, revoked or chose something.

use super::person::{Person, names_person};
use super::settings::erase_settings_reasons;
use crate::model::ids::{DeliveryId, TenantId};
use crate::model::reason::ReasonCode;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::delivery::erased::ERASED;
use crate::store::lane::pause::erase_pause_reason;
use crate::store::portal::links::erase_link_reasons;

/// What stands before the reason, of a text such as `cancelled: paid in cash`.
macro_rules! what_without_why {
    ($text:literal) => {
        concat!(
            "{postgres: split_part(",
            $text,
            ", ': ', 1)}{sqlite: substr(",
            $text,
            ", 1, instr(",
            $text,
            ", ': ') - 1)}"
        )
    };
}

/// The condition that such a text has a reason.
macro_rules! says_why {
    ($text:literal) => {
        concat!("{postgres: position(': ' in ", $text, ")}{sqlite: instr(", $text, ", ': ')} > 0")
    };
}

/// Takes what people wrote about other deliveries and letters of the tenant, its settings, its pause, its links and the relays,
/// where it names the person.
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
    erase_decisions(on, &naming).await?;
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
    erase_relay_pauses(on, person).await?;
    erase_link_reasons(on, tenant, person).await
}

/// Takes why deliveries were sent again, cancelled or marked as sent, also from what the billing system is still to hear. What
/// a relay said stays.
async fn erase_decisions(on: &mut impl StatementExecutor, deliveries: &[DeliveryId]) -> Result<(), StoreError> {
    let rows = || deliveries.iter().map(|delivery| [(*delivery).into()]);
    sql("WITH {rows} UPDATE delivery SET resend_reason = NULL, reason = CASE WHEN class = $1 THEN NULL ELSE reason END
        WHERE id IN (SELECT id FROM rows)")
    .bind(ReasonCode::ByHand)
    .rows("id uuid", rows())
    .run(on)
    .await?;
    sql("WITH {rows} UPDATE outcome SET reason = NULL WHERE delivery_id IN (SELECT id FROM rows) AND class = $1")
        .bind(ReasonCode::ByHand)
        .rows("id uuid", rows())
        .run(on)
        .await?;
    Ok(())
}

/// Leaves of each note what was done, and takes why.
pub(super) async fn erase_notes(on: &mut impl StatementExecutor, deliveries: &[DeliveryId]) -> Result<(), StoreError> {
    sql(concat!(
        "WITH {rows} UPDATE delivery_note SET what = ",
        what_without_why!("what"),
        " || ': ' || $1 WHERE delivery_id IN (SELECT id FROM rows) AND ",
        says_why!("what")
    ))
    .bind(ERASED)
    .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .run(on)
    .await?;
    Ok(())
}

/// Takes why relays are paused, where that names the person: of whatever tenant, for all share them.
async fn erase_relay_pauses(on: &mut impl StatementExecutor, person: &Person) -> Result<(), StoreError> {
    sql(concat!(
        "WITH {rows} UPDATE relay_state SET paused_by = ",
        what_without_why!("paused_by"),
        " || ': ' || $1 WHERE paused_by IS NOT NULL AND ",
        says_why!("paused_by"),
        " AND ",
        names_person!("relay_state.paused_by")
    ))
    .bind(ERASED)
    .rows("needle text", person.texts().iter().map(|text| [text.into()]))
    .run(on)
    .await?;
    Ok(())
}
