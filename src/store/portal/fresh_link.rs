//! Fresh links for expired ones: who may ask how often, and what a fresh one is made of.

use std::time::Duration;

use bytes::Bytes;

use super::event::{NewPortalEvent, insert_portal_event};
use super::links::LinkState;
use crate::clock::Timestamp;
use crate::event::Recipient;
use crate::model::ids::{DeliveryId, EventKey};
use crate::model::invoice_ref::InvoiceRef;
use crate::model::portal_event::PortalEventKind;
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::delivery::invoice_ref::read_invoice;
use crate::store::intake::IntakeTransaction;

/// The time in which the requests of a network are counted …
pub const FRESH_LINK_WINDOW: Duration = Duration::from_hours(1);
/// … and the fresh links of an invoice.
const INVOICE_WINDOW: Duration = Duration::from_hours(24);

/// What a portal event says of a request that a mail was made for; others say why none was.
const SENT: &str = "sent";

/// The link that somebody asks with, and whose invoice it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedLink {
    pub root: DeliveryId,
    /// Which of its tokens.
    pub generation: u32,
    pub invoice: InvoiceRef,
}

/// What is known of an invoice whose link has expired.
#[derive(Debug, Clone)]
pub struct Renewal {
    /// The state of the link by now.
    pub link_state: LinkState,
    /// The newest main delivery of it that was sent.
    pub newest_sent: Option<NewestSent>,
    /// A main delivery is due or being sent.
    pub is_under_way: bool,
    /// Fresh links in the last 24 hours.
    pub sent_lately: u64,
}

/// The newest main delivery of an invoice that was sent.
#[derive(Debug, Clone)]
pub struct NewestSent {
    pub id: DeliveryId,
    pub event_key: EventKey,
    pub invoice: InvoiceRef,
    /// Whom it went to; none once the customer is erased.
    pub recipients: Vec<Recipient>,
    /// Its own link has been revoked: it may have gone to the wrong person.
    pub link_is_revoked: bool,
    /// The event's bytes, unless they were deleted.
    pub body: Option<Bytes>,
}

