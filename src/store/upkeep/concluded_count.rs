//! How many deliveries ended how, kept rather than counted.

use std::collections::BTreeMap;

use crate::model::ids::DeliveryId;
use crate::model::state::Concluded;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};

/// Rows a count is spread over, so that workers seldom wait for each other.
const SHARDS: u8 = 16;

/// Adds to the counts, in the transaction that concludes. Any delivery of the batch chooses the shard: its last byte is
/// random ([RFC 9562 §5.7](https://www.rfc-editor.org/rfc/rfc9562#section-5.7)).
pub(in crate::store) async fn count_concluded(
    on: &mut impl StatementExecutor,
    any: DeliveryId,
    changes: &BTreeMap<Concluded, i64>,
) -> Result<(), StoreError> {
    let changes: Vec<_> = changes.iter().filter(|(_, change)| **change != 0).collect();
    if changes.is_empty() {
        return Ok(());
    }
    let shard = i64::from(any.0.as_bytes()[15] % SHARDS);
    sql("WITH {rows}
        INSERT INTO concluded_count (concluded, shard, count)
        SELECT concluded, $1, change FROM rows WHERE TRUE ORDER BY concluded
        ON CONFLICT (concluded, shard) DO UPDATE SET count = concluded_count.count + excluded.count")
    .bind(shard)
    .rows(
        "concluded text, change bigint",
        changes.iter().map(|(concluded, change)| [(**concluded).into(), (**change).into()]),
    )
    .run(on)
    .await?;
    Ok(())
}

impl Store {
    /// How many deliveries ended how, over all time that is kept.
    pub(in crate::store) async fn concluded_counts(&self) -> Result<BTreeMap<Concluded, i64>, StoreError> {
        sql("SELECT concluded, CAST(SUM(count) AS BIGINT) AS count FROM concluded_count GROUP BY concluded")
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(|row| Ok((row.get("concluded")?, row.get("count")?)))
            .collect()
    }
}
