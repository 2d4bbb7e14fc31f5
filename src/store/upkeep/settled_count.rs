//! How many deliveries ended how, kept rather than counted.

use std::collections::BTreeMap;

use crate::model::ids::DeliveryId;
use crate::model::state::Settled;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{Runs, sql};

/// Rows a count is spread over, so that workers seldom wait for each other.
const SHARDS: u8 = 16;

/// Adds to the counts, in the transaction that settles. Any delivery of the batch chooses the shard: its last byte is
/// random ([RFC 9562 §5.7](https://www.rfc-editor.org/rfc/rfc9562#section-5.7)).
pub(in crate::store) async fn count_settled(
    on: &mut impl Runs,
    any: DeliveryId,
    changes: &BTreeMap<Settled, i64>,
) -> Result<(), StoreError> {
    let changes: Vec<_> = changes.iter().filter(|(_, change)| **change != 0).collect();
    if changes.is_empty() {
        return Ok(());
    }
    let shard = i64::from(any.0.as_bytes()[15] % SHARDS);
    sql("WITH {given}
        INSERT INTO settled_count (settled, shard, count)
        SELECT settled, $1, change FROM given WHERE TRUE ORDER BY settled
        ON CONFLICT (settled, shard) DO UPDATE SET count = settled_count.count + excluded.count")
    .bind(shard)
    .given(
        "settled text, change bigint",
        changes.iter().map(|(settled, change)| [(**settled).into(), (**change).into()]),
    )
    .run(on)
    .await?;
    Ok(())
}

impl Store {
    /// How many deliveries ended how, over all time that is kept.
    pub async fn settled_counts(&self) -> Result<BTreeMap<Settled, i64>, StoreError> {
        sql("SELECT settled, CAST(SUM(count) AS BIGINT) AS count FROM settled_count GROUP BY settled")
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(|row| Ok((row.get("settled")?, row.get("count")?)))
            .collect()
    }
}
