//! A dead letter as it is first written.

use bytes::Bytes;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::model::ids::{CustomerId, DeadLetterId, DeliveryId, EventKey, TenantId};
use crate::model::reason::{ReasonCode, fingerprint};
use crate::model::reply::Phase;
use crate::sha256::Sha256;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, rows, sql};

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
    pub hint: String,
    /// Attempts consumed.
    pub attempts: u32,
    /// Dead letters with one cause share it.
    pub fingerprint: String,
    /// The bytes as they came, where no event holds them.
    pub body: Option<Bytes>,
    /// Where the same fault may come twice: what it is known by.
    pub once: Option<Sha256>,
    pub first_failed_at: Timestamp,
    pub last_failed_at: Timestamp,
}

impl NewDeadLetter {
    /// A letter of this class whose hint is the class's own. It names nothing yet: who makes it adds what is known of
    /// event, delivery and attempts. Letters of one class and `cause` are one group.
    #[must_use]
    pub fn new(id: Uuid, class: ReasonCode, cause: &[&str], reason: String, now: Timestamp) -> Self {
        let cause: Vec<&str> = std::iter::once(class.into_str()).chain(cause.iter().copied()).collect();
        Self {
            id: DeadLetterId(id),
            delivery: None,
            event_key: None,
            source: None,
            event_id: None,
            tenant: None,
            customer: None,
            invoice_number: None,
            class,
            phase: None,
            code: None,
            reason,
            hint: class.hint().to_owned(),
            attempts: 0,
            fingerprint: fingerprint(&cause),
            body: None,
            once: None,
            first_failed_at: now,
            last_failed_at: now,
        }
    }
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
    sql("WITH {rows} INSERT INTO dead_letter ({columns}) SELECT * FROM rows WHERE TRUE ON CONFLICT (once) DO NOTHING")
        .batch(rows!(letters, |letter| {
            id: uuid = letter.id,
            delivery_id: uuid = letter.delivery,
            event_key: uuid = letter.event_key,
            source: text = &letter.source,
            event_id: text = &letter.event_id,
            tenant_id: text = &letter.tenant,
            customer_id: text = &letter.customer,
            invoice_number: text = &letter.invoice_number,
            class: text = letter.class,
            phase: text = letter.phase,
            code: text = &letter.code,
            reason: text = &letter.reason,
            hint: text = &letter.hint,
            attempts: bigint = letter.attempts,
            fingerprint: text = &letter.fingerprint,
            body: bytea = letter.body.as_deref(),
            once: bytea = letter.once,
            first_failed_at: bigint = letter.first_failed_at,
            last_failed_at: bigint = letter.last_failed_at,
            state: text = "open",
            mirror: text = "pending",
        }))
        .run(on)
        .await
}
