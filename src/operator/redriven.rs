//! What became of a letter that was to be put back.

use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::ids::{DeadLetterId, DeliveryId};
use crate::model::reason::ReasonCode;
use crate::model::state::DeadLetterState;
use crate::store::StoreError;

/// A letter that is back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redriven {
    /// The letter, concluded now.
    pub letter: DeadLetterId,
    /// What became of it.
    pub fate: Fate,
    /// `expires_at` of the event, which is ignored: a person wants it sent.
    pub ignored_expiry: Option<Timestamp>,
}

/// What became of a letter that is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Due(DeliveryId),
    /// The event waits for its customer.
    Waiting,
    /// The event was taken in by another way meanwhile.
    Duplicate,
    /// The invoice was taken in under another event id; the cancelled delivery.
    DuplicateInvoice(DeliveryId),
    /// The event is remembered now, and has a dead letter of another class.
    DeadOtherwise(ReasonCode),
}

/// Why a letter is not back; it stays open if it was, with what it is dead for now.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// No such letter.
    #[error("there is no such dead letter")]
    Unknown,
    /// Another person or process acted.
    #[error("the dead letter is {0} already")]
    NotOpen(DeadLetterState),
    /// Unchanged, it would fail for ever.
    #[error("a dead letter of class {class} cannot be redriven unchanged: {hint}")]
    NotRedrivable {
        class: ReasonCode,
        /// What to do instead.
        hint: &'static str,
    },
    /// The event's bytes are gone after the retention.
    #[error(
        "the event's bytes have been deleted (retention or erasure); publish the invoice again under a new event id"
    )]
    Forgotten,
    /// The letter's delivery ended otherwise.
    #[error("the delivery of the dead letter is not dead any more")]
    NotDead,
    /// What made it dead still does.
    #[error("it would fail again ({class}): {reason}; {hint}")]
    SameFault {
        /// Why, for programs.
        class: ReasonCode,
        /// Why, for people.
        reason: String,
        /// What to do first.
        hint: String,
    },
    /// Another delivery sends the same invoice, or may.
    #[error("the same invoice is sent by delivery {0} already, or may be; with --anyway it is sent once more")]
    Newer(DeliveryId),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who puts letters back.
#[derive(Debug, Clone, Copy)]
pub(super) enum By<'a> {
    /// A person, who knows what they want: `expires_at` does not count.
    Person {
        /// As histories show it.
        who: &'a str,
        /// Unknown of whoever moved a message in the broker, or published it again.
        actor: Option<&'a Actor>,
        /// Whether the invoice is sent although another delivery sends it, or may.
        despite_newer: bool,
    },
    /// What was missing has come.
    AutoRedrive,
}
