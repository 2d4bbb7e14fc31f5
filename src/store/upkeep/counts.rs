//! Numbers for metrics and overviews.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::model::ids::RelayName;
use crate::model::state::DeliveryState;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

impl Store {
    /// How many deliveries stand in each state. Those that ended are kept as counts; only the lanes are counted.
    pub async fn state_counts(&self) -> Result<BTreeMap<DeliveryState, i64>, StoreError> {
        let mut counts = BTreeMap::from([(DeliveryState::Due, 0), (DeliveryState::Sending, 0)]);
        counts.extend(
            self.concluded_counts().await?.into_iter().map(|(how, count)| (DeliveryState::Concluded(how), count)),
        );
        let rows = sql("SELECT state, COUNT(*) AS entries FROM lane_entry GROUP BY state")
            .all(&mut self.read().await?)
            .await?;
        for row in &rows {
            counts.insert(row.get("state")?, row.get("entries")?);
        }
        Ok(counts)
    }

    /// Since when the longest waiting delivery of each lane could have been sent. What is held is left out.
    pub async fn due_oldest(&self) -> Result<BTreeMap<RelayName, Timestamp>, StoreError> {
        sql("SELECT relay, MIN(due_at) AS due_at FROM lane_entry
            WHERE state = 'due' AND due_at <= $1 AND held IS NULL GROUP BY relay")
        .bind(self.now())
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| Ok((row.get("relay")?, row.get("due_at")?)))
        .collect()
    }
}
