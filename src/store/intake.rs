//! Taking a batch of events in, in one transaction.
//!
//! The transaction holds the rows of its tenants from the start, so that one batch at a time is taken in for each
//! tenant: what it reads about duplicates is still true when it commits. A key that another transaction takes meanwhile
//! (an event of an unknown tenant has no row to lock) is reported, and the caller begins anew.

pub(super) mod invoice_digest;
pub(super) mod new_dead_letter;
pub(super) mod new_delivery;
pub(super) mod new_event;
pub(super) mod new_lane_entry;
pub(super) mod same_invoice;

use std::collections::HashMap;

use bytes::Bytes;

use super::db::error::StoreError;
use super::db::statement::sql;
use super::delivery::erased::known_customer;
use super::delivery::notes::{NewNote, insert_new_notes};
use super::lane::held::TENANT_PAUSED;
use super::lane::pause::TenantPause;
use super::{Store, Transaction};
use crate::clock::Timestamp;
use crate::event::InvoiceData;
use crate::model::ids::{CustomerId, DeadLetterId, DeliveryId, EventKey, RelayName, TenantId};
use crate::model::incoming::Via;
use crate::model::state::{Concluded, EventState};
use crate::model::tenant::TenantProfile;
use crate::sha256::Sha256;
use invoice_digest::invoice_digest;
use new_dead_letter::{NewDeadLetter, insert_dead_letters};
use new_delivery::{NewDelivery, insert_deliveries};
use new_event::{EventFate, NewEvent, insert_events};
use new_lane_entry::{NewLaneEntry, insert_lane_entries};

/// Bytes of the events that are looked at in one step once their customers have come, give or take the last one.
const WAITING_BYTES_MAX: i64 = 8 << 20;

/// An open intake; rolled back unless it is committed.
#[derive(Debug)]
pub struct IntakeTransaction {
    pub(super) transaction: Transaction,
    pub(super) now: Timestamp,
    tenants: Vec<TenantSnapshot>,
}

/// What intake needs to know of a tenant.
#[derive(Debug, Clone)]
pub struct TenantSnapshot {
    pub id: TenantId,
    /// The relay that sends its mail.
    pub relay: RelayName,
    /// The beginning of its keys in the document store.
    pub object_prefix: String,
    /// The version of its profile that holds now.
    pub profile_version: i64,
    /// What its mails show now.
    pub profile: TenantProfile,
    /// Why its deliveries wait, if they do.
    pub pause: Option<TenantPause>,
}

/// What is known of the events, customers and invoices of a batch.
#[derive(Debug, Clone, Default)]
pub struct IntakeContext {
    /// Events that came before.
    pub events: Vec<KnownEvent>,
    /// Customers that are known; one who was erased is not.
    pub customers: Vec<CustomerSnapshot>,
    /// What makes these invoices duplicates, oldest first.
    pub same_invoices: Vec<SameInvoice>,
}

impl IntakeContext {
    /// The digest by which these events' invoices are compared, each by the customer's own address.
    pub fn invoice_digests<'e>(&self, invoices: impl Iterator<Item = &'e InvoiceData>) -> Vec<Sha256> {
        let addresses: HashMap<_, _> = self
            .customers
            .iter()
            .map(|customer| ((&customer.tenant, &customer.id), customer.address.as_str()))
            .collect();
        invoices
            .map(|data| invoice_digest(data, addresses.get(&(&data.tenant_id, &data.customer_id)).copied()))
            .collect()
    }
}

/// An event that came before.
#[derive(Debug, Clone)]
pub struct KnownEvent {
    pub key: EventKey,
    /// The digest of its content.
    pub content_sha256: Sha256,
    /// What became of it.
    pub state: EventState,
    /// The delivery made of it.
    pub delivery: Option<DeliveryId>,
    /// How that delivery ended, if it did.
    pub concluded: Option<Concluded>,
    /// The open dead letter of that delivery, or of the event that became none.
    pub dead_letter: Option<DeadLetterId>,
}

