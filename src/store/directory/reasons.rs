//! Erasing a customer from what people wrote: why they cancelled, resent, discarded, paused, revoked or chose something.

use std::collections::BTreeSet;

use super::person::{NEEDLES, Person, names_person};
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
    if person.is_nameless() {
        return Ok(());
    }
    let naming = erase_notes_that_name(on, tenant, person).await?;
    erase_decisions(on, &naming, person).await?;
    sql(concat!(
        "WITH {rows} UPDATE dead_letter SET note = $1
        WHERE tenant_id = $2 AND tenant_id IS NOT NULL AND note IS NOT NULL AND ",
        names_person!("dead_letter.note")
    ))
    .bind(ERASED)
    .bind(tenant)
    .rows(NEEDLES, person.needles())
    .run(on)
    .await?;
    erase_settings_reasons(on, tenant, person).await?;
    erase_pause_reason(on, tenant, person).await?;
    erase_relay_pauses(on, person).await?;
    erase_link_reasons(on, tenant, person).await
}

/// Leaves of each note of the tenant's that names the person what was done, and takes why; returns whose notes these were. What
/// else was noted of the same delivery stays as it is.
async fn erase_notes_that_name(
    on: &mut impl StatementExecutor,
    tenant: &TenantId,
    person: &Person,
) -> Result<BTreeSet<DeliveryId>, StoreError> {
    sql(concat!(
        "WITH {rows} UPDATE delivery_note SET what = CASE WHEN ",
        says_why!("what"),
        " THEN ",
        what_without_why!("what"),
        " || ': ' || $1 ELSE what END
        WHERE delivery_id IN (SELECT id FROM delivery WHERE tenant_id = $2) AND ",
        names_person!("delivery_note.what"),
        " RETURNING delivery_id"
    ))
    .bind(ERASED)
    .bind(tenant)
    .rows(NEEDLES, person.needles())
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("delivery_id"))
    .collect()
}

/// Takes why these deliveries were sent again, cancelled or marked as sent, where that names the person, also from what the
/// billing system is still to hear. What a relay said stays.
async fn erase_decisions(
    on: &mut impl StatementExecutor,
    deliveries: &BTreeSet<DeliveryId>,
    person: &Person,
) -> Result<(), StoreError> {
    let rows = sql("WITH {rows} SELECT delivery.id, delivery.resend_reason, delivery.reason
        FROM rows JOIN delivery ON delivery.id = rows.id")
    .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .all(on)
    .await?;
    let (mut resent, mut decided): (Vec<DeliveryId>, Vec<DeliveryId>) = (Vec::new(), Vec::new());
    for row in &rows {
        for (column, naming) in [("resend_reason", &mut resent), ("reason", &mut decided)] {
            if row.get::<Option<String>>(column)?.is_some_and(|reason| person.is_named_in(&reason)) {
                naming.push(row.get("id")?);
            }
        }
    }
    sql("WITH {rows} UPDATE delivery SET resend_reason = NULL WHERE id IN (SELECT id FROM rows)")
        .rows("id uuid", resent.iter().map(|delivery| [(*delivery).into()]))
        .run(on)
        .await?;
    sql("WITH {rows} UPDATE delivery SET reason = NULL WHERE id IN (SELECT id FROM rows) AND class = $1")
        .bind(ReasonCode::ByHand)
        .rows("id uuid", decided.iter().map(|delivery| [(*delivery).into()]))
        .run(on)
        .await?;
    sql("WITH {rows} UPDATE outcome SET reason = NULL WHERE delivery_id IN (SELECT id FROM rows) AND class = $1")
        .bind(ReasonCode::ByHand)
        .rows("id uuid", decided.iter().map(|delivery| [(*delivery).into()]))
        .run(on)
        .await?;
    Ok(())
}

/// Leaves of each note of these deliveries what was done, and takes why.
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
    .rows(NEEDLES, person.needles())
    .run(on)
    .await?;
    Ok(())
}
