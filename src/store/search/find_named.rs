//! What a text names by an id: of a message, a delivery, a dead letter or an event. Few, and none of it is in pages.

use uuid::Uuid;

use super::find::{FoundBy, FoundEvent, FoundItem, Search, read_event};
use super::text::{Needle, beginning_with, number_key};
use crate::model::ids::DeliveryId;
use crate::model::state::EventState;
use crate::store::db::error::StoreError;
use crate::store::db::scope::in_scope;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::dead_letter::list::{DeadLetter, dead_letter_columns};
use crate::store::delivery::row::{Delivery, delivery_columns};

/// Events of one name that are looked at.
const NAMED_MAX: u32 = 11;
/// Events of all tenants that are looked through for those of a scope.
const LOOKED_THROUGH_MAX: u32 = 1_000;

/// Events whose name begins so: of the first of all tenants, those of a scope.
pub(super) const EVENTS_NAMED: &str = concat!(
    "SELECT * FROM (
        SELECT key, source, event_id, tenant_id, customer_id, invoice_id, invoice_number, kind, received_at, state,
               wait_until
        FROM event
        WHERE event_id {postgres: COLLATE \"C\"} >= $1 AND event_id {postgres: COLLATE \"C\"} < $2
        ORDER BY event_id {postgres: COLLATE \"C\"} LIMIT $5) AS found
    WHERE ",
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

impl Search<'_> {
    /// Whatever has exactly this id, or the only one that begins so.
    pub(super) async fn named(&mut self, needle: &Needle) -> Result<(), StoreError> {
        if let Some(root) = needle.root {
            self.delivery(FoundBy::MessageId, DeliveryId(root)).await?;
        }
        if let Some(range) = needle.ids {
            self.ids_between(range).await?;
        }
        self.events_named(needle).await?;
        self.letters_named(needle).await
    }

    async fn delivery(&mut self, by: FoundBy, id: DeliveryId) -> Result<(), StoreError> {
        if let Some(delivery) = self.store.delivery(id, self.scope).await? {
            self.push_named(by, FoundItem::Delivery(Box::new(delivery)));
        }
        Ok(())
    }

    /// The delivery and the dead letter whose ids begin so, each if it is the only one.
    async fn ids_between(&mut self, range: (Uuid, Uuid)) -> Result<(), StoreError> {
        match self.store.deliveries_between(range, self.scope, 2).await?.as_slice() {
            [only] => self.delivery(FoundBy::DeliveryId, *only).await?,
            several => self.several_ids |= !several.is_empty(),
        }
        match self.store.dead_letters_between(range, self.scope, 2).await?.as_slice() {
            [only] => {
                if let Some((letter, _)) = self.store.dead_letter(*only, self.scope).await? {
                    self.push_named(FoundBy::DeadLetterId, FoundItem::DeadLetter(Box::new(letter)));
                }
            }
            several => self.several_ids |= !several.is_empty(),
        }
        Ok(())
    }

    /// Events of this name, whatever became of them; but for those that are found by their number.
    async fn events_named(&mut self, needle: &Needle) -> Result<(), StoreError> {
        let looked_through = if self.scope.is_all() { NAMED_MAX } else { LOOKED_THROUGH_MAX };
        let rows = self.rows_named(EVENTS_NAMED, &needle.events, Some(looked_through)).await?;
        let events = rows.iter().map(read_event).collect::<Result<Vec<_>, _>>()?;
        for event in self.only_named(events, |event| needle.events.contains(&event.id)) {
            if is_numbered(needle, &event.invoice.number) {
                continue;
            }
            match event.state {
                EventState::Waiting => self.push_named(FoundBy::EventId, FoundItem::Event(Box::new(event))),
                EventState::Accepted => self.deliveries_of_event(&event).await?,
                EventState::Dead => self.letters_of_event(&event).await?,
            }
        }
        Ok(())
    }

    async fn deliveries_of_event(&mut self, event: &FoundEvent) -> Result<(), StoreError> {
        let rows = sql(DELIVERIES_OF_EVENT)
            .bind(&event.invoice.tenant)
            .bind(&event.invoice.number)
            .bind(event.key)
            .all(&mut self.store.read().await?)
            .await?;
        for row in &rows {
            self.push_named(FoundBy::EventId, FoundItem::Delivery(Box::new(Delivery::read(row)?)));
        }
        Ok(())
    }

    async fn letters_of_event(&mut self, event: &FoundEvent) -> Result<(), StoreError> {
        let rows = sql(LETTERS_OF_EVENT)
            .bind(&event.invoice.tenant)
            .bind(&event.invoice.number)
            .bind(event.key)
            .all(&mut self.store.read().await?)
            .await?;
        for row in &rows {
            self.push_named(FoundBy::EventId, FoundItem::DeadLetter(Box::new(DeadLetter::read(row)?)));
        }
        Ok(())
    }

    /// Dead letters of this name that no event holds: of bytes that could not be read.
    async fn letters_named(&mut self, needle: &Needle) -> Result<(), StoreError> {
        let rows = self.rows_named(LETTERS_NAMED, &needle.events, None).await?;
        let letters = rows.iter().map(DeadLetter::read).collect::<Result<Vec<_>, _>>()?;
        let has_it = |letter: &DeadLetter| letter.event_id.as_ref().is_some_and(|id| needle.events.contains(id));
        for letter in self.only_named(letters, has_it) {
            if !letter.invoice_number.as_deref().is_some_and(|number| is_numbered(needle, number)) {
                self.push_named(FoundBy::EventId, FoundItem::DeadLetter(Box::new(letter)));
            }
        }
        Ok(())
    }

    /// The rows whose event's name begins with one of these.
    async fn rows_named(
        &self,
        text: &'static str,
        names: &[String],
        looked_through: Option<u32>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        for name in names {
            let (low, high) = beginning_with(name);
            let mut statement = sql(text).bind(low).bind(high).bind(self.scope).bind(NAMED_MAX);
            if let Some(most) = looked_through {
                statement = statement.bind(most);
            }
            rows.extend(statement.all(&mut self.store.read().await?).await?);
        }
        Ok(rows)
    }

    /// Those that have the whole name; else the only one whose name begins with it.
    fn only_named<T>(&mut self, mut found: Vec<T>, has_it: impl Fn(&T) -> bool) -> Vec<T> {
        if found.iter().any(&has_it) {
            found.retain(has_it);
        } else if found.len() > 1 {
            self.several_ids = true;
            found.clear();
        }
        found
    }
}

/// Whether what has this number is found by it.
fn is_numbered(needle: &Needle, number: &str) -> bool {
    let key = number_key(number);
    needle.numbers.iter().any(|wanted| key.starts_with(wanted.as_str()))
}
