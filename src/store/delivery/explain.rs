//! Everything that is known of one invoice.

use std::collections::BTreeSet;

use super::invoice_ref::read_invoice;
use super::left_recipients::{LeftRecipients, TriedRecipients};
use super::notes::Note;
use super::row::{Delivery, delivery_columns};
use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::ids::{DeliveryId, EventKey, RelayName, TenantId};
use crate::model::incoming::Via;
use crate::model::invoice_ref::InvoiceRef;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::model::state::{Decision, EventState};
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::db::value::Row;
use crate::store::dead_letter::list::{DeadLetter, dead_letter_columns};
use crate::store::portal::timeline::{PortalEvent, portal_events};

/// Everything that is known of one invoice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explanation {
    /// The events that brought it, oldest first.
    pub events: Vec<ExplainedEvent>,
    /// The deliveries made of them, oldest first.
    pub deliveries: Vec<ExplainedDelivery>,
    /// What could not be sent, oldest first.
    pub dead_letters: Vec<DeadLetter>,
}

/// An event that brought the invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedEvent {
    pub key: EventKey,
    /// Who published it.
    pub source: String,
    /// The publisher's name for it.
    pub id: String,
    pub invoice: InvoiceRef,
    /// Who brought it.
    pub via: Via,
    /// When it came.
    pub received_at: Timestamp,
    /// What became of it.
    pub state: EventState,
    /// Until when its customer is waited for.
    pub wait_until: Option<Timestamp>,
    /// Its bytes are still known.
    pub has_body: bool,
}

/// A delivery with all that happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedDelivery {
    pub delivery: Delivery,
    /// Its SMTP transactions, oldest first.
    pub attempts: Vec<ExplainedAttempt>,
    /// What people and the dispatcher noted, oldest first.
    pub notes: Vec<Note>,
    /// Its portal links, oldest first.
    pub links: Vec<ExplainedLink>,
    /// What visitors did with them, oldest first; none of a rest, whose links are its root's.
    pub portal: Vec<PortalEvent>,
}

impl ExplainedDelivery {
    /// What is known of the recipients, if it is uncertain.
    #[must_use]
    pub fn left_recipients(&self) -> LeftRecipients {
        let tried: Vec<_> = self
            .attempts
            .iter()
            .map(|attempt| TriedRecipients {
                claim: attempt.claim,
                class: attempt.class,
                phase: attempt.phase,
                refused: attempt.refused.as_deref(),
            })
            .collect();
        let delivery = &self.delivery;
        LeftRecipients::of(&delivery.recipients, &tried, delivery.claim, delivery.phase)
    }
}

/// One SMTP transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedAttempt {
    /// Which claim of the delivery it was.
    pub claim: u32,
    pub relay: RelayName,
    /// When it began.
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    /// Where in the conversation it ended.
    pub phase: Option<Phase>,
    /// How it ended.
    pub class: ReasonCode,
    /// The relay's code.
    pub code: Option<String>,
    /// The relay's words.
    pub reply: Option<String>,
    /// JSON: recipients that were refused or deferred, with their replies.
    pub refused: Option<String>,
    /// Documents or a link.
    pub decision: Option<Decision>,
    /// The message's digest.
    pub message_sha256: Option<Sha256>,
    /// The message's Date, if the attempt came that far.
    pub message_date: Option<Timestamp>,
}

/// A portal link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedLink {
    /// Which token of its root.
    pub generation: u32,
    /// The fingerprint of the key that it is made with.
    pub key_fingerprint: String,
    /// Until when it opens the portal.
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    /// Who revoked it, and why.
    pub revoked_by: Option<String>,
    pub revoke_reason: Option<String>,
}