/// What intake needs to know of a customer.
#[derive(Debug, Clone)]
pub struct CustomerSnapshot {
    pub tenant: TenantId,
    pub id: CustomerId,
    /// The name as people know it.
    pub name: String,
    /// The mail address for events that bring none.
    pub address: String,
    /// The language and region of mails (BCP 47).
    pub locale: Option<String>,
}

/// A delivery of the same invoice that is sent, or may still be sent by itself.
#[derive(Debug, Clone)]
pub struct SameInvoice {
    /// The digest that both share.
    pub invoice_sha256: Sha256,
    /// The event that came before.
    pub event: EventKey,
    pub delivery: DeliveryId,
}

/// What a batch becomes.
#[derive(Debug, Clone, Default)]
pub struct IntakeRows {
    /// Events that never came before.
    pub events: Vec<NewEvent>,
    /// Events that came before and now fare otherwise: the customer came, or a dead letter is tried again.
    pub changes: Vec<EventChange>,
    /// The deliveries made of them.
    pub deliveries: Vec<NewDelivery>,
    /// A place in a lane for each of them that is not concluded.
    pub lane_entries: Vec<NewLaneEntry>,
    /// What cannot be sent.
    pub dead_letters: Vec<NewDeadLetter>,
    /// What people should know of the deliveries.
    pub notes: Vec<NewNote>,
}

/// An event that now fares otherwise.
#[derive(Debug, Clone, Copy)]
pub struct EventChange {
    pub key: EventKey,
    /// How it stood when it was read.
    pub from: EventState,
    /// What becomes of it.
    pub to: EventFate,
    /// [`invoice_digest()`], now that the customer is known.
    pub invoice_sha256: Option<Sha256>,
}

/// What inserting a batch came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// All of it stands in the transaction.
    All {
        /// Dead letters that were not there before.
        new_dead_letters: u64,
    },
    /// Another transaction was first with some events: drop the transaction and begin anew.
    Overtaken,
}

/// An event whose customer was waited for.
#[derive(Debug, Clone)]
pub struct WaitingEvent {
    pub key: EventKey,
    /// Whose invoice it brought.
    pub tenant: TenantId,
    pub customer: CustomerId,
    /// The number that people know.
    pub invoice_number: String,
    /// The bytes as they came.
    pub body: Bytes,
    /// Who brought it.
    pub via: Via,
    /// When it came.
    pub received_at: Timestamp,
    /// Until when the customer is waited for.
    pub wait_until: Timestamp,
}

