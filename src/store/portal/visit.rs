//! What one request of a visitor needs to know: what the session has, and what holds of invoice and customer now.

use bytes::Bytes;
use uuid::Uuid;

use super::logo::read_logo_ref;
use super::session::{SEEN_EVERY, SESSION_IDLE, VERIFIED_IDLE, VERIFIED_MAX};
use crate::clock::Timestamp;
use crate::model::customer::CustomerType;
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::invoice_ref::InvoiceRef;
use crate::model::logo::LogoRef;
use crate::model::settings::{Settings, VerificationMethod};
use crate::model::tenant::TenantProfile;
use crate::model::verification_key::VerificationKeys;
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::directory::verification::read_verification_keys;
use crate::store::lane::load::read_settings;

/// A delivery's invoice as its sent mail made it visible: the newest sent main delivery of its invoice.
///
/// It decides, for a verified customer, which invoices are listed and may be opened without their own link.
macro_rules! newest_sent {
    () => {
        "delivery.role = 'main' AND delivery.concluded = 'sent' AND NOT EXISTS (
             SELECT 1 FROM delivery AS newer
             WHERE newer.tenant_id = delivery.tenant_id AND newer.invoice_id = delivery.invoice_id
               AND newer.customer_id = delivery.customer_id AND newer.kind = delivery.kind
               AND newer.role = 'main' AND newer.concluded = 'sent'
               AND (newer.created_at, newer.id) > (delivery.created_at, delivery.id))"
    };
}
pub(super) use newest_sent;

/// What [`read_customer`] reads.
macro_rules! customer_columns {
    () => {
        "customer.type AS customer_type, customer.country, customer.postcode, customer.house_number, customer.mobile,
         customer.mobile_refused_at IS NOT NULL AS mobile_refused"
    };
}
pub(super) use customer_columns;

/// A link as its token finds it.
#[derive(Debug, Clone)]
pub struct FoundLink {
    pub root: DeliveryId,
    /// Which of its tokens it is.
    pub generation: u32,
    /// Whether it opens the portal: neither revoked nor expired.
    pub is_live: bool,
    /// The tenant's profile now.
    pub tenant: TenantId,
    pub profile: TenantProfile,
    pub logo: Option<LogoRef>,
    /// The customer's language (BCP 47).
    pub locale: String,
}

/// What one request to the pages of one invoice needs to know.
#[derive(Debug, Clone)]
pub struct PortalVisit {
    pub root: DeliveryId,
    pub session: Uuid,
    /// The session opened a link of this delivery.
    pub opened: bool,
    /// That link is neither revoked nor expired; of a delivery whose link was not opened, its newest one.
    pub link_is_live: bool,
    /// It is the newest sent main delivery of its invoice: a verified customer finds it in the list.
    pub is_listed: bool,
    pub invoice: InvoiceRef,
    /// The customer's language (BCP 47).
    pub locale: String,
    /// The Date of its mail; of one that was not composed, when it was made.
    pub mailed_at: Timestamp,
    /// The event's bytes, as they came; none once they are forgotten.
    pub event_body: Option<Bytes>,
    /// The tenant's profile now.
    pub profile: TenantProfile,
    pub logo: Option<LogoRef>,
    /// The tenant's settings now.
    pub settings: Settings,
    pub customer: CustomerNow,
    /// The session's verification as this customer, as far as its times allow it.
    pub verification: Option<PortalVerification>,
}

/// What a customer is and can be verified by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerNow {
    /// `None` counts as private.
    pub kind: Option<CustomerType>,
    /// What a verification is proven against.
    pub keys: VerificationKeys,
}

/// A verification of a session that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalVerification {
    pub method: VerificationMethod,
    /// HMAC of the record that it was proven against.
    pub record_hmac: Sha256,
    last_used_at: Timestamp,
}