impl Store {
    /// Everything that is known of the invoice with this number or identifier; `None` if it is unknown.
    pub async fn explain(
        &self,
        tenant: &TenantId,
        invoice: &str,
        scope: &TenantScope,
    ) -> Result<Option<Explanation>, StoreError> {
        // Every statement below names the tenant.
        if !scope.allows(tenant) {
            return Ok(None);
        }
        let mut connection = self.read().await?;
        let deliveries = deliveries(&mut connection, tenant, invoice).await?;
        let numbers: BTreeSet<&str> =
            deliveries.iter().map(|delivery| delivery.delivery.invoice.number.as_str()).chain([invoice]).collect();
        let dead_letters = dead_letters(&mut connection, tenant, &numbers).await?;
        let keys: BTreeSet<EventKey> = deliveries
            .iter()
            .map(|delivery| delivery.delivery.event_key)
            .chain(dead_letters.iter().filter_map(|letter| letter.event_key))
            .collect();
        let events = events(&mut connection, tenant, invoice, &keys).await?;
        let nothing = deliveries.is_empty() && dead_letters.is_empty() && events.is_empty();
        Ok((!nothing).then_some(Explanation { events, deliveries, dead_letters }))
    }
}

async fn deliveries(
    on: &mut impl StatementExecutor,
    tenant: &TenantId,
    invoice: &str,
) -> Result<Vec<ExplainedDelivery>, StoreError> {
    let rows = sql(concat!(
        "SELECT ",
        delivery_columns!(),
        " FROM delivery LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id
        WHERE delivery.id IN (SELECT id FROM delivery WHERE tenant_id = $1 AND invoice_number = $2
                              UNION SELECT id FROM delivery WHERE tenant_id = $1 AND invoice_id = $2)
        ORDER BY delivery.created_at, delivery.id"
    ))
    .bind(tenant)
    .bind(invoice)
    .all(on)
    .await?;
    let mut explained = rows
        .iter()
        .map(|row| {
            let delivery = Delivery::read(row)?;
            let (attempts, notes, links, portal) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            Ok(ExplainedDelivery { delivery, attempts, notes, links, portal })
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    let ids: Vec<DeliveryId> = explained.iter().map(|explained| explained.delivery.id).collect();
    for (delivery, attempt) in attempts(on, &ids).await? {
        of(&mut explained, |found| found.id == delivery, |explained| explained.attempts.push(attempt.clone()));
    }
    for (delivery, note) in notes(on, &ids).await? {
        of(&mut explained, |found| found.id == delivery, |explained| explained.notes.push(note.clone()));
    }
    let roots: Vec<DeliveryId> = explained.iter().map(|explained| explained.delivery.root).collect();
    for (root, link) in links(on, &roots).await? {
        of(&mut explained, |found| found.root == root, |explained| explained.links.push(link.clone()));
    }
    for event in portal_events(on, &roots, &TenantScope::All).await? {
        of(&mut explained, |found| found.id == event.root, |explained| explained.portal.push(event.clone()));
    }
    Ok(explained)
}

fn of(explained: &mut [ExplainedDelivery], whose: impl Fn(&Delivery) -> bool, add: impl FnMut(&mut ExplainedDelivery)) {
    explained.iter_mut().filter(|explained| whose(&explained.delivery)).for_each(add);
}

async fn attempts(
    on: &mut impl StatementExecutor,
    deliveries: &[DeliveryId],
) -> Result<Vec<(DeliveryId, ExplainedAttempt)>, StoreError> {
    sql("WITH {rows} SELECT attempt.* FROM rows JOIN attempt ON attempt.delivery_id = rows.id
        ORDER BY attempt.delivery_id, attempt.claim")
    .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("delivery_id")?, read_attempt(row)?)))
    .collect()
}

fn read_attempt(row: &Row) -> Result<ExplainedAttempt, StoreError> {
    Ok(ExplainedAttempt {
        claim: row.get("claim")?,
        relay: row.get("relay")?,
        started_at: row.get("started_at")?,
        ended_at: row.get("ended_at")?,
        phase: row.get("phase")?,
        class: row.get("class")?,
        code: row.get("code")?,
        reply: row.get("reply")?,
        refused: row.get("refused")?,
        decision: row.get("decision")?,
        message_sha256: row.get("message_sha256")?,
        message_date: row.get("message_date")?,
    })
}