impl Store {
    /// Opens the intake of a batch whose events are these tenants'; unknown ones are left out of the answer.
    pub async fn begin_intake(&self, tenants: &[TenantId]) -> Result<IntakeTransaction, StoreError> {
        let mut transaction = self.begin().await?;
        let mut ids: Vec<&TenantId> = tenants.iter().collect();
        ids.sort_unstable();
        ids.dedup();
        if !self.is_single_process() {
            // A statement of its own: what the next ones read is as new as the lock.
            sql("WITH {rows} SELECT id FROM tenant WHERE id IN (SELECT tenant_id FROM rows)
                ORDER BY id FOR NO KEY UPDATE")
            .rows("tenant_id text", ids.iter().map(|id| [(*id).into()]))
            .run(&mut transaction)
            .await?;
        }
        let rows = sql("WITH {rows}
            SELECT tenant.id, tenant.relay, tenant.object_prefix, tenant.profile_version, tenant.paused_at,
                   tenant.paused_by, tenant.pause_reason, tenant_profile.body
            FROM rows JOIN tenant ON tenant.id = rows.tenant_id
                 JOIN tenant_profile ON tenant_profile.tenant_id = tenant.id
                                    AND tenant_profile.version = tenant.profile_version")
        .rows("tenant_id text", ids.iter().map(|id| [(*id).into()]))
        .all(&mut transaction)
        .await?;
        let tenants = rows
            .iter()
            .map(|row| {
                Ok(TenantSnapshot {
                    id: row.get("id")?,
                    relay: row.get("relay")?,
                    object_prefix: row.get("object_prefix")?,
                    profile_version: row.get("profile_version")?,
                    profile: row.json("body")?,
                    pause: TenantPause::read(row)?,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(IntakeTransaction { transaction, now: self.now(), tenants })
    }

    /// Events whose customer has come, or was waited for long enough; the longest waiting first.
    pub async fn ready_waiting_events(&self, limit: u32) -> Result<Vec<WaitingEvent>, StoreError> {
        // Which fit is found out without their bodies, of which each may have 1 MiB.
        sql(concat!(
            "WITH ready AS (
                SELECT key, wait_until, octet_length(body) AS size FROM event
                WHERE state = 'waiting' AND body IS NOT NULL
                  AND (wait_until <= $1 OR EXISTS (SELECT 1 FROM customer
                       WHERE customer.tenant_id = event.tenant_id AND customer.id = event.customer_id AND ",
            known_customer!(),
            "))
                ORDER BY wait_until LIMIT $2),
            sized AS (
                SELECT key, SUM(size) OVER (
                    ORDER BY wait_until, key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
                FROM ready)
            SELECT event.key, event.tenant_id, event.customer_id, event.invoice_number, event.body, event.via,
                   event.received_at, event.wait_until
            FROM sized JOIN event ON event.key = sized.key
            WHERE COALESCE(sized.bytes_before, 0) < $3 ORDER BY event.wait_until, event.key"
        ))
        .bind(self.now())
        .bind(limit)
        .bind(WAITING_BYTES_MAX)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| {
            Ok(WaitingEvent {
                key: row.get("key")?,
                tenant: row.get("tenant_id")?,
                customer: row.get("customer_id")?,
                invoice_number: row.get("invoice_number")?,
                body: row.get::<Vec<u8>>("body")?.into(),
                via: row.get("via")?,
                received_at: row.get("received_at")?,
                wait_until: row.get("wait_until")?,
            })
        })
        .collect()
    }
}

impl IntakeTransaction {
    /// The tenants of the batch that are known.
    #[must_use]
    pub fn tenants(&self) -> &[TenantSnapshot] {
        &self.tenants
    }

    /// The moment of this intake.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Reads what is known of the batch. `since` bounds how far back the same invoice is a duplicate.
    pub async fn context(
        &mut self,
        keys: &[EventKey],
        customers: &[(TenantId, CustomerId)],
        invoices: &[Sha256],
        since: Timestamp,
    ) -> Result<IntakeContext, StoreError> {
        Ok(IntakeContext {
            events: self.events(keys).await?,
            customers: self.customers(customers).await?,
            same_invoices: self.same_invoices(invoices, since).await?,
        })
    }

    async fn events(&mut self, keys: &[EventKey]) -> Result<Vec<KnownEvent>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        // A conflicting event's dead letter names the same key, and says nothing about the first event.
        sql("WITH {rows}
            SELECT event.key, event.content_sha256, event.state, event.delivery_id, delivery.concluded,
                   dead_letter.id AS dead_letter_id
            FROM rows JOIN event ON event.key = rows.key
                 LEFT JOIN delivery ON delivery.id = event.delivery_id
                 LEFT JOIN dead_letter ON dead_letter.event_key = event.key AND dead_letter.state = 'open'
                      AND dead_letter.delivery_id IS NOT DISTINCT FROM event.delivery_id
                      AND dead_letter.class <> 'conflicting_event'")
        .rows("key uuid", keys.iter().map(|key| [(*key).into()]))
        .all(&mut self.transaction)
        .await?
        .iter()
        .map(|row| {
            Ok(KnownEvent {
                key: row.get("key")?,
                content_sha256: row.get("content_sha256")?,
                state: row.get("state")?,
                delivery: row.get("delivery_id")?,
                concluded: row.get("concluded")?,
                dead_letter: row.get("dead_letter_id")?,
            })
        })
        .collect()
    }

    async fn customers(&mut self, customers: &[(TenantId, CustomerId)]) -> Result<Vec<CustomerSnapshot>, StoreError> {
        if customers.is_empty() {
            return Ok(Vec::new());
        }
        let mut wanted: Vec<_> = customers.iter().collect();
        wanted.sort_unstable();
        wanted.dedup();
        sql(concat!(
            "WITH {rows}
            SELECT customer.tenant_id, customer.id, customer.name, customer.address, customer.locale
            FROM rows JOIN customer ON customer.tenant_id = rows.tenant_id AND customer.id = rows.customer_id
                                   AND ",
            known_customer!()
        ))
        .rows(
            "tenant_id text, customer_id text",
            wanted.iter().map(|(tenant, customer)| [tenant.into(), customer.into()]),
        )
        .all(&mut self.transaction)
        .await?
        .iter()
        .map(|row| {
            Ok(CustomerSnapshot {
                tenant: row.get("tenant_id")?,
                id: row.get("id")?,
                name: row.get("name")?,
                address: row.get("address")?,
                locale: row.get("locale")?,
            })
        })
        .collect()
    }

    /// Writes what the batch becomes.
    pub async fn insert(&mut self, rows: &IntakeRows) -> Result<Inserted, StoreError> {
        if insert_events(&mut self.transaction, &rows.events).await?.len() < rows.events.len()
            || self.change_events(&rows.changes).await? < rows.changes.len() as u64
        {
            return Ok(Inserted::Overtaken);
        }
        insert_deliveries(&mut self.transaction, &rows.deliveries).await?;
        self.insert_lane_entries(&rows.lane_entries).await?;
        insert_new_notes(&mut self.transaction, &rows.notes, self.now).await?;
        let new_dead_letters = insert_dead_letters(&mut self.transaction, &rows.dead_letters).await?;
        Ok(Inserted::All { new_dead_letters })
    }

    /// Inserts lane entries; those of paused tenants wait.
    pub(in crate::store) async fn insert_lane_entries(&mut self, entries: &[NewLaneEntry]) -> Result<(), StoreError> {
        let paused: Vec<&TenantId> =
            self.tenants.iter().filter(|tenant| tenant.pause.is_some()).map(|tenant| &tenant.id).collect();
        if paused.is_empty() {
            return insert_lane_entries(&mut self.transaction, entries, self.now).await;
        }
        let held = |entry: &NewLaneEntry| {
            let by_pause = paused.contains(&&entry.tenant).then(|| TENANT_PAUSED.to_owned());
            NewLaneEntry { held: entry.held.clone().or(by_pause), ..entry.clone() }
        };
        let entries: Vec<NewLaneEntry> = entries.iter().map(held).collect();
        insert_lane_entries(&mut self.transaction, &entries, self.now).await
    }

    async fn change_events(&mut self, changes: &[EventChange]) -> Result<u64, StoreError> {
        if changes.is_empty() {
            return Ok(0);
        }
        sql("WITH {rows}
            UPDATE event SET state = rows.state, wait_until = rows.wait_until, delivery_id = rows.delivery_id,
                   invoice_sha256 = COALESCE(rows.invoice_sha256, event.invoice_sha256)
            FROM rows WHERE event.key = rows.event_key AND event.state = rows.state_before")
        .rows(
            "event_key uuid, state_before text, state text, wait_until bigint, delivery_id uuid, invoice_sha256 bytea",
            changes.iter().map(|change| {
                [
                    change.key.into(),
                    change.from.into(),
                    change.to.state().into(),
                    change.to.wait_until().into(),
                    change.to.delivery().into(),
                    change.invoice_sha256.into(),
                ]
            }),
        )
        .run(&mut self.transaction)
        .await
    }

    /// Makes the batch durable: from here on the database owns it.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.transaction.commit().await
    }
}
