//! What became of an event, as its publisher asks.

use std::collections::HashMap;

use super::row::{Delivery, delivery_columns};
use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::ids::{DeliveryId, EventKey, TenantId};
use crate::model::state::{DeliveryState, EventState};
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::scope::in_scope;
use crate::store::db::statement::sql;
use crate::store::dead_letter::list::{DeadLetter, dead_letter_columns};

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventReport {
    /// The event, unless nothing of its name was ever a readable event.
    pub event: Option<ReportedEvent>,
    /// Its main delivery, if it became one.
    pub delivery: Option<Delivery>,
    /// The dead letters of its name: of its delivery, of the event itself, of unreadable or conflicting bytes.
    pub dead_letters: Vec<DeadLetter>,
}

/// An event and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedEvent {
    pub key: EventKey,
    /// Whose invoice it brought.
    pub tenant: TenantId,
    /// The number that people know.
    pub invoice_number: String,
    /// When it came.
    pub received_at: Timestamp,
    /// What became of it.
    pub state: EventState,
    /// Until when its customer is waited for.
    pub wait_until: Option<Timestamp>,
}

impl Store {
    /// What became of the event `id` of `source`; `None` if nothing of that name ever came.
    pub async fn event_fate(
        &self,
        source: &str,
        id: &str,
        scope: &TenantScope,
    ) -> Result<Option<EventReport>, StoreError> {
        let key = EventKey::new(source, id);
        let mut connection = self.read().await?;
        let event = sql(concat!(
            "SELECT key, tenant_id, invoice_number, received_at, state, wait_until FROM event WHERE key = $1 AND ",
            in_scope!("tenant_id", "$2")
        ))
        .bind(key)
        .bind(scope)
        .optional(&mut connection)
        .await?;
        let delivery = sql(concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM event JOIN delivery ON delivery.id = event.delivery_id
                 LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id
            WHERE event.key = $1 AND ",
            in_scope!("event.tenant_id", "$2")
        ))
        .bind(key)
        .bind(scope)
        .optional(&mut connection)
        .await?;
        // What was never remembered as an event has no key; what was, is found by its invoice.
        let letters = sql(concat!(
            "SELECT ",
            dead_letter_columns!(),
            " FROM dead_letter
            WHERE dead_letter.source = $2 AND dead_letter.event_id = $3 AND dead_letter.event_key IS NULL AND ",
            in_scope!("dead_letter.tenant_id", "$4"),
            " UNION ALL
            SELECT ",
            dead_letter_columns!(),
            " FROM event JOIN dead_letter ON dead_letter.tenant_id = event.tenant_id
                                                            AND dead_letter.invoice_number = event.invoice_number
            WHERE event.key = $1 AND dead_letter.event_key = event.key AND ",
            in_scope!("event.tenant_id", "$4"),
            " ORDER BY last_failed_at, id"
        ))
        .bind(key)
        .bind(source)
        .bind(id)
        .bind(scope)
        .all(&mut connection)
        .await?;
        let report = EventReport {
            event: event
                .map(|row| {
                    Ok::<_, StoreError>(ReportedEvent {
                        key: row.get("key")?,
                        tenant: row.get("tenant_id")?,
                        invoice_number: row.get("invoice_number")?,
                        received_at: row.get("received_at")?,
                        state: row.get("state")?,
                        wait_until: row.get("wait_until")?,
                    })
                })
                .transpose()?,
            delivery: delivery.as_ref().map(Delivery::read).transpose()?,
            dead_letters: letters.iter().map(DeadLetter::read).collect::<Result<_, _>>()?,
        };
        Ok((report.event.is_some() || !report.dead_letters.is_empty()).then_some(report))
    }

    /// The main delivery of each of these events that became one, and where it stands.
    pub async fn main_deliveries_of(
        &self,
        events: &[EventKey],
    ) -> Result<HashMap<EventKey, (DeliveryId, DeliveryState)>, StoreError> {
        if events.is_empty() {
            return Ok(HashMap::new());
        }
        sql("WITH {rows}
            SELECT event.key, delivery_state.id, delivery_state.state
            FROM rows JOIN event ON event.key = rows.key JOIN delivery_state ON delivery_state.id = event.delivery_id")
        .rows("key uuid", events.iter().map(|key| [(*key).into()]))
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| Ok((row.get("key")?, (row.get("id")?, row.get("state")?))))
        .collect()
    }

    /// Every delivery that was made of an event, the main one first.
    pub async fn deliveries_of_event(&self, key: EventKey, scope: &TenantScope) -> Result<Vec<Delivery>, StoreError> {
        let mut deliveries = sql(concat!(
            "SELECT ",
            delivery_columns!(),
            // By the number, too: that is how the index begins.
            " FROM event JOIN delivery ON delivery.tenant_id = event.tenant_id
                                      AND delivery.invoice_number = event.invoice_number
                                      AND delivery.event_key = event.key
                 LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id
            WHERE event.key = $1 AND ",
            in_scope!("event.tenant_id", "$2")
        ))
        .bind(key)
        .bind(scope)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(Delivery::read)
        .collect::<Result<Vec<_>, _>>()?;
        // Here, not there: asked for their order, PostgreSQL may go through all deliveries by their ids.
        deliveries.sort_unstable_by_key(|delivery| delivery.id.0);
        Ok(deliveries)
    }
}
