//! Rows as they are first written: by intake, with a record, by a resend.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::event::Recipient;
use crate::model::ids::{CustomerId, DeadLetterId, DeliveryId, EventKey, RelayName, TenantId};
use crate::model::incoming::Via;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::model::state::{Concluded, DeliveryRole, EventState};
use crate::policy::decision::Terms;
use crate::sha256::Sha256;
use crate::store::Transaction;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::delivery::terms::terms_values;
use crate::store::lane::fair_queue;
use crate::store::outbox::outcomes::insert_outcomes;
use crate::store::search::recipients;
use crate::store::upkeep::concluded_count::count_concluded;

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
    /// Whose invoice it is.
    pub tenant: TenantId,
    /// Whom it is for.
    pub customer: CustomerId,
    /// The billing system's identifier of the invoice.
    pub invoice_id: String,
    /// The number that people know.
    pub invoice_number: String,
    /// Invoice, credit note or reminder.
    pub kind: InvoiceKind,
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

/// A delivery to be remembered. Unless it is concluded from the start, it needs a [`NewLaneEntry`] too.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Its identifier.
    pub id: DeliveryId,
    /// Whose Message-ID, X-Delivery-Id and token it uses: itself, except for a rest.
    pub root: DeliveryId,
    /// What it is to its event.
    pub role: DeliveryRole,
    /// The main delivery of the same event or resend; itself, if it is one.
    pub main: DeliveryId,
    /// The event it was made of.
    pub event_key: EventKey,
    /// The delivery that a person sent again.
    pub resend_of: Option<DeliveryId>,
    /// Why a person sent it again.
    pub resend_reason: Option<String>,
    /// Whose invoice it is.
    pub tenant: TenantId,
    /// Whom it is for.
    pub customer: CustomerId,
    /// The billing system's identifier of the invoice.
    pub invoice_id: String,
    /// The number that people know.
    pub invoice_number: String,
    /// Invoice, credit note or reminder.
    pub kind: InvoiceKind,
    /// Whom it goes to.
    pub recipients: Vec<Recipient>,
    /// The customer's name now.
    pub customer_name: String,
    /// The language and region of the mail (BCP 47).
    pub locale: String,
    /// The tenant's profile that holds now.
    pub profile_version: i64,
    /// The templates, by content hash.
    pub template_version: String,
    /// The moment of the snapshot.
    pub snapshot_at: Timestamp,
    /// The fingerprint of the key that the portal token is made with.
    pub link_key: String,
    /// Which token of the root it is.
    pub link_generation: u32,
    /// A person asked for a link instead of documents.
    pub link_only: bool,
    /// Not to be sent after.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// How it ended before it began: a duplicate, or dead at once.
    pub concluded: Option<ConcludedAtOnce>,
}

/// How a delivery ended before it began.
#[derive(Debug, Clone)]
pub struct ConcludedAtOnce {
    /// How.
    pub concluded: Concluded,
    /// Why, for programs.
    pub class: ReasonCode,
    /// Why, for people.
    pub reason: String,
}

/// A delivery's place in a lane.
#[derive(Debug, Clone)]
pub struct NewLaneEntry {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The lane.
    pub relay: RelayName,
    /// Whose share of the lane it uses.
    pub tenant: TenantId,
    /// Whose type decides.
    pub customer: CustomerId,
    /// When it is to be sent.
    pub due_at: Timestamp,
    /// A person waits for it.
    pub express: bool,
    /// Not to be sent after.
    pub expires_at: Option<Timestamp>,
    /// Claims before: 0, or what `delivery.claim` says of one that comes back.
    pub claim: u32,
    /// What an earlier attempt decided, where it binds.
    pub decision: Option<Terms>,
    /// Of a rest: the Date of its root's message, which it repeats.
    pub message_date: Option<Timestamp>,
    /// Why it is not sent although its time has come.
    pub held: Option<String>,
}

