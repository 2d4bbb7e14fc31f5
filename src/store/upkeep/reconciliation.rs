//! What the reconciliation reads: each row with the rows that it is compared with, a page at a time.
//!
//! A page is one statement, so that a row and what stands beside it are of the same moment, whatever workers do.

use std::collections::HashSet;

use uuid::Uuid;

use crate::compose::Attachment;
use crate::event::Recipient;
use crate::model::ids::{DeadLetterId, DeliveryId, EventKey, TenantId};
use crate::model::reason::ReasonCode;
use crate::model::state::{Concluded, DeadLetterState, Decision, DeliveryRole, DeliveryState, EventState};
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::db::value::{ColumnValue, Row};

/// A delivery, and what stands beside it.
#[derive(Debug, Clone)]
pub struct BookedDelivery {
    pub id: DeliveryId,
    /// What `X-Delivery-Id` names in its message.
    pub root: DeliveryId,
    /// What it is to its event.
    pub role: DeliveryRole,
    /// Whose invoice it is.
    pub tenant: TenantId,
    /// The number that people know.
    pub invoice_number: String,
    /// How it ended, if it has.
    pub concluded: Option<Concluded>,
    /// Where it stands in its lane, if it does.
    pub in_lane: Option<DeliveryState>,
    /// Its message may have been handed over already, and it is sent once more.
    pub may_be_out: bool,
    /// Why it ended.
    pub class: Option<ReasonCode>,
    /// Documents or a link, as recorded last.
    pub decision: Option<Decision>,
    /// Whether a message is recorded.
    pub has_message: bool,
    /// How many documents the recorded message has; `None` if no message is recorded, or not how it was made.
    pub attachments: Option<usize>,
    /// The addresses it goes to; none once its customer was erased.
    pub recipients: Vec<String>,
    /// Attempts that the relay accepted.
    pub accepted: i64,
    /// Attempts whose answer never came.
    pub uncertain: i64,
    /// Accepted attempts whose decision or message is another than the delivery's.
    pub otherwise: i64,
    /// It takes the place of another because a person wanted it.
    pub resend: bool,
    /// The uncertain delivery whose place it took, if the relay accepted that one after all.
    pub accepted_before: Option<DeliveryId>,
    /// Attempts that the relay accepted, by an answer that came when they were to be sent once more already.
    pub accepted_late: i64,
    /// Its event, if that is known.
    pub event: Option<(EventState, Option<DeliveryId>)>,
    /// Its open dead letters.
    pub open_letters: i64,
}

/// An event, and what stands beside it.
#[derive(Debug, Clone)]
pub struct BookedEvent {
    pub key: EventKey,
    /// Who published it.
    pub source: String,
    /// The publisher's name for it.
    pub event_id: String,
    /// Whose invoice it is.
    pub tenant: TenantId,
    /// The number that people know.
    pub invoice_number: String,
    /// What became of it.
    pub state: EventState,
    /// Its bytes are forgotten, and what was made of it may be too.
    pub forgotten: bool,
    /// Whether the delivery that it names is there.
    pub has_delivery: bool,
    /// Dead letters, open or discarded, that say why there is no delivery.
    pub letters: i64,
}

/// An open dead letter, and what it is about.
#[derive(Debug, Clone)]
pub struct BookedLetter {
    pub id: DeadLetterId,
    /// Whose invoice it is, if that could be read.
    pub tenant: Option<TenantId>,
    /// The invoice's number, if that could be read.
    pub invoice_number: Option<String>,
    /// The delivery that it says is dead, and how that ended.
    pub delivery: Option<(DeliveryId, Option<Concluded>)>,
    /// The event that it says is dead, and what became of that.
    pub event: Option<(EventKey, Option<EventState>)>,
}

/// Rows that follow each other.
#[derive(Debug, Clone)]
pub struct BookedPage<T, I> {
    /// Those that can be read.
    pub rows: Vec<T>,
    /// Those that hold a value which cannot, and why; it may repeat the value.
    pub unreadable: Vec<(I, String)>,
    /// Where the next page begins; none behind the last row.
    pub last: Option<I>,
}

/// One row that cannot be read stops nothing.
fn page<T, I: ColumnValue + Copy>(
    rows: &[Row],
    id: &str,
    read: fn(&Row) -> Result<T, StoreError>,
) -> Result<BookedPage<T, I>, StoreError> {
    let mut page = BookedPage { rows: Vec::with_capacity(rows.len()), unreadable: Vec::new(), last: None };
    for row in rows {
        let id = row.get(id)?;
        page.last = Some(id);
        match read(row) {
            Ok(booked) => page.rows.push(booked),
            Err(error) if error.is_about_a_row() => page.unreadable.push((id, error.to_string())),
            Err(error) => return Err(error),
        }
    }
    Ok(page)
}

