//! What visitors did, for the timeline of a delivery.

use std::time::Duration;

use metrics::counter;

use crate::clock::Timestamp;
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::portal_event::PortalEventKind;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::telemetry::metric;

/// A document that is read again within this time counts once: browsers read a PDF in pieces.
const DOWNLOAD_COUNTS_ONCE: Duration = Duration::from_mins(10);

/// Something that a visitor did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPortalEvent {
    /// The delivery whose link was opened.
    pub root: DeliveryId,
    pub kind: PortalEventKind,
    /// The method, or the document's name.
    pub detail: Option<String>,
    /// The network of the peer (/24, /64).
    pub network: Option<String>,
}

impl Store {
    /// Records what a visitor did, at this moment.
    pub async fn record_portal_event(&self, event: &NewPortalEvent) -> Result<(), StoreError> {
        insert_portal_event(&mut self.write().await?, event, self.now()).await
    }

    /// Records that a document was read, unless that was recorded within the last 10 minutes.
    pub async fn record_portal_download(
        &self,
        root: DeliveryId,
        document: &str,
        network: Option<String>,
    ) -> Result<(), StoreError> {
        let now = self.now();
        // Most reads are the next piece of the same document: they need no transaction.
        if was_downloaded(&mut self.read().await?, root, document, now).await? {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        // The first pieces of a document may be read at once. Whoever waits here sees what the other recorded: the next
        // statement has a snapshot of its own.
        sql("SELECT root_id FROM portal_link WHERE root_id = $1 {postgres: FOR UPDATE}")
            .bind(root)
            .all(&mut transaction)
            .await?;
        if !was_downloaded(&mut transaction, root, document, now).await? {
            let detail = Some(document.to_owned());
            let event = NewPortalEvent { root, kind: PortalEventKind::Downloaded, detail, network };
            insert_portal_event(&mut transaction, &event, now).await?;
        }
        transaction.commit().await
    }

    /// Deletes the networks of events before `before`.
    pub async fn purge_portal_event_networks(&self, before: Timestamp) -> Result<u64, StoreError> {
        sql("UPDATE portal_event SET network = NULL WHERE network IS NOT NULL AND at < $1")
            .bind(before)
            .run(&mut self.write().await?)
            .await
    }
}

async fn was_downloaded(
    on: &mut impl StatementExecutor,
    root: DeliveryId,
    document: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    sql("SELECT EXISTS (SELECT 1 FROM portal_event
                        WHERE root_id = $1 AND at > $2 AND kind = $3 AND detail = $4) AS was_downloaded")
    .bind(root)
    .bind(now.minus(DOWNLOAD_COUNTS_ONCE))
    .bind(PortalEventKind::Downloaded)
    .bind(document)
    .one(on)
    .await?
    .get("was_downloaded")
}

pub(in crate::store) async fn insert_portal_event(
    on: &mut impl StatementExecutor,
    event: &NewPortalEvent,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql("INSERT INTO portal_event (root_id, at, kind, detail, network) VALUES ($1, $2, $3, $4, $5)")
        .bind(event.root)
        .bind(now)
        .bind(event.kind)
        .bind(event.detail.as_deref())
        .bind(event.network.as_deref())
        .run(on)
        .await?;
    counter!(metric::PORTAL_EVENTS, "kind" => event.kind.into_str()).increment(1);
    Ok(())
}

/// Deletes the events of a customer's deliveries.
pub(in crate::store) async fn erase_portal_events(
    on: &mut impl StatementExecutor,
    tenant: &TenantId,
    customer: &CustomerId,
) -> Result<u64, StoreError> {
    sql("DELETE FROM portal_event
        WHERE root_id IN (SELECT id FROM delivery WHERE tenant_id = $1 AND customer_id = $2)")
    .bind(tenant)
    .bind(customer)
    .run(on)
    .await
}
