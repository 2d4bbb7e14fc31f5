//! Who did what to a delivery by hand, what cured it, and how its event was read. Notes never hold an address.

use crate::clock::Timestamp;
use crate::model::ids::DeliveryId;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};

/// What a person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub at: Timestamp,
    pub who: String,
    pub what: String,
}

/// The author of notes about what the dispatcher itself did.
pub(in crate::store) const DISPATCHER: &str = "dispatcher";

/// What is to be noted of a delivery from its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNote {
    pub delivery: DeliveryId,
    /// What; without addresses.
    pub what: String,
}

/// Writes notes of how events were read; most events need none.
pub(in crate::store) async fn insert_new_notes(
    on: &mut impl StatementExecutor,
    notes: &[NewNote],
    now: Timestamp,
) -> Result<(), StoreError> {
    if notes.is_empty() {
        return Ok(());
    }
    sql("WITH {rows}
        INSERT INTO delivery_note (delivery_id, noted_at, who, what) SELECT id, $1, $2, what FROM rows")
    .bind(now)
    .bind(DISPATCHER)
    .rows("id uuid, what text", notes.iter().map(|note| [note.delivery.into(), (&note.what).into()]))
    .run(on)
    .await?;
    Ok(())
}

/// Writes the same note for each delivery.
pub(in crate::store) async fn insert_notes(
    on: &mut impl StatementExecutor,
    deliveries: &[DeliveryId],
    who: &str,
    what: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    if deliveries.is_empty() {
        return Ok(());
    }
    sql("WITH {rows}
        INSERT INTO delivery_note (delivery_id, noted_at, who, what) SELECT id, $1, $2, $3 FROM rows")
    .bind(now)
    .bind(who)
    .bind(what)
    .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .run(on)
    .await?;
    Ok(())
}
