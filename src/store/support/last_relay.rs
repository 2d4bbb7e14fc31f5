//! By which relay a delivery was tried last.

use crate::model::ids::{DeliveryId, RelayName};
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

impl Store {
    /// The relay of a delivery's last attempt, if there was one.
    pub async fn last_relay(&self, delivery: DeliveryId) -> Result<Option<RelayName>, StoreError> {
        sql("SELECT relay FROM attempt WHERE delivery_id = $1 ORDER BY claim DESC LIMIT 1")
            .bind(delivery)
            .optional(&mut self.read().await?)
            .await?
            .map(|row| row.get("relay"))
            .transpose()
    }
}