/// A dead letter to be remembered.
#[derive(Debug, Clone)]
pub struct NewDeadLetter {
    /// Its identifier.
    pub id: DeadLetterId,
    /// The dead delivery, if there is one.
    pub delivery: Option<DeliveryId>,
    /// The event, if it is remembered.
    pub event_key: Option<EventKey>,
    /// Who published the event, if that could be read.
    pub source: Option<String>,
    /// The publisher's name for it, if that could be read.
    pub event_id: Option<String>,
    /// Whose invoice it is, if that could be read; without an event, what the bytes claim.
    pub tenant: Option<TenantId>,
    /// Whom it is for, if that could be read.
    pub customer: Option<CustomerId>,
    /// The invoice, if that could be read.
    pub invoice_number: Option<String>,
    /// Why, for programs.
    pub class: ReasonCode,
    /// Where in the SMTP conversation.
    pub phase: Option<Phase>,
    /// What the relay said, as `550 5.7.1`.
    pub code: Option<String>,
    /// Why, for people.
    pub reason: String,
    /// What to do.
    pub hint: String,
    /// Attempts consumed.
    pub attempts: u32,
    /// Dead letters with one cause share it.
    pub fingerprint: String,
    /// The bytes as they came, where no event holds them.
    pub body: Option<Bytes>,
    /// Where the same fault may come twice: what it is known by.
    pub once: Option<Sha256>,
    /// When it first failed.
    pub first_failed_at: Timestamp,
    /// When it last failed.
    pub last_failed_at: Timestamp,
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
    let rows = sql("WITH {rows}
        INSERT INTO event (key, source, event_id, content_sha256, invoice_sha256, tenant_id, customer_id, invoice_id,
                           invoice_number, kind, body, via, received_at, state, wait_until, delivery_id)
        SELECT * FROM rows WHERE TRUE
        ON CONFLICT (key) DO NOTHING
        RETURNING key")
    .rows(
        "key uuid, source text, event_id text, content_sha256 bytea, invoice_sha256 bytea, tenant_id text, \
         customer_id text, invoice_id text, invoice_number text, kind text, body bytea, via text, received_at bigint, \
         state text, wait_until bigint, delivery_id uuid",
        events.iter().map(|event| {
            [
                event.key.into(),
                (&event.source).into(),
                (&event.event_id).into(),
                event.content_sha256.into(),
                event.invoice_sha256.into(),
                (&event.tenant).into(),
                (&event.customer).into(),
                (&event.invoice_id).into(),
                (&event.invoice_number).into(),
                event.kind.into(),
                event.body.as_ref().into(),
                event.via.into(),
                event.received_at.into(),
                event.fate.state().into(),
                event.fate.wait_until().into(),
                event.fate.delivery().into(),
            ]
        }),
    )
    .all(on)
    .await?;
    rows.iter().map(|row| row.get("key")).collect()
}

/// Inserts deliveries, and counts those that are concluded from the start.
pub(in crate::store) async fn insert_deliveries(
    on: &mut Transaction,
    deliveries: &[NewDelivery],
) -> Result<(), StoreError> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let keys: Vec<Vec<i64>> =
        deliveries.iter().map(|delivery| recipients::keys(&on.address_keys, &delivery.recipients)).collect();
    // PostgreSQL writes the recipients down in the same statement.
    sql("WITH {rows}{postgres:, made AS (}
        INSERT INTO delivery (id, root_id, role, main_id, event_key, resend_of, resend_reason, tenant_id, customer_id,
                              invoice_id, invoice_number, kind, recipients, customer_name, locale, profile_version,
                              template_version, snapshot_at, link_key, link_generation, link_only, expires_at,
                              created_at, concluded, concluded_at, class, reason)
        SELECT id, root_id, role, main_id, event_key, resend_of, resend_reason, tenant_id, customer_id, invoice_id,
               invoice_number, kind, recipients, customer_name, locale, profile_version, template_version, snapshot_at,
               link_key, link_generation, link_only, expires_at, created_at, concluded, concluded_at, class, reason
        FROM rows
        {postgres: ) INSERT INTO delivery_recipient (address_key, delivery_id)
            SELECT part.address_key::BIGINT, rows.id
            FROM rows, unnest(string_to_array(rows.address_keys, ',')) AS part (address_key)}")
    .rows(
        "id uuid, root_id uuid, role text, main_id uuid, event_key uuid, resend_of uuid, resend_reason text, \
         tenant_id text, customer_id text, invoice_id text, invoice_number text, kind text, recipients text, \
         customer_name text, locale text, profile_version bigint, template_version text, snapshot_at bigint, \
         link_key text, link_generation bigint, link_only boolean, expires_at bigint, created_at bigint, concluded text, \
         concluded_at bigint, class text, reason text, address_keys text",
        deliveries.iter().zip(&keys).map(|(delivery, keys)| {
            let concluded = delivery.concluded.as_ref();
            let recipients = serde_json::to_string(&delivery.recipients).expect("recipients are always JSON");
            [
                delivery.id.into(),
                delivery.root.into(),
                delivery.role.into(),
                delivery.main.into(),
                delivery.event_key.into(),
                delivery.resend_of.into(),
                (&delivery.resend_reason).into(),
                (&delivery.tenant).into(),
                (&delivery.customer).into(),
                (&delivery.invoice_id).into(),
                (&delivery.invoice_number).into(),
                delivery.kind.into(),
                recipients.into(),
                (&delivery.customer_name).into(),
                (&delivery.locale).into(),
                delivery.profile_version.into(),
                (&delivery.template_version).into(),
                delivery.snapshot_at.into(),
                (&delivery.link_key).into(),
                delivery.link_generation.into(),
                delivery.link_only.into(),
                delivery.expires_at.into(),
                delivery.created_at.into(),
                concluded.map(|concluded| concluded.concluded).into(),
                concluded.map(|_| delivery.created_at).into(),
                concluded.map(|concluded| concluded.class).into(),
                concluded.map(|concluded| &concluded.reason).into(),
                recipients::joined(keys).into(),
            ]
        }),
    )
    .run(on)
    .await?;
    if on.connection.is_sqlite() {
        recipients::insert(on, deliveries.iter().map(|delivery| delivery.id).zip(keys)).await?;
    }
    let concluded =
        deliveries.iter().filter_map(|new| new.concluded.as_ref().map(|concluded| (new.id, concluded.concluded)));
    insert_outcomes(on, concluded.clone()).await?;
    let mut counts = BTreeMap::new();
    for (_, concluded) in concluded {
        *counts.entry(concluded).or_default() += 1;
    }
    count_concluded(on, deliveries[0].id, &counts).await
}

