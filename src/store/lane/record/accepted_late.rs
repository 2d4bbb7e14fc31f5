//! An uncertain delivery of which a late answer says that the relay has the message.
//!
//! Its worker seemed to be dead, and what it had begun was sent once more (`on_uncertain = "resend"`). The late 250
//! stands in the first attempt. Whatever became of the second one: the customer has the email, and there is nothing to
//! decide.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::model::ids::DeliveryId;
use crate::model::note::NoteKind;
use crate::model::reason::ReasonCode;
use crate::model::state::Concluded;
use crate::store::Transaction;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::dead_letter::decide::move_deliveries;
use crate::store::delivery::left_recipients::{insert_rest, left_recipients};
use crate::store::delivery::notes::{DISPATCHER, insert_notes};

/// Moves those of `deliveries` that are uncertain, and that an earlier attempt's late answer accepted, to `sent`.
/// Recipients that the relay had deferred get a delivery of their own.
pub(in crate::store) async fn conclude_accepted_late(
    on: &mut Transaction,
    deliveries: &BTreeSet<DeliveryId>,
    new_id: impl Fn() -> Uuid,
    now: Timestamp,
) -> Result<(), StoreError> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let accepted: Vec<DeliveryId> = sql("WITH {rows}
        SELECT delivery.id FROM rows JOIN delivery ON delivery.id = rows.id
        WHERE delivery.concluded = 'uncertain' AND delivery.message_sha256 IS NOT NULL
          AND EXISTS (SELECT 1 FROM attempt WHERE attempt.delivery_id = rows.id
                      AND attempt.class = 'uncertain' AND attempt.code LIKE '2%')
        ORDER BY delivery.id {postgres: FOR UPDATE OF delivery}")
    .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("id"))
    .collect::<Result<_, _>>()?;
    let why = "the relay had accepted it, as its late answer to an earlier attempt says";
    let ends = (Concluded::Uncertain, Concluded::Sent);
    for delivery in move_deliveries(on, &accepted, ends, Some((ReasonCode::Accepted, why)), now).await? {
        insert_notes(on, &[delivery], DISPATCHER, &NoteKind::AcceptedLate.into(), now).await?;
        let left = left_recipients(on, delivery).await?;
        if !left.deferred.is_empty() {
            insert_rest(on, delivery, DeliveryId(new_id()), &left.deferred, now).await?;
        }
    }
    Ok(())
}