impl Store {
    /// The link that has this token, whether it opens the portal or not.
    pub async fn portal_link(&self, token: Sha256) -> Result<Option<FoundLink>, StoreError> {
        sql("SELECT link.root_id, link.generation, link.revoked_at IS NULL AND link.expires_at > $2 AS is_live,
                    delivery.tenant_id, delivery.locale, tenant_profile.body AS profile, tenant_logo.sha256 AS logo_sha256,
                    tenant_logo.width AS logo_width, tenant_logo.height AS logo_height
            FROM portal_link AS link
                 JOIN delivery ON delivery.id = link.root_id
                 JOIN tenant ON tenant.id = delivery.tenant_id
                 JOIN tenant_profile ON tenant_profile.tenant_id = tenant.id
                                    AND tenant_profile.version = tenant.profile_version
                 LEFT JOIN tenant_logo ON tenant_logo.tenant_id = tenant.id
            WHERE link.token_sha256 = $1")
        .bind(token)
        .bind(self.now())
        .optional(&mut self.read().await?)
        .await?
        .as_ref()
        .map(|row| {
            Ok(FoundLink {
                root: row.get("root_id")?,
                generation: row.get("generation")?,
                is_live: row.get("is_live")?,
                tenant: row.get("tenant_id")?,
                profile: row.json("profile")?,
                logo: read_logo_ref(row)?,
                locale: row.get("locale")?,
            })
        })
        .transpose()
    }

    /// What a request to the pages of the delivery `root` needs to know; none if the session has ended, or there is no such
    /// delivery. Whether the visitor may see anything of it is not decided here.
    pub async fn portal_visit(&self, id: Sha256, root: DeliveryId) -> Result<Option<PortalVisit>, StoreError> {
        let now = self.now();
        sql(concat!(
            "SELECT session.session, delivery.id AS root_id, opened.generation IS NOT NULL AS opened,
                    COALESCE(link.revoked_at IS NULL AND link.expires_at > $3, FALSE) AS link_is_live,
                    CASE WHEN opened.generation IS NOT NULL THEN FALSE ELSE ",
            newest_sent!(),
            " END AS is_listed,
                    delivery.tenant_id, delivery.customer_id, delivery.invoice_id, delivery.invoice_number, delivery.kind,
                    delivery.locale, COALESCE(delivery.message_date, delivery.created_at) AS mailed_at,
                    event.body AS event_body, tenant_profile.body AS profile, tenant_logo.sha256 AS logo_sha256,
                    tenant_logo.width AS logo_width, tenant_logo.height AS logo_height,
                    settings.version, settings.sensitive_attachments, settings.portal_level, settings.portal_primary,
                    settings.portal_secondary,
                    ",
            customer_columns!(),
            ",
                    verified.method, verified.record_hmac, verified.last_used_at
            FROM portal_session AS session
                 JOIN delivery ON delivery.id = $2 AND delivery.root_id = $2
                 LEFT JOIN portal_session_link AS opened ON opened.id_sha256 = $1 AND opened.root_id = $2
                 LEFT JOIN portal_link AS link
                        ON link.root_id = $2 AND link.generation = COALESCE(opened.generation, delivery.link_generation)
                 JOIN tenant ON tenant.id = delivery.tenant_id
                 JOIN tenant_profile ON tenant_profile.tenant_id = tenant.id
                                    AND tenant_profile.version = tenant.profile_version
                 LEFT JOIN tenant_logo ON tenant_logo.tenant_id = tenant.id
                 JOIN tenant_settings AS settings ON settings.tenant_id = delivery.tenant_id
                 LEFT JOIN event ON event.key = delivery.event_key
                 LEFT JOIN customer ON customer.tenant_id = delivery.tenant_id AND customer.id = delivery.customer_id
                 LEFT JOIN portal_session_customer AS verified
                        ON verified.id_sha256 = $1 AND verified.tenant_id = delivery.tenant_id
                       AND verified.customer_id = delivery.customer_id
                       AND verified.verified_at > $5 AND verified.last_used_at > $6
            WHERE session.id_sha256 = $1 AND session.ends_at > $3 AND session.last_seen_at > $4"
        ))
        .bind(id)
        .bind(root)
        .bind(now)
        .bind(now.minus(SESSION_IDLE))
        .bind(now.minus(VERIFIED_MAX))
        .bind(now.minus(VERIFIED_IDLE))
        .optional(&mut self.read().await?)
        .await?
        .as_ref()
        .map(read_visit)
        .transpose()
    }

    /// Notes that a verification was needed for what was shown.
    pub async fn use_portal_verification(
        &self,
        id: Sha256,
        (tenant, customer): (&TenantId, &CustomerId),
        verification: &PortalVerification,
    ) -> Result<(), StoreError> {
        let now = self.now();
        if now.since(verification.last_used_at) < SEEN_EVERY {
            return Ok(());
        }
        sql("UPDATE portal_session_customer SET last_used_at = $4
            WHERE id_sha256 = $1 AND tenant_id = $2 AND customer_id = $3 AND last_used_at < $4")
        .bind(id)
        .bind(tenant)
        .bind(customer)
        .bind(now)
        .run(&mut self.write().await?)
        .await?;
        Ok(())
    }
}

fn read_visit(row: &Row) -> Result<PortalVisit, StoreError> {
    Ok(PortalVisit {
        root: row.get("root_id")?,
        session: row.get("session")?,
        opened: row.get("opened")?,
        link_is_live: row.get("link_is_live")?,
        is_listed: row.get("is_listed")?,
        invoice: InvoiceRef {
            tenant: row.get("tenant_id")?,
            customer: row.get("customer_id")?,
            id: row.get("invoice_id")?,
            number: row.get("invoice_number")?,
            kind: row.get::<InvoiceKind>("kind")?,
        },
        locale: row.get("locale")?,
        mailed_at: row.get("mailed_at")?,
        event_body: row.get::<Option<Vec<u8>>>("event_body")?.map(Bytes::from),
        profile: row.json("profile")?,
        logo: read_logo_ref(row)?,
        settings: read_settings(row)?.settings,
        customer: read_customer(row)?,
        verification: read_verification(row)?,
    })
}

/// Reads [`customer_columns!`] of a customer, who may be none.
pub(super) fn read_customer(row: &Row) -> Result<CustomerNow, StoreError> {
    Ok(CustomerNow { kind: row.get("customer_type")?, keys: read_verification_keys(row)? })
}

/// Reads the columns of `portal_session_customer`, if the row has any.
pub(super) fn read_verification(row: &Row) -> Result<Option<PortalVerification>, StoreError> {
    let Some(method) = row.get::<Option<VerificationMethod>>("method")? else { return Ok(None) };
    let (record_hmac, last_used_at) = (row.get("record_hmac")?, row.get("last_used_at")?);
    Ok(Some(PortalVerification { method, record_hmac, last_used_at }))
}
