//! What a customer did with links, for the page that shows one customer.

use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::model::ids::DeliveryId;
use crate::model::portal_event::PortalEventKind;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

impl Store {
    /// When the links of these deliveries were opened last; those that never were are left out.
    pub async fn links_last_opened(&self, roots: &[DeliveryId]) -> Result<HashMap<DeliveryId, Timestamp>, StoreError> {
        if roots.is_empty() {
            return Ok(HashMap::new());
        }
        sql("WITH {rows}
            SELECT portal_event.root_id, MAX(portal_event.at) AS opened_at FROM portal_event
            WHERE portal_event.root_id IN (SELECT id FROM rows) AND portal_event.kind = $1
            GROUP BY portal_event.root_id")
        .bind(PortalEventKind::Opened)
        .rows("id uuid", roots.iter().map(|root| [(*root).into()]))
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| Ok((row.get("root_id")?, row.get("opened_at")?)))
        .collect()
    }
}