impl Store {
    /// Up to `limit` deliveries behind `after`, in the order of their identifiers.
    pub async fn booked_deliveries(
        &self,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<BookedPage<BookedDelivery, DeliveryId>, StoreError> {
        sql("SELECT delivery.id, delivery.root_id, delivery.role, delivery.tenant_id, delivery.invoice_number,
                   delivery.concluded, lane_entry.state AS in_lane, lane_entry.may_be_out, delivery.class,
                   COALESCE(delivery.decision, lane_entry.decision) AS decision,
                   COALESCE(delivery.message_sha256, lane_entry.message_sha256) AS message_sha256,
                   delivery.attachments, delivery.recipients, delivery.resend_of,
                   event.state AS event_state, event.delivery_id AS event_delivery,
                   -- Of a resend: the one that it took the place of, if the relay turned out to have accepted that.
                   (SELECT original.id FROM delivery AS original
                    WHERE original.id = delivery.resend_of AND original.class = 'superseded'
                      AND EXISTS (SELECT 1 FROM attempt
                          WHERE attempt.delivery_id = original.id
                            AND (attempt.class = 'accepted' OR attempt.class = 'uncertain' AND attempt.code LIKE '2%')))
                       AS accepted_before,
                   -- A 250 that came when it was to be sent once more already.
                   (SELECT COUNT(*) FROM attempt WHERE attempt.delivery_id = delivery.id
                    AND attempt.class = 'uncertain' AND attempt.code LIKE '2%') AS accepted_late,
                   (SELECT COUNT(*) FROM attempt
                    WHERE attempt.delivery_id = delivery.id AND attempt.class = 'accepted') AS accepted,
                   (SELECT COUNT(*) FROM attempt
                    WHERE attempt.delivery_id = delivery.id AND attempt.class = 'uncertain') AS uncertain,
                   -- Accepted, with another decision or message than the delivery is said to have.
                   (SELECT COUNT(*) FROM attempt
                    WHERE attempt.delivery_id = delivery.id AND attempt.class = 'accepted'
                      AND (attempt.decision IS DISTINCT FROM delivery.decision
                           OR attempt.message_sha256 IS DISTINCT FROM delivery.message_sha256)) AS otherwise,
                   (SELECT COUNT(*) FROM dead_letter
                    WHERE dead_letter.delivery_id = delivery.id AND dead_letter.state = 'open') AS open_letters
            FROM delivery LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id
                 LEFT JOIN event ON event.key = delivery.event_key
            WHERE delivery.id > $1 ORDER BY delivery.id LIMIT $2")
        .bind(after.map_or(Uuid::nil(), |delivery| delivery.0))
        .bind(limit)
        .all(&mut self.read().await?)
        .await
        .and_then(|rows| page(&rows, "id", BookedDelivery::read))
    }

    /// Up to `limit` events behind `after`, in the order of their keys.
    pub async fn booked_events(
        &self,
        after: Option<EventKey>,
        limit: u32,
    ) -> Result<BookedPage<BookedEvent, EventKey>, StoreError> {
        sql("SELECT event.key, event.source, event.event_id, event.tenant_id, event.invoice_number, event.state,
                   CAST(CASE WHEN event.body IS NULL THEN 1 ELSE 0 END AS BIGINT) AS forgotten,
                   (SELECT COUNT(*) FROM delivery WHERE delivery.id = event.delivery_id) AS deliveries,
                   (SELECT COUNT(*) FROM dead_letter
                    WHERE dead_letter.tenant_id = event.tenant_id
                      AND dead_letter.invoice_number = event.invoice_number AND dead_letter.event_key = event.key
                      AND dead_letter.delivery_id IS NULL AND dead_letter.state IN ('open', 'discarded')) AS letters
            FROM event WHERE event.key > $1 ORDER BY event.key LIMIT $2")
        .bind(after.map_or(Uuid::nil(), |event| event.0))
        .bind(limit)
        .all(&mut self.read().await?)
        .await
        .and_then(|rows| page(&rows, "key", BookedEvent::read))
    }

    /// Up to `limit` open dead letters behind `after`, in the order of their identifiers; none of conflicts, which are
    /// about an event that only had the name of another.
    pub async fn booked_letters(
        &self,
        after: Option<DeadLetterId>,
        limit: u32,
    ) -> Result<BookedPage<BookedLetter, DeadLetterId>, StoreError> {
        sql("SELECT dead_letter.id, dead_letter.tenant_id, dead_letter.invoice_number, dead_letter.delivery_id,
                   dead_letter.event_key, delivery.concluded, event.state AS event_state
            FROM dead_letter LEFT JOIN delivery ON delivery.id = dead_letter.delivery_id
                 LEFT JOIN event ON event.key = dead_letter.event_key
            WHERE dead_letter.state = $1 AND dead_letter.class <> 'conflicting_event' AND dead_letter.id > $2
            ORDER BY dead_letter.id LIMIT $3")
        .bind(DeadLetterState::Open)
        .bind(after.map_or(Uuid::nil(), |letter| letter.0))
        .bind(limit)
        .all(&mut self.read().await?)
        .await
        .and_then(|rows| page(&rows, "id", BookedLetter::read))
    }

    /// Up to `limit` places in a lane of deliveries that are not there.
    pub async fn lane_entries_without_delivery(&self, limit: u32) -> Result<Vec<DeliveryId>, StoreError> {
        sql("SELECT delivery_id FROM lane_entry
            WHERE NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.id = lane_entry.delivery_id) LIMIT $1")
        .bind(limit)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| row.get("delivery_id"))
        .collect()
    }

    /// States whose kept count is not the true one, and by how many it is too high. Goes through all deliveries.
    pub async fn miscounted(&self) -> Result<Vec<(Concluded, i64)>, StoreError> {
        sql("SELECT concluded, CAST(SUM(number) AS BIGINT) AS difference FROM (
                SELECT concluded, SUM(count) AS number FROM concluded_count GROUP BY concluded
                UNION ALL
                SELECT concluded, -COUNT(*) FROM delivery WHERE concluded IS NOT NULL GROUP BY concluded) AS counts
            GROUP BY concluded HAVING SUM(number) <> 0")
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| Ok((row.get("concluded")?, row.get("difference")?)))
        .collect()
    }

    /// Which of these events, named by source and id, the database knows: as an event, or as the dead letter of one
    /// that could not be read.
    pub async fn known_events(&self, events: &[(String, String)]) -> Result<HashSet<EventKey>, StoreError> {
        sql("WITH {rows} SELECT rows.key FROM rows
            WHERE EXISTS (SELECT 1 FROM event WHERE event.key = rows.key)
               OR EXISTS (SELECT 1 FROM dead_letter
                   WHERE dead_letter.source = rows.source AND dead_letter.event_id = rows.event_id
                     AND dead_letter.event_key IS NULL)")
        .rows(
            "key uuid, source text, event_id text",
            events.iter().map(|(source, id)| [EventKey::new(source, id).into(), source.into(), id.into()]),
        )
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| row.get("key"))
        .collect()
    }
}

impl BookedDelivery {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let attachments: Option<String> = row.get("attachments")?;
        let attachments = attachments.map(|_| row.json::<Vec<Attachment>>("attachments")).transpose()?;
        let event_state: Option<EventState> = row.get("event_state")?;
        Ok(Self {
            id: row.get("id")?,
            root: row.get("root_id")?,
            role: row.get("role")?,
            tenant: row.get("tenant_id")?,
            invoice_number: row.get("invoice_number")?,
            concluded: row.get("concluded")?,
            in_lane: row.get("in_lane")?,
            may_be_out: row.get::<Option<bool>>("may_be_out")?.unwrap_or(false),
            class: row.get("class")?,
            decision: row.get("decision")?,
            has_message: row.get::<Option<Vec<u8>>>("message_sha256")?.is_some(),
            attachments: attachments.map(|list| list.len()),
            recipients: row.json::<Vec<Recipient>>("recipients")?.into_iter().map(|to| to.address).collect(),
            accepted: row.get("accepted")?,
            uncertain: row.get("uncertain")?,
            otherwise: row.get("otherwise")?,
            resend: row.get::<Option<DeliveryId>>("resend_of")?.is_some(),
            accepted_before: row.get("accepted_before")?,
            accepted_late: row.get("accepted_late")?,
            event: match event_state {
                Some(state) => Some((state, row.get("event_delivery")?)),
                None => None,
            },
            open_letters: row.get("open_letters")?,
        })
    }
}

impl BookedEvent {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get("key")?,
            source: row.get("source")?,
            event_id: row.get("event_id")?,
            tenant: row.get("tenant_id")?,
            invoice_number: row.get("invoice_number")?,
            state: row.get("state")?,
            forgotten: row.get::<i64>("forgotten")? != 0,
            has_delivery: row.get::<i64>("deliveries")? != 0,
            letters: row.get("letters")?,
        })
    }
}

impl BookedLetter {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let (concluded, state) = (row.get("concluded")?, row.get("event_state")?);
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            invoice_number: row.get("invoice_number")?,
            delivery: row.get::<Option<DeliveryId>>("delivery_id")?.map(|delivery| (delivery, concluded)),
            event: row.get::<Option<EventKey>>("event_key")?.map(|event| (event, state)),
        })
    }
}
