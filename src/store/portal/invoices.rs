//! "Your invoices": what a verified customer finds besides the invoice of the link.

use std::cmp::Reverse;
use std::collections::HashMap;

use bytes::Bytes;

use super::logo::read_logo_ref;
use super::session::{SESSION_IDLE, VERIFIED_IDLE, VERIFIED_MAX};
use super::visit::{CustomerNow, PortalVerification, customer_columns, newest_sent, read_customer, read_verification};
use crate::clock::Timestamp;
use crate::model::ids::{CustomerId, DeliveryId, EventKey, TenantId};
use crate::model::logo::LogoRef;
use crate::model::settings::Settings;
use crate::model::tenant::TenantProfile;
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::lane::load::read_settings;

/// Invoices that are listed at most: the newest.
const LISTED_MAX: u32 = 200;

/// A customer that a session was verified as, and what holds of them now.
#[derive(Debug, Clone)]
pub struct VerifiedCustomer {
    pub tenant: TenantId,
    pub customer: CustomerId,
    /// The tenant's profile now.
    pub profile: TenantProfile,
    pub logo: Option<LogoRef>,
    /// The tenant's settings now.
    pub settings: Settings,
    pub now: CustomerNow,
    pub verification: PortalVerification,
}

/// An invoice of the list.
#[derive(Debug, Clone)]
pub struct ListedInvoice {
    pub root: DeliveryId,
    /// When the delivery was made.
    pub created_at: Timestamp,
    /// The Date of its mail.
    pub mailed_at: Timestamp,
    /// The customer's language (BCP 47) at that time.
    pub locale: String,
    /// The event that says what it shows.
    pub event_key: EventKey,
}

impl Store {
    /// The customers that the session was verified as, the latest first, as far as its times allow it. Whether a
    /// verification still counts is not decided here.
    pub async fn portal_verified_customers(&self, id: Sha256) -> Result<Vec<VerifiedCustomer>, StoreError> {
        let now = self.now();
        sql(concat!(
            "SELECT verified.tenant_id, verified.customer_id, verified.method, verified.record_hmac,
                    verified.last_used_at, tenant_profile.body AS profile, tenant_logo.sha256 AS logo_sha256,
                    tenant_logo.width AS logo_width, tenant_logo.height AS logo_height,
                    settings.version, settings.sensitive_attachments, settings.portal_level, settings.portal_primary,
                    settings.portal_secondary,
                    ",
            customer_columns!(),
            "
            FROM portal_session AS session
                 JOIN portal_session_customer AS verified ON verified.id_sha256 = session.id_sha256
                 JOIN tenant ON tenant.id = verified.tenant_id
                 JOIN tenant_profile ON tenant_profile.tenant_id = tenant.id
                                    AND tenant_profile.version = tenant.profile_version
                 LEFT JOIN tenant_logo ON tenant_logo.tenant_id = tenant.id
                 JOIN tenant_settings AS settings ON settings.tenant_id = verified.tenant_id
                 LEFT JOIN customer ON customer.tenant_id = verified.tenant_id AND customer.id = verified.customer_id
            WHERE session.id_sha256 = $1 AND session.ends_at > $2 AND session.last_seen_at > $3
              AND verified.verified_at > $4 AND verified.last_used_at > $5
            ORDER BY verified.verified_at DESC, verified.tenant_id, verified.customer_id"
        ))
        .bind(id)
        .bind(now)
        .bind(now.minus(SESSION_IDLE))
        .bind(now.minus(VERIFIED_MAX))
        .bind(now.minus(VERIFIED_IDLE))
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| {
            let verification = read_verification(row)?;
            Ok(VerifiedCustomer {
                tenant: row.get("tenant_id")?,
                customer: row.get("customer_id")?,
                profile: row.json("profile")?,
                logo: read_logo_ref(row)?,
                settings: read_settings(row)?.settings,
                now: read_customer(row)?,
                verification: verification.ok_or_else(|| StoreError::Bug("a verification has a method".to_owned()))?,
            })
        })
        .collect()
    }

    /// The invoices of these customers, newest first, of all of them together no more than 200: one for each invoice id and
    /// kind, as its newest email that was sent showed it, if that email's link has neither been revoked nor expired.
    pub async fn portal_invoices(
        &self,
        customers: &[(&TenantId, &CustomerId)],
    ) -> Result<Vec<ListedInvoice>, StoreError> {
        let mut listed: Vec<ListedInvoice> = Vec::new();
        for &(tenant, customer) in customers {
            listed.extend(self.invoices_of(tenant, customer).await?);
        }
        listed.sort_by_key(|invoice| Reverse((invoice.created_at, invoice.root)));
        listed.truncate(usize::try_from(LISTED_MAX).unwrap_or(usize::MAX));
        Ok(listed)
    }

    /// The bytes of these events, as they came; of those that are deleted none.
    pub async fn event_bodies(&self, events: &[EventKey]) -> Result<HashMap<EventKey, Bytes>, StoreError> {
        sql("WITH {rows} SELECT event.key, event.body FROM rows JOIN event ON event.key = rows.key
            WHERE event.body IS NOT NULL")
        .rows("key uuid", events.iter().map(|key| [(*key).into()]))
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| Ok((row.get("key")?, row.get::<Vec<u8>>("body")?.into())))
        .collect()
    }

    async fn invoices_of(&self, tenant: &TenantId, customer: &CustomerId) -> Result<Vec<ListedInvoice>, StoreError> {
        sql(concat!(
            "SELECT delivery.id AS root_id, delivery.created_at,
                    COALESCE(delivery.message_date, delivery.created_at) AS mailed_at, delivery.locale, delivery.event_key
            FROM delivery
                 JOIN portal_link AS link ON link.root_id = delivery.id AND link.generation = delivery.link_generation
                 JOIN event ON event.key = delivery.event_key AND event.body IS NOT NULL
            WHERE delivery.tenant_id = $1 AND delivery.customer_id = $2
              AND link.revoked_at IS NULL AND link.expires_at > $3 AND ",
            newest_sent!(),
            " ORDER BY delivery.created_at DESC, delivery.id DESC LIMIT $4"
        ))
        .bind(tenant)
        .bind(customer)
        .bind(self.now())
        .bind(LISTED_MAX)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| {
            Ok(ListedInvoice {
                root: row.get("root_id")?,
                created_at: row.get("created_at")?,
                mailed_at: row.get("mailed_at")?,
                locale: row.get("locale")?,
                event_key: row.get("event_key")?,
            })
        })
        .collect()
    }
}
