//! An event that is taken in.

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::model::ids::{DeliveryId, EventKey};
use crate::model::incoming::Via;
use crate::model::invoice_ref::InvoiceRef;
use crate::model::state::EventState;
use crate::sha256::Sha256;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, rows, sql};

/// An event to be remembered.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Its idempotency key.
    pub key: EventKey,
    /// Who published it.
    pub source: String,
    /// The publisher's name for it.
    pub event_id: String,
    /// The digest of the canonical JSON of `data`.
    pub content_sha256: Sha256,
    /// The digest of tenant, invoice id, kind, documents and recipients.
    pub invoice_sha256: Sha256,
    /// Which invoice it is about.
    pub invoice: InvoiceRef,
    /// The bytes as they came.
    pub body: Bytes,
    /// Who brought it.
    pub via: Via,
    /// When it came.
    pub received_at: Timestamp,
    /// What becomes of it.
    pub fate: EventFate,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventFate {
    /// This delivery is made of it.
    Accepted(DeliveryId),
    /// Its customer is waited for until then.
    WaitUntil(Timestamp),
    /// No delivery can be made of it.
    Dead,
}

impl EventFate {
    pub(in crate::store) const fn state(self) -> EventState {
        match self {
            Self::Accepted(_) => EventState::Accepted,
            Self::WaitUntil(_) => EventState::Waiting,
            Self::Dead => EventState::Dead,
        }
    }

    pub(in crate::store) const fn delivery(self) -> Option<DeliveryId> {
        if let Self::Accepted(delivery) = self { Some(delivery) } else { None }
    }

    pub(in crate::store) const fn wait_until(self) -> Option<Timestamp> {
        if let Self::WaitUntil(moment) = self { Some(moment) } else { None }
    }
}

/// Inserts events; returns the keys that were free. Sorted, so that two batches never wait for each other in a ring.
pub(in crate::store) async fn insert_events(
    on: &mut impl StatementExecutor,
    events: &[NewEvent],
) -> Result<Vec<EventKey>, StoreError> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let mut events: Vec<&NewEvent> = events.iter().collect();
    events.sort_by_key(|event| event.key);
    let rows = sql("WITH {rows} INSERT INTO event ({columns}) SELECT * FROM rows WHERE TRUE
        ON CONFLICT (key) DO NOTHING RETURNING key")
    .batch(rows!(events, |event| {
        key: uuid = event.key,
        source: text = &event.source,
        event_id: text = &event.event_id,
        content_sha256: bytea = event.content_sha256,
        invoice_sha256: bytea = event.invoice_sha256,
        tenant_id: text = &event.invoice.tenant,
        customer_id: text = &event.invoice.customer,
        invoice_id: text = &event.invoice.id,
        invoice_number: text = &event.invoice.number,
        kind: text = event.invoice.kind,
        body: bytea = event.body.as_ref(),
        via: text = event.via,
        received_at: bigint = event.received_at,
        state: text = event.fate.state(),
        wait_until: bigint = event.fate.wait_until(),
        delivery_id: uuid = event.fate.delivery(),
    }))
    .all(on)
    .await?;
    rows.iter().map(|row| row.get("key")).collect()
}
