//! What a worker needs to know of the deliveries that it has claimed.

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::event::Recipient;
use crate::model::customer::{CustomerType, VerificationRecord};
use crate::model::ids::{DeliveryId, EventKey};
use crate::model::invoice_ref::InvoiceRef;
use crate::model::settings::{PortalAuthentication, Settings, VersionedSettings};
use crate::model::state::DeliveryRole;
use crate::model::verification_key::RULES_VERSION;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::delivery::invoice_ref::read_invoice;
use crate::store::directory::verification::{read_verification, verification_columns};

/// A delivery's snapshot, and what decides now.
#[derive(Debug, Clone)]
pub struct DeliveryContext {
    pub id: DeliveryId,
    /// Whose Message-ID, X-Delivery-Id and token it uses.
    pub root: DeliveryId,
    /// What it is to its event.
    pub role: DeliveryRole,
    /// The main delivery of the same event or resend.
    pub main: DeliveryId,
    pub event_key: EventKey,
    /// Who published the event.
    pub source: String,
    /// The publisher's name for it.
    pub event_id: String,
    /// The event's bytes, as they came.
    pub event_body: Bytes,
    pub invoice: InvoiceRef,
    /// Whom it goes to.
    pub recipients: Vec<Recipient>,
    /// Whom its headers show: the main delivery's recipients.
    pub shown: Vec<Recipient>,
    /// The customer's name at the snapshot.
    pub customer_name: String,
    /// The language and region of the mail (BCP 47).
    pub locale: String,
    /// The version of the tenant's profile at the snapshot; with the tenant, a key to cache it by.
    pub profile_version: i64,
    /// JSON: that profile ([`crate::model::tenant::TenantProfile`]).
    pub profile: String,
    /// The templates, by content hash.
    pub template_version: String,
    /// The moment of the snapshot.
    pub snapshot_at: Timestamp,
    /// The fingerprint of the key that the portal token is made with.
    pub link_key: String,
    /// Which token of the root it is.
    pub link_generation: u32,
    /// A person asked for a link instead of documents.
    pub link_only: bool,
    /// An answer to it has held its sender.
    pub has_held_sender: bool,
    /// The tenant's settings now.
    pub settings: VersionedSettings,
    /// The customer's type now; `None` counts as private.
    pub customer_type: Option<CustomerType>,
    /// What the customer can be verified by now.
    pub verification: VerificationRecord,
}

impl Store {
    /// Reads what a worker needs to know of its deliveries, in no particular order. One whose event's bytes are
    /// forgotten, or whose tenant has no settings, is left out: it cannot be sent.
    ///
    /// # Errors
    /// One value that cannot be read fails the whole call, as [`StoreError::Unreadable`].
    pub async fn load(&self, deliveries: &[DeliveryId]) -> Result<Vec<DeliveryContext>, StoreError> {
        if deliveries.is_empty() {
            return Ok(Vec::new());
        }
        sql(concat!(
            "WITH {rows}
            SELECT delivery.id, delivery.root_id, delivery.role, delivery.main_id, delivery.event_key,
                   delivery.tenant_id, delivery.customer_id, delivery.invoice_id, delivery.invoice_number,
                   delivery.kind, event.source, event.event_id,
                   delivery.recipients, main.recipients AS shown, delivery.customer_name, delivery.locale,
                   delivery.profile_version, delivery.template_version, delivery.snapshot_at, delivery.link_key,
                   delivery.link_generation, delivery.link_only, delivery.tripped_at IS NOT NULL AS has_held_sender,
                   event.body AS event_body,
                   -- The profile of the snapshot; settings and customer as they are now, since they decide.
                   tenant_profile.body AS profile, settings.version, settings.sensitive_attachments,
                   settings.portal_level, settings.portal_primary, settings.portal_secondary,
                   customer.type AS customer_type, ",
            verification_columns!(),
            "
            FROM rows
                 JOIN delivery ON delivery.id = rows.id
                 JOIN delivery AS main ON main.id = delivery.main_id
                 JOIN event ON event.key = delivery.event_key AND event.body IS NOT NULL
                 JOIN tenant_profile ON tenant_profile.tenant_id = delivery.tenant_id
                                    AND tenant_profile.version = delivery.profile_version
                 JOIN tenant_settings AS settings ON settings.tenant_id = delivery.tenant_id
                 LEFT JOIN customer ON customer.tenant_id = delivery.tenant_id AND customer.id = delivery.customer_id"
        ))
        .bind(RULES_VERSION)
        .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(read_context)
        .collect()
    }
}

fn read_context(row: &Row) -> Result<DeliveryContext, StoreError> {
    Ok(DeliveryContext {
        id: row.get("id")?,
        root: row.get("root_id")?,
        role: row.get("role")?,
        main: row.get("main_id")?,
        event_key: row.get("event_key")?,
        source: row.get("source")?,
        event_id: row.get("event_id")?,
        event_body: row.get::<Vec<u8>>("event_body")?.into(),
        invoice: read_invoice(row)?,
        recipients: row.json("recipients")?,
        shown: row.json("shown")?,
        customer_name: row.get("customer_name")?,
        locale: row.get("locale")?,
        profile_version: row.get("profile_version")?,
        profile: row.get("profile")?,
        template_version: row.get("template_version")?,
        snapshot_at: row.get("snapshot_at")?,
        link_key: row.get("link_key")?,
        link_generation: row.get("link_generation")?,
        link_only: row.get("link_only")?,
        has_held_sender: row.get("has_held_sender")?,
        settings: read_settings(row)?,
        customer_type: row.get("customer_type")?,
        verification: read_verification(row)?,
    })
}

/// Reads the columns `version`, `sensitive_attachments` and `portal_…` of `tenant_settings`.
pub(in crate::store) fn read_settings(row: &Row) -> Result<VersionedSettings, StoreError> {
    Ok(VersionedSettings {
        version: row.get("version")?,
        settings: Settings {
            sensitive_attachments: row.get("sensitive_attachments")?,
            portal_authentication: PortalAuthentication {
                level: row.get("portal_level")?,
                primary: row.get("portal_primary")?,
                secondary: row.get("portal_secondary")?,
            },
        },
    })
}