async fn notes(
    on: &mut impl StatementExecutor,
    deliveries: &[DeliveryId],
) -> Result<Vec<(DeliveryId, Note)>, StoreError> {
    sql("WITH {rows}
        SELECT delivery_note.delivery_id, delivery_note.noted_at, delivery_note.who, delivery_note.what,
               delivery_note.facts
        FROM rows JOIN delivery_note ON delivery_note.delivery_id = rows.id
        ORDER BY delivery_note.noted_at")
    .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("delivery_id")?, Note::read(row)?)))
    .collect()
}

async fn links(
    on: &mut impl StatementExecutor,
    roots: &[DeliveryId],
) -> Result<Vec<(DeliveryId, ExplainedLink)>, StoreError> {
    sql("WITH {rows} SELECT * FROM portal_link WHERE root_id IN (SELECT id FROM rows)
        ORDER BY root_id, generation")
    .rows("id uuid", roots.iter().map(|root| [(*root).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| {
        let link = ExplainedLink {
            generation: row.get("generation")?,
            key_fingerprint: row.get("key_fingerprint")?,
            expires_at: row.get("expires_at")?,
            revoked_at: row.get("revoked_at")?,
            revoked_by: row.get("revoked_by")?,
            revoke_reason: row.get("revoke_reason")?,
        };
        Ok((row.get("root_id")?, link))
    })
    .collect()
}

async fn dead_letters(
    on: &mut impl StatementExecutor,
    tenant: &TenantId,
    numbers: &BTreeSet<&str>,
) -> Result<Vec<DeadLetter>, StoreError> {
    sql(concat!(
        "WITH {rows} SELECT ",
        dead_letter_columns!(),
        " FROM rows JOIN dead_letter ON dead_letter.tenant_id = $1
                                                        AND dead_letter.invoice_number = rows.number
        ORDER BY dead_letter.last_failed_at, dead_letter.id"
    ))
    .bind(tenant)
    .rows("number text", numbers.iter().map(|number| [(*number).into()]))
    .all(on)
    .await?
    .iter()
    .map(DeadLetter::read)
    .collect()
}

/// The events of these keys, and those that wait with the invoice.
async fn events(
    on: &mut impl StatementExecutor,
    tenant: &TenantId,
    invoice: &str,
    keys: &BTreeSet<EventKey>,
) -> Result<Vec<ExplainedEvent>, StoreError> {
    sql("WITH {rows}
        SELECT event.key, event.source, event.event_id, event.tenant_id, event.customer_id, event.invoice_id,
               event.invoice_number, event.kind, event.via, event.received_at, event.state, event.wait_until,
               event.body IS NOT NULL AS has_body
        FROM event
        WHERE event.key IN (
            SELECT key FROM rows
            -- What waits has no delivery yet, and is found by the invoice.
            UNION SELECT waiting.key FROM event AS waiting
                  WHERE waiting.state = 'waiting' AND waiting.tenant_id = $1
                    AND (waiting.invoice_number = $2 OR waiting.invoice_id = $2))
        ORDER BY event.received_at, event.key")
    .bind(tenant)
    .bind(invoice)
    .rows("key uuid", keys.iter().map(|key| [(*key).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| {
        Ok(ExplainedEvent {
            key: row.get("key")?,
            source: row.get("source")?,
            id: row.get("event_id")?,
            invoice: read_invoice(row)?,
            via: row.get("via")?,
            received_at: row.get("received_at")?,
            state: row.get("state")?,
            wait_until: row.get("wait_until")?,
            has_body: row.get("has_body")?,
        })
    })
    .collect()
}
