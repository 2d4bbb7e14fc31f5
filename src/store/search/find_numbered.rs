//! What has a number, or one that begins so: deliveries, events that wait, and what never became a delivery, merged.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use uuid::Uuid;

use super::cursor::{NumberPosition, NumberedKind};
use super::find::{FoundBy, FoundItem, Search, read_event};
use super::numbered::number_expression;
use super::text::beginning_with;
use crate::model::ids::TenantId;
use crate::store::db::error::StoreError;
use crate::store::db::scope::in_scope;
use crate::store::db::statement::{Statement, sql};
use crate::store::db::value::Row;
use crate::store::dead_letter::list::{DeadLetter, dead_letter_columns};
use crate::store::delivery::row::{Delivery, delivery_columns};

/// Deliveries whose number lies in this range, behind a row of its first number; one that is the whole number comes
/// first.
pub(super) const DELIVERIES_NUMBERED: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    ", delivery.number_key AS found_key
    FROM delivery LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id
    WHERE delivery.number_key >= $1 AND delivery.number_key < $2 AND ",
    in_scope!("delivery.tenant_id", "$3"),
    " AND delivery.role = 'main' AND (delivery.number_key, delivery.tenant_id, delivery.id) > ($1, $5, $6)
    ORDER BY delivery.number_key, delivery.tenant_id, delivery.id LIMIT $4"
);

/// The same of one tenant.
pub(super) const DELIVERIES_NUMBERED_OF_TENANT: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    ", delivery.number_key AS found_key
    FROM delivery LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id
    WHERE delivery.tenant_id = $3 AND delivery.number_key >= $1 AND delivery.number_key < $2
      AND delivery.role = 'main' AND (delivery.number_key, delivery.id) > ($1, $5)
    ORDER BY delivery.number_key, delivery.id LIMIT $4"
);

/// Events that wait, whose number lies in this range.
pub(super) const EVENTS_NUMBERED: &str = concat!(
    "SELECT key, source, event_id, tenant_id, customer_id, invoice_id, invoice_number, kind, received_at, state,
           wait_until, ",
    number_expression!("invoice_number"),
    " AS found_key
    FROM event WHERE state = 'waiting' AND ",
    in_scope!("tenant_id", "$3"),
    " AND ",
    number_expression!("invoice_number"),
    " >= $1 AND ",
    number_expression!("invoice_number"),
    " < $2 AND (",
    number_expression!("invoice_number"),
    ", tenant_id, key) > ($1, $5, $6) ORDER BY ",
    number_expression!("invoice_number"),
    ", tenant_id, key LIMIT $4"
);

/// What never became a delivery, and whose number lies in this range.
pub(super) const LETTERS_NUMBERED: &str = concat!(
    "SELECT ",
    dead_letter_columns!(),
    ", ",
    number_expression!("invoice_number"),
    " AS found_key
    FROM dead_letter
    WHERE delivery_id IS NULL AND invoice_number IS NOT NULL AND ",
    in_scope!("tenant_id", "$3"),
    " AND ",
    number_expression!("invoice_number"),
    " >= $1 AND ",
    number_expression!("invoice_number"),
    " < $2 AND (",
    number_expression!("invoice_number"),
    ", id) > ($1, $5) ORDER BY ",
    number_expression!("invoice_number"),
    // Some have no tenant.
    ", id LIMIT $4"
);

impl NumberedKind {
    const ALL: [Self; 3] = [Self::Delivery, Self::Event, Self::DeadLetter];
}

/// Sorts behind this number and before every longer one: a number has no control characters.
fn behind(key: &str) -> String {
    format!("{key}\u{1}")
}

/// Behind which row of one kind a page begins.
struct NumberStart<'p> {
    key: String,
    tenant: &'p str,
    id: Uuid,
}

impl<'p> NumberStart<'p> {
    /// The first row of this kind in a range that begins with `low`, behind `after`; of one tenant, if that is read alone.
    fn of(kind: NumberedKind, tenant: Option<&str>, low: &str, after: Option<&'p NumberPosition>) -> Self {
        let begin = |key: &str| Self { key: key.to_owned(), tenant: "", id: Uuid::nil() };
        let Some(after) = after.filter(|after| after.key.as_str() >= low) else { return begin(low) };
        let tenant = tenant.map_or(Ordering::Equal, |tenant| tenant.cmp(&after.tenant));
        match kind.cmp(&after.kind).then(tenant) {
            Ordering::Equal => Self { key: after.key.clone(), tenant: &after.tenant, id: after.id },
            Ordering::Greater => begin(&after.key),
            // Of this number all were listed.
            Ordering::Less => begin(&behind(&after.key)),
        }
    }

