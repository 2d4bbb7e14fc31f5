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

/// What is recorded once counts once within this time: browsers read a PDF in pieces, and whoever opens a link over and
/// over must not fill the table.
const COUNTS_ONCE: Duration = Duration::from_mins(10);

/// Events that one statement deletes: nothing bounds how many networks a link was opened from.
const EVENTS_AT_ONCE: u32 = 10_000;

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

    /// Records what a visitor did, unless the same was recorded within the last 10 minutes: of a download the same
    /// document, of everything else the same network.
    pub async fn record_portal_event_once(&self, event: &NewPortalEvent) -> Result<(), StoreError> {
        let now = self.now();
        // Most of them are the next piece of the same document: they need no transaction.
        if is_recorded(&mut self.read().await?, event, now).await? {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        lock_links(&mut transaction, event.root).await?;
        insert_portal_event_once(&mut transaction, event, now).await?;
        transaction.commit().await
    }

    /// Records that a document was read, unless that was recorded within the last 10 minutes.
    pub async fn record_portal_download(
        &self,
        root: DeliveryId,
        document: &str,
        network: Option<String>,
    ) -> Result<(), StoreError> {
        let detail = Some(document.to_owned());
        let event = NewPortalEvent { root, kind: PortalEventKind::Downloaded, detail, network };
        self.record_portal_event_once(&event).await
    }

    /// Deletes the networks of up to `limit` events before `before`.
    pub async fn purge_portal_event_networks(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        sql("UPDATE portal_event SET network = NULL WHERE {postgres: ctid}{sqlite: rowid} IN (
                SELECT {postgres: ctid}{sqlite: rowid} FROM portal_event
                WHERE network IS NOT NULL AND at < $1 ORDER BY at LIMIT $2)")
        .bind(before)
        .bind(limit)
        .run(&mut self.write().await?)
        .await
    }
}

/// Lets those who record something of one delivery at once come one after the other. Whoever waits here sees what the
/// other recorded: the next statement has a snapshot of its own.
pub(super) async fn lock_links(on: &mut impl StatementExecutor, root: DeliveryId) -> Result<(), StoreError> {
    sql("SELECT root_id FROM portal_link WHERE root_id = $1 {postgres: FOR UPDATE}").bind(root).all(on).await?;
    Ok(())
}

/// As [`Store::record_portal_event_once`], in a transaction that has called [`lock_links`].
pub(super) async fn insert_portal_event_once(
    on: &mut impl StatementExecutor,
    event: &NewPortalEvent,
    now: Timestamp,
) -> Result<(), StoreError> {
    if is_recorded(on, event, now).await? {
        return Ok(());
    }
    insert_portal_event(on, event, now).await
}

async fn is_recorded(
    on: &mut impl StatementExecutor,
    event: &NewPortalEvent,
    now: Timestamp,
) -> Result<bool, StoreError> {
    sql("SELECT EXISTS (SELECT 1 FROM portal_event
                        WHERE root_id = $1 AND at > $2 AND kind = $3
                          AND ((kind = 'downloaded' AND detail = $4)
                               OR (kind <> 'downloaded' AND network IS NOT DISTINCT FROM $5))) AS is_recorded")
    .bind(event.root)
    .bind(now.minus(COUNTS_ONCE))
    .bind(event.kind)
    .bind(event.detail.as_deref())
    .bind(event.network.as_deref())
    .one(on)
    .await?
    .get("is_recorded")
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
    let mut erased = 0;
    loop {
        let batch = sql("DELETE FROM portal_event WHERE {postgres: ctid}{sqlite: rowid} IN (
                SELECT {postgres: ctid}{sqlite: rowid} FROM portal_event
                WHERE root_id IN (SELECT id FROM delivery WHERE tenant_id = $1 AND customer_id = $2) LIMIT $3)")
        .bind(tenant)
        .bind(customer)
        .bind(EVENTS_AT_ONCE)
        .run(on)
        .await?;
        erased += batch;
        if batch < u64::from(EVENTS_AT_ONCE) {
            return Ok(erased);
        }
    }
}

/// Deletes the events of these deliveries.
pub(in crate::store) async fn delete_portal_events(
    on: &mut impl StatementExecutor,
    deliveries: &[DeliveryId],
) -> Result<(), StoreError> {
    loop {
        let batch = sql("WITH {rows} DELETE FROM portal_event WHERE {postgres: ctid}{sqlite: rowid} IN (
                SELECT {postgres: ctid}{sqlite: rowid} FROM portal_event
                WHERE root_id IN (SELECT id FROM rows) LIMIT $1)")
        .bind(EVENTS_AT_ONCE)
        .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .run(on)
        .await?;
        if batch < u64::from(EVENTS_AT_ONCE) {
            return Ok(());
        }
    }
}