/// Inserts lane entries. What is due already takes its place in the lane at once.
pub(in crate::store) async fn insert_lane_entries(
    on: &mut impl StatementExecutor,
    entries: &[NewLaneEntry],
    now: Timestamp,
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let ripe = |entry: &NewLaneEntry| entry.due_at <= now && entry.held.is_none();
    let lanes = entries.iter().filter(|entry| ripe(entry)).map(|entry| (&entry.relay, &entry.tenant));
    let mut places = fair_queue::take_places(on, lanes).await?;
    sql("WITH {rows}
        INSERT INTO lane_entry (delivery_id, relay, tenant_id, customer_id, state, due_at, fair_rank, express,
                                expires_at, claim, decision, portal_access, portal_method, message_date,
                                held)
        SELECT * FROM rows")
    .rows(
        "delivery_id uuid, relay text, tenant_id text, customer_id text, state text, due_at bigint, fair_rank bigint, \
         express boolean, expires_at bigint, claim bigint, decision text, portal_access text, \
         portal_method text, message_date bigint, held text",
        entries.iter().map(|entry| {
            let [decision, access, method] = terms_values(entry.decision);
            [
                entry.delivery.into(),
                (&entry.relay).into(),
                (&entry.tenant).into(),
                (&entry.customer).into(),
                "due".into(),
                entry.due_at.into(),
                ripe(entry).then(|| places.next(&entry.relay, &entry.tenant)).into(),
                entry.express.into(),
                entry.expires_at.into(),
                entry.claim.into(),
                decision,
                access,
                method,
                entry.message_date.into(),
                (&entry.held).into(),
            ]
        }),
    )
    .run(on)
    .await?;
    Ok(())
}

/// Inserts dead letters, to be mirrored to the broker; returns how many were new (see [`NewDeadLetter::once`]).
pub(in crate::store) async fn insert_dead_letters(
    on: &mut impl StatementExecutor,
    letters: &[NewDeadLetter],
) -> Result<u64, StoreError> {
    if letters.is_empty() {
        return Ok(0);
    }
    let mut letters: Vec<&NewDeadLetter> = letters.iter().collect();
    letters.sort_by_key(|letter| letter.once);
    sql("WITH {rows}
        INSERT INTO dead_letter (id, delivery_id, event_key, source, event_id, tenant_id, customer_id, invoice_number,
                                 class, phase, code, reason, hint, attempts, fingerprint, body, once, first_failed_at,
                                 last_failed_at, state, mirror)
        SELECT rows.*, 'open', 'pending' FROM rows WHERE TRUE
        ON CONFLICT (once) DO NOTHING")
    .rows(
        "id uuid, delivery_id uuid, event_key uuid, source text, event_id text, tenant_id text, customer_id text, \
         invoice_number text, class text, phase text, code text, reason text, hint text, attempts bigint, \
         fingerprint text, body bytea, once bytea, first_failed_at bigint, last_failed_at bigint",
        letters.iter().map(|letter| {
            [
                letter.id.into(),
                letter.delivery.into(),
                letter.event_key.into(),
                (&letter.source).into(),
                (&letter.event_id).into(),
                (&letter.tenant).into(),
                (&letter.customer).into(),
                (&letter.invoice_number).into(),
                letter.class.into(),
                letter.phase.into(),
                (&letter.code).into(),
                (&letter.reason).into(),
                (&letter.hint).into(),
                letter.attempts.into(),
                (&letter.fingerprint).into(),
                letter.body.as_deref().into(),
                letter.once.into(),
                letter.first_failed_at.into(),
                letter.last_failed_at.into(),
            ]
        }),
    )
    .run(on)
    .await
}