    fn statement(self, kind: NumberedKind, high: String, search: &Search<'_>) -> Statement<'p> {
        let text = match kind {
            NumberedKind::Delivery => DELIVERIES_NUMBERED,
            NumberedKind::Event => EVENTS_NUMBERED,
            NumberedKind::DeadLetter => LETTERS_NUMBERED,
        };
        let Self { key, tenant, id } = self;
        let statement = sql(text).bind(key).bind(high).bind(search.scope).bind(search.missing());
        match kind {
            NumberedKind::Delivery | NumberedKind::Event => statement.bind(tenant).bind(id),
            NumberedKind::DeadLetter => statement.bind(id),
        }
    }
}

impl Search<'_> {
    /// Whatever has one of these numbers, or one that begins so; in the order of the numbers.
    pub(super) async fn numbered(&mut self, keys: &[String]) -> Result<(), StoreError> {
        for (index, key) in keys.iter().enumerate() {
            // They are sorted: one that begins with an earlier one has been found with that.
            let is_covered = keys[..index].iter().any(|other| key.starts_with(other.as_str()));
            if self.missing() == 0 || is_covered {
                continue;
            }
            let mut found = Vec::new();
            for kind in NumberedKind::ALL {
                found.extend(self.rows_numbered(kind, key).await?);
            }
            // Each kind is in order already.
            found.sort_by(|(one, ..), (other, ..)| (&one.key, one.kind).cmp(&(&other.key, other.kind)));
            found.truncate(usize::try_from(self.missing()).unwrap_or(usize::MAX));
            for (position, item) in found {
                let by = if position.key == *key { FoundBy::Number } else { FoundBy::NumberPrefix };
                self.push_numbered(position, by, item);
            }
        }
        Ok(())
    }

    /// The rows of one kind, in order.
    async fn rows_numbered(
        &self,
        kind: NumberedKind,
        key: &str,
    ) -> Result<Vec<(NumberPosition, FoundItem)>, StoreError> {
        if let (NumberedKind::Delivery, Some(tenants)) = (kind, self.scope.tenants()) {
            return self.deliveries_of_tenants(tenants, key).await;
        }
        let (low, high) = beginning_with(key);
        let start = NumberStart::of(kind, None, &low, self.number_position());
        let rows = start.statement(kind, high, self).all(&mut self.store.read().await?).await?;
        rows.iter().map(|row| read(kind, row)).collect()
    }

    /// Each tenant's, along an index of its own: of all tenants' numbers together, those of a small one may be the last that
    /// are reached. No more of them are kept than the page takes, however many tenants there are.
    async fn deliveries_of_tenants(
        &self,
        tenants: &BTreeSet<TenantId>,
        key: &str,
    ) -> Result<Vec<(NumberPosition, FoundItem)>, StoreError> {
        let (low, mut high) = beginning_with(key);
        let wanted = usize::try_from(self.missing()).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        let mut connection = self.store.read().await?;
        for tenant in tenants {
            let after = self.number_position();
            let NumberStart { key, id, .. } =
                NumberStart::of(NumberedKind::Delivery, Some(tenant.as_str()), &low, after);
            let statement = sql(DELIVERIES_NUMBERED_OF_TENANT).bind(key).bind(&high).bind(tenant);
            for row in &statement.bind(self.missing()).bind(id).all(&mut connection).await? {
                found.push(read(NumberedKind::Delivery, row)?);
            }
            found.sort_by(|(one, _), (other, _)| (&one.key, &one.tenant).cmp(&(&other.key, &other.tenant)));
            found.truncate(wanted);
            // The page is full up to this number: later ones of the other tenants would not stand on it.
            if let Some((last, _)) = found.last().filter(|_| found.len() == wanted) {
                high = behind(&last.key);
            }
        }
        Ok(found)
    }
}

fn read(kind: NumberedKind, row: &Row) -> Result<(NumberPosition, FoundItem), StoreError> {
    let key: String = row.get("found_key")?;
    let (tenant, id, item) = match kind {
        NumberedKind::Delivery => {
            let delivery = Delivery::read(row)?;
            (delivery.invoice.tenant.to_string(), delivery.id.0, FoundItem::Delivery(Box::new(delivery)))
        }
        NumberedKind::Event => {
            let event = read_event(row)?;
            (event.invoice.tenant.to_string(), event.key.0, FoundItem::Event(Box::new(event)))
        }
        NumberedKind::DeadLetter => {
            let letter = DeadLetter::read(row)?;
            (String::new(), letter.id.0, FoundItem::DeadLetter(Box::new(letter)))
        }
    };
    Ok((NumberPosition { key, kind, tenant, id }, item))
}
