//! Everything that a text may name, over all tenants.

use std::collections::HashSet;

use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use uuid::Uuid;

use super::numbered::number_expression;
use super::text::{Needle, beginning_with, number_key};
use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::customer::Customer;
use crate::model::ids::{DeliveryId, EventKey};
use crate::model::invoice_ref::InvoiceRef;
use crate::model::state::EventState;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::page::PageRequest;
use crate::store::db::scope::in_scope;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::dead_letter::list::{DeadLetter, dead_letter_columns};
use crate::store::delivery::invoice_ref::read_invoice;
use crate::store::delivery::list::DeliveryFilter;
use crate::store::delivery::row::{Delivery, delivery_columns};

/// Events of one name that are looked at.
const NAMED_MAX: u32 = 11;
/// Of so many customers at most the newest deliveries are found too …
const CUSTOMERS_WITH_DELIVERIES_MAX: usize = 5;
/// … so many of each.
const DELIVERIES_EACH: u32 = 5;

/// Deliveries whose number begins so; one that is the whole number comes first.
pub(super) const DELIVERIES_NUMBERED: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    " FROM delivery LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id
    WHERE delivery.number_key >= $1 AND delivery.number_key < $2 AND ",
    in_scope!("delivery.tenant_id", "$3"),
    " AND delivery.role = 'main'
    ORDER BY delivery.number_key, delivery.tenant_id LIMIT $4"
);

/// Events that wait, whose number begins so.
pub(super) const EVENTS_NUMBERED: &str = concat!(
    "SELECT key, source, event_id, tenant_id, customer_id, invoice_id, invoice_number, kind, received_at, state,
           wait_until
    FROM event WHERE state = 'waiting' AND ",
    in_scope!("tenant_id", "$3"),
    " AND ",
    number_expression!("invoice_number"),
    " >= $1 AND ",
    number_expression!("invoice_number"),
    " < $2 ORDER BY ",
    number_expression!("invoice_number"),
    ", tenant_id LIMIT $4"
);

/// What never became a delivery, and whose number begins so.
pub(super) const LETTERS_NUMBERED: &str = concat!(
    "SELECT ",
    dead_letter_columns!(),
    " FROM dead_letter
    WHERE delivery_id IS NULL AND invoice_number IS NOT NULL AND ",
    in_scope!("tenant_id", "$3"),
    " AND ",
    number_expression!("invoice_number"),
    " >= $1 AND ",
    number_expression!("invoice_number"),
    " < $2 ORDER BY ",
    number_expression!("invoice_number"),
    ", tenant_id LIMIT $4"
);

/// Events whose name begins so.
pub(super) const EVENTS_NAMED: &str = concat!(
    "SELECT key, source, event_id, tenant_id, customer_id, invoice_id, invoice_number, kind, received_at, state,
           wait_until
    FROM event
    WHERE event_id {postgres: COLLATE \"C\"} >= $1 AND event_id {postgres: COLLATE \"C\"} < $2 AND ",
    in_scope!("tenant_id", "$3"),
    " ORDER BY event_id {postgres: COLLATE \"C\"} LIMIT $4"
);

/// Dead letters that no event holds, whose event's name begins so.
pub(super) const LETTERS_NAMED: &str = concat!(
    "SELECT ",
    dead_letter_columns!(),
    " FROM dead_letter
    WHERE event_key IS NULL AND event_id IS NOT NULL
      AND event_id {postgres: COLLATE \"C\"} >= $1 AND event_id {postgres: COLLATE \"C\"} < $2 AND ",
    in_scope!("tenant_id", "$3"),
    " ORDER BY event_id {postgres: COLLATE \"C\"} LIMIT $4"
);

/// What an event became: by its number, too, since that is how the index begins.
pub(super) const DELIVERIES_OF_EVENT: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    " FROM delivery LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id
    WHERE delivery.tenant_id = $1 AND delivery.invoice_number = $2 AND delivery.event_key = $3
    -- Or else SQLite reads all of the tenant's in this order.
    ORDER BY delivery.created_at{sqlite: + 0}, delivery.id"
);

/// The dead letters of an event.
pub(super) const LETTERS_OF_EVENT: &str = concat!(
    "SELECT ",
    dead_letter_columns!(),
    " FROM dead_letter
    WHERE tenant_id = $1 AND tenant_id IS NOT NULL AND invoice_number = $2 AND event_key = $3
    ORDER BY last_failed_at, id"
);

/// What a text named.
#[derive(Debug, Clone, Default)]
pub struct SearchHits {
    /// Deliveries, each once.
    pub deliveries: Vec<(FoundBy, Delivery)>,
    /// Events that wait for their customers.
    pub events: Vec<(FoundBy, FoundEvent)>,
    /// What never became a delivery.
    pub dead_letters: Vec<(FoundBy, DeadLetter)>,
    pub customers: Vec<Customer>,
    /// There is more than was asked for.
    pub more: bool,
    /// The text is the beginning of several ids; none of them was looked up.
    pub several_ids: bool,
}

/// What of it the text named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum FoundBy {
    Number,
    /// The beginning of its number.
    NumberPrefix,
    Recipient,
    MessageId,
    /// Its id, or the first digits of it.
    DeliveryId,
    /// The dead letter's id, or the first digits of it.
    DeadLetterId,
    /// Its event's id, or the beginning of it.
    EventId,
    Customer,
}

