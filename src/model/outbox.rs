//! What the mirror needs to know of the dead letters in the database, which is the truth about them.

use crate::model::invoice_ref::InvoiceRef;
use crate::model::state::{Concluded, Decision};
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::model::ids::{DeadLetterId, DeliveryId, TenantId};
use crate::model::incoming::IntakeUnavailable;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;

/// The dead letters as the database has them; what the mirror talks to.
///
/// Every method is one short statement or transaction, and may be repeated.
pub trait DeadLetterOutbox: Clone + Send + Sync + 'static {
    /// Takes or renews the lease that elects one worker to keep the mirror; true if this worker holds it for
    /// `lease` from now.
    fn hold_mirror_lease(&self, lease: Duration) -> impl Future<Output = Result<bool, IntakeUnavailable>> + Send;

    /// Gives the lease back, if this worker holds it, so that another need not wait for its end.
    fn release_mirror_lease(&self) -> impl Future<Output = Result<(), IntakeUnavailable>> + Send;

    /// The next dead letters to be published, oldest first: those whose mirror is `pending`, open or not. `limit` at
    /// most, and fewer if they are large; none only if none is pending.
    fn next_to_publish(
        &self,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<PendingDeadLetter>, IntakeUnavailable>> + Send;

    /// Which of these are still open, and when each failed last. One that the database does not know is neither open nor
    /// concluded.
    fn still_open(
        &self,
        ids: &[DeadLetterId],
    ) -> impl Future<Output = Result<HashMap<DeadLetterId, Timestamp>, IntakeUnavailable>> + Send;

    /// Which of these are concluded.
    fn concluded(
        &self,
        ids: &[DeadLetterId],
    ) -> impl Future<Output = Result<HashSet<DeadLetterId>, IntakeUnavailable>> + Send;

    /// They stand in the queue: `pending` becomes `published`.
    fn mark_published(&self, ids: &[DeadLetterId]) -> impl Future<Output = Result<(), IntakeUnavailable>> + Send;

    /// They do not stand in the queue any more, or never did: their mirror becomes `removed`.
    ///
    /// One that is open is left alone: a person has restored it meanwhile.
    fn mark_removed(&self, ids: &[DeadLetterId]) -> impl Future<Output = Result<(), IntakeUnavailable>> + Send;

    /// Those that stand in the queue (`published`) although they are concluded.
    fn to_remove(&self) -> impl Future<Output = Result<Vec<DeadLetterId>, IntakeUnavailable>> + Send;

    /// How many stand in the queue by right: `published` and open.
    fn published_and_open(&self) -> impl Future<Output = Result<u64, IntakeUnavailable>> + Send;

    /// Which those are.
    fn standing(&self) -> impl Future<Output = Result<HashSet<DeadLetterId>, IntakeUnavailable>> + Send;

    /// They have left the queue although they are open: `published` becomes `pending`.
    ///
    /// One that was concluded meanwhile is left alone.
    fn publish_again(&self, ids: &[DeadLetterId]) -> impl Future<Output = Result<(), IntakeUnavailable>> + Send;
}

/// A dead letter on its way to the mirror.
#[derive(Debug, Clone)]
pub struct PendingDeadLetter {
    pub id: DeadLetterId,
    /// The dead delivery, if the event became one.
    pub delivery_id: Option<DeliveryId>,
    pub tenant_id: Option<TenantId>,
    /// The number that people know the invoice by.
    pub invoice_number: Option<String>,
    /// The publisher's name for the event.
    pub event_id: Option<String>,
    /// Why it is dead.
    pub class: ReasonCode,
    /// The relay's code: `550 5.7.1`.
    pub code: Option<String>,
    /// Where in the SMTP conversation.
    pub phase: Option<Phase>,
    /// Attempts made.
    pub attempts: u32,
    pub first_failed_at: Timestamp,
    pub last_failed_at: Timestamp,
    /// Dead letters with one cause share it.
    pub fingerprint: String,
    /// What to do, in one sentence.
    pub hint: String,
    /// The event's bytes as they came.
    pub body: Bytes,
}

/// The outcomes that wait in the database; what their publisher talks to.
///
/// Every method is one short statement or transaction, and may be repeated.
pub trait OutcomeOutbox: Clone + Send + Sync + 'static {
    /// Takes or renews the lease that elects one worker to publish; true if this worker holds it for `lease` from now.
    fn hold_outcome_lease(&self, lease: Duration) -> impl Future<Output = Result<bool, IntakeUnavailable>> + Send;

    /// Gives the lease back, if this worker holds it, so that another need not wait for its end.
    fn release_outcome_lease(&self) -> impl Future<Output = Result<(), IntakeUnavailable>> + Send;

    /// The next outcomes to be published, oldest first.
    fn next_outcomes(&self, limit: u32) -> impl Future<Output = Result<Vec<PendingOutcome>, IntakeUnavailable>> + Send;

    /// The broker has them.
    fn forget_outcomes(
        &self,
        outcomes: &[PendingOutcome],
    ) -> impl Future<Output = Result<(), IntakeUnavailable>> + Send;
}

/// How a main delivery ended, on its way to the broker.
#[derive(Debug, Clone)]
pub struct PendingOutcome {
    /// Its place among those that wait.
    pub number: i64,
    pub delivery: DeliveryId,
    /// How it ended.
    pub concluded: Concluded,
    pub concluded_at: Timestamp,
    /// Why, for programs.
    pub class: ReasonCode,
    /// What was done with the documents, if that was decided.
    pub decision: Option<Decision>,
    /// Why, for people.
    pub reason: Option<String>,
    /// What the relay said, as `550 5.1.1`.
    pub code: Option<String>,
    /// The message's Message-ID, if one was made.
    pub message_id: Option<String>,
    pub invoice: InvoiceRef,
    /// Who published the event that asked for it.
    pub event_source: String,
    /// The publisher's name for that event.
    pub event_id: String,
}

#[cfg(test)]
pub(crate) mod tests {
    use uuid::Uuid;

    use super::*;

    /// A dead letter, one of many.
    pub(crate) fn letter(number: u128) -> PendingDeadLetter {
        PendingDeadLetter {
            id: DeadLetterId(Uuid::from_u128(number)),
            delivery_id: Some(DeliveryId(Uuid::from_u128(number + 1))),
            tenant_id: Some("acme".into()),
            invoice_number: Some(format!("R-{number}")),
            event_id: Some(format!("event-{number}")),
            class: ReasonCode::Refused,
            code: Some("554 5.7.1".into()),
            phase: Some(Phase::Rcpt),
            attempts: 1,
            first_failed_at: Timestamp(0),
            last_failed_at: Timestamp(0),
            fingerprint: "refused-rcpt-554-5.7.1".into(),
            hint: ReasonCode::Refused.hint().into(),
            body: Bytes::from_static(b"{}"),
        }
    }
}