impl Store {
    /// Counts a request of this network; `false` if it has made `limit` of them in the last hour. Requests at the same
    /// moment may be a few too many.
    pub async fn count_fresh_link_request(&self, network: &str, limit: u32) -> Result<bool, StoreError> {
        let now = self.now();
        let counted = sql("INSERT INTO portal_fresh_link_request (network, asked_at) SELECT $1, $2
            WHERE (SELECT COUNT(*) FROM portal_fresh_link_request WHERE network = $1 AND asked_at > $3) < $4")
        .bind(network)
        .bind(now)
        .bind(now.minus(FRESH_LINK_WINDOW))
        .bind(limit)
        .run(&mut self.write().await?)
        .await?;
        Ok(counted > 0)
    }

    /// The link with this token, whatever its state.
    pub async fn asked_link(&self, token: Sha256) -> Result<Option<AskedLink>, StoreError> {
        let row = sql("SELECT portal_link.root_id, portal_link.generation, delivery.tenant_id, delivery.customer_id,
                   delivery.invoice_id, delivery.invoice_number, delivery.kind
            FROM portal_link JOIN delivery ON delivery.id = portal_link.root_id
            WHERE portal_link.token_sha256 = $1")
        .bind(token)
        .optional(&mut self.read().await?)
        .await?;
        row.map(|row| {
            Ok(AskedLink {
                root: row.get("root_id")?,
                generation: row.get("generation")?,
                invoice: read_invoice(&row)?,
            })
        })
        .transpose()
    }

    /// Deletes up to `limit` requests before `before`.
    pub async fn purge_fresh_link_requests(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        sql("DELETE FROM portal_fresh_link_request WHERE {postgres: ctid}{sqlite: rowid} IN (
                SELECT {postgres: ctid}{sqlite: rowid} FROM portal_fresh_link_request WHERE asked_at < $1 LIMIT $2)")
        .bind(before)
        .bind(limit)
        .run(&mut self.write().await?)
        .await
    }
}

impl IntakeTransaction {
    /// What a fresh link to the invoice of `link` would be made of. The tenant is locked: whoever asks at the same moment
    /// counts what this one makes.
    pub async fn renewal(&mut self, link: &AskedLink) -> Result<Renewal, StoreError> {
        let rows = sql("SELECT delivery.id, delivery.event_key, delivery.tenant_id, delivery.customer_id, delivery.invoice_id,
                   delivery.invoice_number, delivery.kind, delivery.recipients, delivery.concluded IS NULL AS is_under_way,
                   COALESCE(delivery.concluded = 'sent', FALSE) AS is_sent,
                   EXISTS (SELECT 1 FROM portal_link AS link
                           WHERE link.root_id = delivery.root_id AND link.generation = delivery.link_generation
                             AND link.revoked_at IS NOT NULL) AS link_is_revoked
            FROM delivery
            WHERE tenant_id = $1 AND invoice_id = $2 AND kind = $3 AND role = 'main'
              AND (concluded IS NULL OR concluded = 'sent')
            ORDER BY created_at DESC, id DESC")
        .bind(&link.invoice.tenant)
        .bind(&link.invoice.id)
        .bind(link.invoice.kind)
        .all(&mut self.transaction)
        .await?;
        let (mut newest_sent, mut is_under_way) = (None, false);
        for row in &rows {
            is_under_way |= row.get::<bool>("is_under_way")?;
            if newest_sent.is_none() && row.get("is_sent")? {
                let event_key = row.get("event_key")?;
                newest_sent = Some(NewestSent {
                    id: row.get("id")?,
                    event_key,
                    invoice: read_invoice(row)?,
                    recipients: row.json("recipients")?,
                    link_is_revoked: row.get("link_is_revoked")?,
                    body: self.body_of(event_key).await?,
                });
            }
        }
        let (link_state, sent_lately) = (self.state_of(link).await?, self.fresh_links_lately(link).await?);
        Ok(Renewal { link_state, newest_sent, is_under_way, sent_lately })
    }

    /// Revoked, if it is not there any more: it was deleted meanwhile.
    async fn state_of(&mut self, link: &AskedLink) -> Result<LinkState, StoreError> {
        let row = sql("SELECT expires_at, revoked_at FROM portal_link WHERE root_id = $1 AND generation = $2")
            .bind(link.root)
            .bind(link.generation)
            .optional(&mut self.transaction)
            .await?;
        let Some(row) = row else { return Ok(LinkState::Revoked) };
        Ok(LinkState::of(row.get("expires_at")?, row.get("revoked_at")?, self.now))
    }

    async fn body_of(&mut self, event: EventKey) -> Result<Option<Bytes>, StoreError> {
        let row = sql("SELECT body FROM event WHERE key = $1").bind(event).optional(&mut self.transaction).await?;
        let body = row.map(|row| row.get::<Option<Vec<u8>>>("body")).transpose()?;
        Ok(body.flatten().map(Bytes::from))
    }

    async fn fresh_links_lately(&mut self, link: &AskedLink) -> Result<u64, StoreError> {
        let row = sql("SELECT COUNT(*) AS sent
            FROM delivery JOIN portal_event ON portal_event.root_id = delivery.id
            WHERE delivery.tenant_id = $1 AND delivery.invoice_id = $2 AND delivery.kind = $3
              AND portal_event.at > $4 AND portal_event.kind = $5 AND portal_event.detail = $6")
        .bind(&link.invoice.tenant)
        .bind(&link.invoice.id)
        .bind(link.invoice.kind)
        .bind(self.now.minus(INVOICE_WINDOW))
        .bind(PortalEventKind::FreshLinkAsked)
        .bind(SENT)
        .one(&mut self.transaction)
        .await?;
        Ok(u64::try_from(row.get::<i64>("sent")?).unwrap_or_default())
    }

    /// Records that a mail is made for whoever asked with the link of `root`.
    pub async fn record_fresh_link(&mut self, root: DeliveryId, network: &str) -> Result<(), StoreError> {
        let event = NewPortalEvent {
            root,
            kind: PortalEventKind::FreshLinkAsked,
            detail: Some(SENT.to_owned()),
            network: Some(network.to_owned()),
        };
        insert_portal_event(&mut self.transaction, &event, self.now).await
    }
}
