//! Whose delivery it is: what can be said of one that cannot be read as a whole.

use crate::model::ids::{DeliveryId, EventKey};
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

/// What a dead letter says of a delivery that cannot be loaded. Its tenant and customer are known by its claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryIdentity {
    pub event_key: EventKey,
    /// Who published the event.
    pub source: Option<String>,
    /// The publisher's name for it.
    pub event_id: Option<String>,
    /// The number that people know.
    pub invoice_number: String,
    /// What it lacks, as far as that can be seen; an unreadable value lacks nothing.
    pub lacks: Option<&'static str>,
}

impl Store {
    /// Reads whose delivery it is, and what it lacks. Only columns that nothing is made of, so that it can be read
    /// whatever the others hold.
    pub async fn delivery_identity(&self, delivery: DeliveryId) -> Result<Option<DeliveryIdentity>, StoreError> {
        let row = sql("SELECT delivery.event_key, delivery.invoice_number, event.source, event.event_id,
                   event.body IS NOT NULL AS has_body, tenant_profile.version IS NOT NULL AS has_profile,
                   tenant_settings.version IS NOT NULL AS has_settings
            FROM delivery
                 LEFT JOIN event ON event.key = delivery.event_key
                 LEFT JOIN tenant_profile ON tenant_profile.tenant_id = delivery.tenant_id
                                         AND tenant_profile.version = delivery.profile_version
                 LEFT JOIN tenant_settings ON tenant_settings.tenant_id = delivery.tenant_id
            WHERE delivery.id = $1")
        .bind(delivery)
        .optional(&mut self.read().await?)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let lacks = if !row.get::<bool>("has_body")? {
            Some("the bytes of its event have been deleted (retention or erasure)")
        } else if !row.get::<bool>("has_profile")? {
            Some("the tenant's profile of that time is not stored")
        } else if !row.get::<bool>("has_settings")? {
            Some("its tenant has no settings")
        } else {
            None
        };
        Ok(Some(DeliveryIdentity {
            event_key: row.get("event_key")?,
            source: row.get("source")?,
            event_id: row.get("event_id")?,
            invoice_number: row.get("invoice_number")?,
            lacks,
        }))
    }
}
