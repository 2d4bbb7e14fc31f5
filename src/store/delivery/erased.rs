//! What a late answer means for a delivery whose customer was erased.
//!
//! An uncertain delivery is under way in no lane, so its customer can be erased; its relay may answer all the same, for
//! as long as its worker waits. That the mail was taken, or refused for good, is recorded without the relay's words,
//! which may repeat the address. It is never due again: there is no address to send it to. What would have been sent
//! again, or would have become a dead letter, is cancelled.

use std::collections::HashSet;

use crate::store::Transaction;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::lane::claim::{Claim, Fence};

/// Stands where a customer's name stood.
pub(in crate::store) const ERASED: &str = "(erased)";

/// The condition that a row of `customer` is somebody known. An erasure leaves the row, so that what was sent is still found by the
/// id, and takes the address, which every import has: until the next import the customer is as unknown as one who never came.
macro_rules! known_customer {
    () => {
        "customer.address <> ''"
    };
}
pub(in crate::store) use known_customer;

/// Those of the claims that ended, and whose customer was erased since.
pub(in crate::store) async fn among(
    on: &mut Transaction,
    claims: impl Iterator<Item = Fence>,
) -> Result<HashSet<Claim>, StoreError> {
    let claims: Vec<Fence> = claims.collect();
    if claims.is_empty() {
        return Ok(HashSet::new());
    }
    // Locked in the order of an erasure: either sees what the other did.
    let rows = sql("WITH {rows}
        SELECT delivery.id, delivery.claim, delivery.customer_name = $1 AND delivery.recipients = '[]' AS erased
        FROM rows JOIN delivery ON delivery.id = rows.id AND delivery.claim = rows.claim
        WHERE delivery.concluded IS NOT NULL ORDER BY delivery.id {postgres: FOR UPDATE OF delivery}")
    .bind(ERASED)
    .rows("id uuid, claim bigint, worker_id uuid", claims.iter().map(Fence::values))
    .all(on)
    .await?;
    let mut erased = HashSet::new();
    for row in &rows {
        if row.get::<bool>("erased")? {
            erased.insert((row.get("id")?, row.get("claim")?));
        }
    }
    Ok(erased)
}