/// An event that waits for its customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEvent {
    pub key: EventKey,
    /// Who published it.
    pub source: String,
    /// The publisher's name for it.
    pub id: String,
    /// The invoice that it brought.
    pub invoice: InvoiceRef,
    /// When it came.
    pub received_at: Timestamp,
    /// What became of it.
    pub state: EventState,
    /// Until when its customer is waited for.
    pub wait_until: Option<Timestamp>,
}

impl Store {
    /// Everything that `text` may name: a number or the beginning of one, an address, a Message-ID, the id of a
    /// delivery, a dead letter or an event or the beginning of one that nothing else has, a customer's id or words of a
    /// name. Of each kind at most `limit`; what is named exactly comes first.
    pub async fn find(&self, text: &str, scope: &TenantScope, limit: u32) -> Result<SearchHits, StoreError> {
        let mut search = Search { store: self, scope, limit, found: SearchHits::default(), seen: HashSet::new() };
        let Some(needle) = Needle::read(text) else { return Ok(search.found) };
        for key in &needle.numbers {
            search.deliveries_numbered(key).await?;
            search.events_numbered(key).await?;
            search.letters_numbered(key).await?;
        }
        if let Some(mailbox) = needle.mailbox.clone() {
            let filter = DeliveryFilter { to: Some(mailbox), ..DeliveryFilter::default() };
            search.deliveries_like(FoundBy::Recipient, &filter, limit).await?;
        }
        if let Some(root) = needle.root {
            search.delivery(FoundBy::MessageId, DeliveryId(root)).await?;
        }
        if let Some(range) = needle.ids {
            search.ids_between(range).await?;
        }
        search.events_named(&needle.events).await?;
        search.letters_named(&needle.events).await?;
        if needle.mailbox.is_none() && needle.root.is_none() {
            search.customers(&needle).await?;
        }
        Ok(search.found)
    }
}

/// A search under way.
struct Search<'s> {
    store: &'s Store,
    scope: &'s TenantScope,
    limit: u32,
    found: SearchHits,
    seen: HashSet<DeliveryId>,
}

