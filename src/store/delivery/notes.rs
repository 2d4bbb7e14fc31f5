//! Who did what to a delivery by hand, what cured it, and how its event was read. Notes never hold an address.

use super::erased::ERASED;
use crate::clock::Timestamp;
use crate::model::ids::DeliveryId;
use crate::model::note::{NoteContent, NoteKind};
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::db::value::Row;

/// What was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub at: Timestamp,
    pub who: String,
    /// An English sentence.
    pub what: String,
    /// The same as facts, which an erasure leaves; none of what another version of this program wrote.
    pub kind: Option<NoteKind>,
}

impl Note {
    pub(in crate::store) fn read(row: &Row) -> Result<Self, StoreError> {
        let facts: Option<String> = row.get("facts")?;
        Ok(Self {
            at: row.get("noted_at")?,
            who: row.get("who")?,
            what: row.get("what")?,
            kind: facts.as_deref().and_then(NoteKind::from_json),
        })
    }

    /// What its author gave as the reason, unless it has been erased.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.kind.as_ref()?.reason_in(&self.what).filter(|reason| *reason != ERASED)
    }
}

/// The author of notes about what the dispatcher itself did.
pub(in crate::store) const DISPATCHER: &str = "dispatcher";

/// What the dispatcher is to note of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNote {
    pub delivery: DeliveryId,
    pub kind: NoteKind,
}

/// Writes notes of what the dispatcher did, and of how events were read; most events need none.
pub(in crate::store) async fn insert_new_notes(
    on: &mut impl StatementExecutor,
    notes: &[NewNote],
    now: Timestamp,
) -> Result<(), StoreError> {
    if notes.is_empty() {
        return Ok(());
    }
    sql("WITH {rows}
        INSERT INTO delivery_note (delivery_id, noted_at, who, what, facts) SELECT id, $1, $2, what, facts FROM rows")
    .bind(now)
    .bind(DISPATCHER)
    .rows(
        "id uuid, what text, facts text",
        notes.iter().map(|note| [note.delivery.into(), note.kind.to_string().into(), note.kind.to_json().into()]),
    )
    .run(on)
    .await?;
    Ok(())
}

/// Writes the same note for each delivery.
pub(in crate::store) async fn insert_notes(
    on: &mut impl StatementExecutor,
    deliveries: &[DeliveryId],
    who: &str,
    note: &NoteContent,
    now: Timestamp,
) -> Result<(), StoreError> {
    if deliveries.is_empty() {
        return Ok(());
    }
    sql("WITH {rows}
        INSERT INTO delivery_note (delivery_id, noted_at, who, what, facts) SELECT id, $1, $2, $3, $4 FROM rows")
    .bind(now)
    .bind(who)
    .bind(note.to_string())
    .bind(note.kind.to_json())
    .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .run(on)
    .await?;
    Ok(())
}
