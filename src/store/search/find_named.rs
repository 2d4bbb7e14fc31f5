//! What a text names by an id: of a message, a delivery, a dead letter or an event. Few, and none of it is in pages.

use std::collections::HashSet;
use std::mem::discriminant;

use uuid::Uuid;

use super::find::{FoundBy, FoundEvent, FoundItem, Search, read_event};
use super::text::{Needle, beginning_with};
use crate::model::ids::{DeliveryId, EventKey};
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

/// What an id names that the text is, or is the beginning of.
struct NamedById {
    /// The text is the whole id.
    is_whole: bool,
    what: NamedItem,
}

enum NamedItem {
    Delivery(Box<Delivery>),
    DeadLetter(FoundBy, Box<DeadLetter>),
    Event(Box<FoundEvent>),
}

impl NamedItem {
    /// The event that it comes of, if that is known.
    fn event(&self) -> Option<EventKey> {
        match self {
            Self::Delivery(delivery) => Some(delivery.event_key),
            Self::DeadLetter(_, letter) => letter.event_key,
            Self::Event(event) => Some(event.key),
        }
    }

    /// The number of its invoice, if that is known.
    fn number(&self) -> Option<&str> {
        match self {
            Self::Delivery(delivery) => Some(&delivery.invoice.number),
            Self::DeadLetter(_, letter) => letter.invoice_number.as_deref(),
            Self::Event(event) => Some(&event.invoice.number),
        }
    }
}

impl Search<'_> {
    /// Whatever has exactly this id, or the only one that begins so.
    pub(super) async fn named(&mut self, needle: &Needle) -> Result<(), StoreError> {
        if let Some(root) = needle.root
            && let Some(delivery) = self.store.delivery(DeliveryId(root), self.scope).await?
        {
            self.push_named(FoundBy::MessageId, FoundItem::Delivery(Box::new(delivery)));
        }
        let mut found = match needle.ids {
            Some(range) => self.ids_between(range).await?,
            None => Vec::new(),
        };
        found.extend(self.events_named(needle).await?);
        found.extend(self.letters_named(needle).await?);
        for NamedById { what, .. } in self.only_named(found, needle) {
            let by_number = what.number().is_some_and(|number| needle.finds_number(number));
            match what {
                NamedItem::Delivery(delivery) => self.push_named(FoundBy::DeliveryId, FoundItem::Delivery(delivery)),
                NamedItem::DeadLetter(FoundBy::EventId, _) | NamedItem::Event(_) if by_number => {}
                NamedItem::DeadLetter(by, letter) => self.push_named(by, FoundItem::DeadLetter(letter)),
                NamedItem::Event(event) => match event.state {
                    EventState::Waiting => self.push_named(FoundBy::EventId, FoundItem::Event(event)),
                    EventState::Accepted => self.deliveries_of_event(&event).await?,
                    EventState::Dead => self.letters_of_event(&event).await?,
                },
            }
        }
        Ok(())
    }

    /// The deliveries and the dead letters whose ids begin so, the first two of each.
    async fn ids_between(&self, range: (Uuid, Uuid)) -> Result<Vec<NamedById>, StoreError> {
        let is_whole = range.0 == range.1;
        let mut found = Vec::new();
        for id in self.store.deliveries_between(range, self.scope, 2).await? {
            if let Some(delivery) = self.store.delivery(id, self.scope).await? {
                found.push(NamedById { is_whole, what: NamedItem::Delivery(Box::new(delivery)) });
            }
        }
        for id in self.store.dead_letters_between(range, self.scope, 2).await? {
            if let Some((letter, _)) = self.store.dead_letter(id, self.scope).await? {
                let what = NamedItem::DeadLetter(FoundBy::DeadLetterId, Box::new(letter));
                found.push(NamedById { is_whole, what });
            }
        }
        Ok(found)
    }

    /// Events whose names begin so, whatever became of them.
    async fn events_named(&self, needle: &Needle) -> Result<Vec<NamedById>, StoreError> {
        let looked_through = if self.scope.is_all() { NAMED_MAX } else { LOOKED_THROUGH_MAX };
        let rows = self.rows_named(EVENTS_NAMED, &needle.events, Some(looked_through)).await?;
        let named = |row: &Row| -> Result<NamedById, StoreError> {
            let event = read_event(row)?;
            let is_whole = needle.events.contains(&event.id);
            Ok(NamedById { is_whole, what: NamedItem::Event(Box::new(event)) })
        };
        rows.iter().map(named).collect()
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

    /// Dead letters that no event holds, whose events' names begin so: of bytes that could not be read.
    async fn letters_named(&self, needle: &Needle) -> Result<Vec<NamedById>, StoreError> {
        let rows = self.rows_named(LETTERS_NAMED, &needle.events, None).await?;
        let named = |row: &Row| -> Result<NamedById, StoreError> {
            let letter = DeadLetter::read(row)?;
            let is_whole = letter.event_id.as_ref().is_some_and(|id| needle.events.contains(id));
            Ok(NamedById { is_whole, what: NamedItem::DeadLetter(FoundBy::EventId, Box::new(letter)) })
        };
        rows.iter().map(named).collect()
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

    /// What has the whole id; else the only one whose id begins so, of whatever kind.
    fn only_named(&mut self, mut found: Vec<NamedById>, needle: &Needle) -> Vec<NamedById> {
        if found.iter().any(|one| one.is_whole) {
            found.retain(|one| one.is_whole);
        } else if !is_one(&found) {
            // What is found by its number needs no more of its id.
            let by_number = |one: &NamedById| one.what.number().is_some_and(|number| needle.finds_number(number));
            self.several_ids |= !found.iter().all(by_number);
            found.clear();
        }
        found
    }
}

/// Whether these are nothing or one thing: an event, what it became, and its dead letter are one.
fn is_one(found: &[NamedById]) -> bool {
    let kinds: HashSet<_> = found.iter().map(|one| discriminant(&one.what)).collect();
    let event = found.first().and_then(|first| first.what.event());
    let of_one_event = event.is_some() && found.iter().all(|one| one.what.event() == event);
    found.len() <= 1 || (kinds.len() == found.len() && of_one_event)
}