impl Search<'_> {
    /// Takes the rows in, unless they are one too many.
    fn within<'r>(&mut self, rows: &'r [Row]) -> &'r [Row] {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        self.found.more |= rows.len() > limit;
        &rows[..rows.len().min(limit)]
    }

    fn add(&mut self, by: FoundBy, delivery: Delivery) {
        if self.seen.insert(delivery.id) {
            self.found.deliveries.push((by, delivery));
        }
    }

    async fn deliveries_numbered(&mut self, key: &str) -> Result<(), StoreError> {
        let rows = self.numbered(DELIVERIES_NUMBERED, key).await?;
        for row in self.within(&rows) {
            let delivery = Delivery::read(row)?;
            self.add(by_number(key, Some(&delivery.invoice.number)), delivery);
        }
        Ok(())
    }

    async fn events_numbered(&mut self, key: &str) -> Result<(), StoreError> {
        let rows = self.numbered(EVENTS_NUMBERED, key).await?;
        for row in self.within(&rows) {
            let event = read_event(row)?;
            self.found.events.push((by_number(key, Some(&event.invoice.number)), event));
        }
        Ok(())
    }

    async fn letters_numbered(&mut self, key: &str) -> Result<(), StoreError> {
        let rows = self.numbered(LETTERS_NUMBERED, key).await?;
        for row in self.within(&rows) {
            let letter = DeadLetter::read(row)?;
            self.found.dead_letters.push((by_number(key, letter.invoice_number.as_deref()), letter));
        }
        Ok(())
    }

    /// The rows whose number begins with this key, and one more if there are more.
    async fn numbered(&self, text: &'static str, key: &str) -> Result<Vec<Row>, StoreError> {
        let (low, high) = beginning_with(key);
        sql(text)
            .bind(low)
            .bind(high)
            .bind(self.scope)
            .bind(self.limit.saturating_add(1))
            .all(&mut self.store.read().await?)
            .await
    }

    /// The rows whose event's name begins with one of these.
    async fn named(&self, text: &'static str, names: &[String]) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        for name in names {
            let (low, high) = beginning_with(name);
            let statement = sql(text).bind(low).bind(high).bind(self.scope).bind(NAMED_MAX);
            rows.extend(statement.all(&mut self.store.read().await?).await?);
        }
        Ok(rows)
    }

    async fn deliveries_like(&mut self, by: FoundBy, filter: &DeliveryFilter, limit: u32) -> Result<(), StoreError> {
        let page = self.store.deliveries(filter, self.scope, PageRequest { limit, after: None }).await?;
        self.found.more |= page.next.is_some();
        for delivery in page.items {
            self.add(by, delivery);
        }
        Ok(())
    }

    async fn delivery(&mut self, by: FoundBy, id: DeliveryId) -> Result<(), StoreError> {
        if let Some(delivery) = self.store.delivery(id, self.scope).await? {
            self.add(by, delivery);
        }
        Ok(())
    }

    /// The delivery and the dead letter whose ids begin so, each if it is the only one.
    async fn ids_between(&mut self, range: (Uuid, Uuid)) -> Result<(), StoreError> {
        match self.store.deliveries_between(range, self.scope, 2).await?.as_slice() {
            [only] => self.delivery(FoundBy::DeliveryId, *only).await?,
            several => self.found.several_ids |= !several.is_empty(),
        }
        match self.store.dead_letters_between(range, self.scope, 2).await?.as_slice() {
            [only] => {
                if let Some((letter, _)) = self.store.dead_letter(*only, self.scope).await? {
                    self.add_letter(FoundBy::DeadLetterId, letter);
                }
            }
            several => self.found.several_ids |= !several.is_empty(),
        }
        Ok(())
    }

    /// Events of this name, whatever became of them.
    async fn events_named(&mut self, names: &[String]) -> Result<(), StoreError> {
        let rows = self.named(EVENTS_NAMED, names).await?;
        let events = rows.iter().map(read_event).collect::<Result<Vec<_>, _>>()?;
        for event in self.only_named(events, |event| names.contains(&event.id)) {
            match event.state {
                EventState::Waiting => {
                    let seen = self.found.events.iter().any(|(_, other)| other.key == event.key);
                    self.found.events.extend((!seen).then_some((FoundBy::EventId, event)));
                }
                EventState::Accepted => self.deliveries_of(&event).await?,
                EventState::Dead => self.letters_of(&event).await?,
            }
        }
        Ok(())
    }

    async fn deliveries_of(&mut self, event: &FoundEvent) -> Result<(), StoreError> {
        let rows = sql(DELIVERIES_OF_EVENT)
            .bind(&event.invoice.tenant)
            .bind(&event.invoice.number)
            .bind(event.key)
            .all(&mut self.store.read().await?)
            .await?;
        for row in &rows {
            self.add(FoundBy::EventId, Delivery::read(row)?);
        }
        Ok(())
    }

    async fn letters_of(&mut self, event: &FoundEvent) -> Result<(), StoreError> {
        let rows = sql(LETTERS_OF_EVENT)
            .bind(&event.invoice.tenant)
            .bind(&event.invoice.number)
            .bind(event.key)
            .all(&mut self.store.read().await?)
            .await?;
        for row in &rows {
            self.add_letter(FoundBy::EventId, DeadLetter::read(row)?);
        }
        Ok(())
    }

    /// Dead letters of this name that no event holds: of bytes that could not be read.
    async fn letters_named(&mut self, names: &[String]) -> Result<(), StoreError> {
        let rows = self.named(LETTERS_NAMED, names).await?;
        let letters = rows.iter().map(DeadLetter::read).collect::<Result<Vec<_>, _>>()?;
        for letter in self.only_named(letters, |letter| letter.event_id.as_ref().is_some_and(|id| names.contains(id))) {
            self.add_letter(FoundBy::EventId, letter);
        }
        Ok(())
    }

    fn add_letter(&mut self, by: FoundBy, letter: DeadLetter) {
        if !self.found.dead_letters.iter().any(|(_, other)| other.id == letter.id) {
            self.found.dead_letters.push((by, letter));
        }
    }

    /// Those that have the whole name; else the only one whose name begins with it.
    fn only_named<T>(&mut self, mut found: Vec<T>, has_it: impl Fn(&T) -> bool) -> Vec<T> {
        if found.iter().any(&has_it) {
            found.retain(has_it);
        } else if found.len() > 1 {
            self.found.several_ids = true;
            found.clear();
        }
        found
    }

    async fn customers(&mut self, needle: &Needle) -> Result<(), StoreError> {
        let (customers, more) = self.store.customers_like(needle, self.scope, self.limit).await?;
        self.found.more |= more;
        if customers.len() <= CUSTOMERS_WITH_DELIVERIES_MAX {
            for customer in &customers {
                let filter = DeliveryFilter {
                    tenant: Some(customer.tenant_id.clone()),
                    customer: Some(customer.id.clone()),
                    ..DeliveryFilter::default()
                };
                self.deliveries_like(FoundBy::Customer, &filter, DELIVERIES_EACH).await?;
            }
        }
        self.found.customers = customers;
        Ok(())
    }
}

fn by_number(key: &str, number: Option<&str>) -> FoundBy {
    if number.map(number_key).as_deref() == Some(key) { FoundBy::Number } else { FoundBy::NumberPrefix }
}

fn read_event(row: &Row) -> Result<FoundEvent, StoreError> {
    Ok(FoundEvent {
        key: row.get("key")?,
        source: row.get("source")?,
        id: row.get("event_id")?,
        invoice: read_invoice(row)?,
        received_at: row.get("received_at")?,
        state: row.get("state")?,
        wait_until: row.get("wait_until")?,
    })
}
