//! Who did what to a delivery by hand, or what cured it. Notes never hold an address.

use super::error::StoreError;
use super::statement::{Runs, sql};
use crate::clock::Timestamp;
use crate::ids::DeliveryId;

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// What.
    pub what: String,
}

/// Writes the same note for each delivery.
pub(super) async fn insert_notes(
    on: &mut impl Runs,
    deliveries: &[DeliveryId],
    who: &str,
    what: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    if deliveries.is_empty() {
        return Ok(());
    }
    sql("WITH {given}
        INSERT INTO delivery_note (delivery_id, noted_at, who, what) SELECT id, $1, $2, $3 FROM given")
    .bind(now)
    .bind(who)
    .bind(what)
    .given("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .run(on)
    .await?;
    Ok(())
}
