//! Reason codes: why an attempt ended as it did, and why a delivery stands where it stands.
//!
//! One list for attempts, dead letters, metrics and people, so that a word means the same everywhere.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::sha256::Sha256;

/// Why an attempt or a delivery ended, or an event became none.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum ReasonCode {
    /// The relay took responsibility for the message.
    Accepted,
    /// The relay cannot be used: DNS, connect, TLS, banner, EHLO, STARTTLS or AUTH, or it wants a login (530) at any
    /// command. No delivery is to blame.
    RelayUnavailable,
    /// The relay may take the same message later.
    Deferred,
    /// The database or the document store is away. No delivery is to blame.
    Dependency,
    /// The recipient was refused for good.
    Rejected,
    /// The message is larger than the relay or the mailbox takes.
    TooLarge,
    /// The sender or the content was refused for good.
    Refused,
    /// The address needs SMTPUTF8, which the relay does not offer.
    UnsupportedAddress,
    /// The relay may hold the message; no answer came.
    Uncertain,
    /// The event cannot be read.
    Malformed,
    /// The event's `(source, id)` was used before with other content.
    ConflictingEvent,
    /// The broker gave the message up, and it cannot be read.
    Poison,
    /// The event names an unknown tenant.
    UnknownTenant,
    /// The event names an unknown customer.
    UnknownCustomer,
    /// There is no usable address, or there are too many.
    InvalidRecipient,
    /// The customer must be verified before seeing the documents, and nothing on record can do it.
    NoVerificationMethod,
    /// A document is not in the store.
    DocumentMissing,
    /// A document in the store is not the one that the event names.
    DocumentMismatch,
    /// Every retry was used up.
    RetriesExhausted,
    /// No relay of the tenant's name is configured.
    UnknownRelay,
    /// A fault of ours.
    Internal,
    /// The same invoice came under a new event id.
    DuplicateInvoice,
    /// A resend took this delivery's place.
    Superseded,
    /// `expires_at` passed before the message could be sent.
    Expired,
    /// A person decided it.
    ByHand,
}

impl ReasonCode {
    /// Whether a dead letter may have it; the others end an attempt, or a delivery otherwise.
    #[must_use]
    pub const fn makes_dead_letters(self) -> bool {
        match self {
            Self::TooLarge
            | Self::Refused
            | Self::UnsupportedAddress
            | Self::Malformed
            | Self::ConflictingEvent
            | Self::Poison
            | Self::UnknownTenant
            | Self::UnknownCustomer
            | Self::InvalidRecipient
            | Self::NoVerificationMethod
            | Self::DocumentMissing
            | Self::DocumentMismatch
            | Self::RetriesExhausted
            | Self::UnknownRelay
            | Self::Internal => true,
            Self::Accepted
            | Self::RelayUnavailable
            | Self::Deferred
            | Self::Dependency
            | Self::Rejected
            | Self::Uncertain
            | Self::DuplicateInvoice
            | Self::Superseded
            | Self::Expired
            | Self::ByHand => false,
        }
    }

    /// Whether putting the dead letter back could help without a look at the document that it is dead for.
    #[must_use]
    pub const fn redrivable(self) -> bool {
        !matches!(self, Self::ConflictingEvent | Self::DocumentMismatch)
    }

    /// One sentence that says what to do about a dead letter of this class.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Malformed => "correct the event at the named path and publish it again",
            Self::ConflictingEvent => "publish the corrected event under a new id; this id is taken by other content",
            Self::Poison => "look at the stored bytes; publish a correct event if an invoice is missing",
            Self::UnknownTenant => "import the tenant; the event is then sent by itself",
            Self::UnknownCustomer => "import the customer; the event is then sent by itself",
            Self::InvalidRecipient => {
                "correct the address that the reason names: in the tenant's or the customer's record, then redrive; in the event, publish it under a new id"
            }
            Self::NoVerificationMethod => {
                "add what is missing to the customer's record (it is then sent by itself), or change the tenant's portal settings and redrive"
            }
            Self::DocumentMissing => "upload the document under its key, then redrive",
            Self::DocumentMismatch => {
                "store the document that the event names and redrive, or publish a corrected event under a new id"
            }
            Self::TooLarge => "allow the portal to show the documents or raise the relay's size limit, then redrive",
            Self::Refused => "read the relay's answer, correct the sender or the content it names, then redrive",
            Self::UnsupportedAddress => {
                "use an address with an ASCII local part or a relay with SMTPUTF8, then redrive"
            }
            Self::RetriesExhausted => "read the relay's last answer, then redrive when its cause is gone",
            Self::UnknownRelay => "configure the relay or give the tenant another, then redrive",
            Self::Internal => "report this with the log of the time; redrive to try again",
            Self::Uncertain => "ask the relay's log for the Message-ID, then mark it sent or resend it",
            Self::Rejected => "ask the customer for a working address, then resend",
            _ => "nothing to do",
        }
    }
}

/// Names a cause in twelve hexadecimal digits: dead letters that share it can be looked at and redriven together.
#[must_use]
pub fn fingerprint(cause: &[&str]) -> String {
    let mut digits = Sha256::of(cause.join("\0").as_bytes()).to_string();
    digits.truncate(12);
    digits
}
