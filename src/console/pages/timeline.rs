//! What happened to an invoice, entry by entry; the words are the page's.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::model::portal_event::PortalEventKind;
use crate::model::reason::ReasonCode;
use crate::model::settings::VerificationMethod;
use crate::model::state::{Concluded, Decision, DeliveryRole};
use crate::policy::decision::{PortalAccess, Reason};

#[derive(Debug, Clone, PartialEq)]
pub struct TimelineEntry {
    pub at: Timestamp,
    /// Which delivery, counted from 1; none where there is one only.
    pub delivery: Option<usize>,
    pub event: TimelineEvent,
}

#[derive(Debug, Clone, PartialEq)]
pub enum TimelineEvent {
    Received {
        source: String,
        /// `queue`, `http`, `file`.
        via: String,
        event_id: String,
        /// Its bytes have been deleted.
        forgotten: bool,
    },
    Waiting {
        class: ReasonCode,
    },
    Made {
        role: DeliveryRole,
        /// As the reader may see them.
        to: Vec<String>,
    },
    Resent {
        by: Option<String>,
        reason: String,
        to: Vec<String>,
        /// The address stands neither in the event nor on record.
        to_unknown_address: bool,
    },
    Decided {
        decision: Decision,
        reason: Reason,
        settings_version: Option<i64>,
        access: Option<PortalAccess>,
        method: Option<VerificationMethod>,
    },
    Attempted {
        number: u32,
        relay: String,
        /// As the relay protocol calls it: `RCPT TO`.
        phase: Option<String>,
        class: ReasonCode,
        code: Option<String>,
        reply: Option<String>,
        took: Option<Duration>,
        next_at: Option<Timestamp>,
    },
    /// An attempt whose end is not known.
    AttemptUnended {
        number: u32,
    },
    Concluded {
        state: Concluded,
        class: Option<ReasonCode>,
    },
    /// By a person or by the program.
    Noted {
        by: String,
        text: String,
    },
    Acknowledged {
        by: String,
    },
    Portal {
        kind: PortalEventKind,
        detail: Option<String>,
        network: Option<String>,
    },
    LinkRevoked {
        by: Option<String>,
        reason: Option<String>,
    },
    DeadLetter {
        class: ReasonCode,
        reason: String,
    },
    DeadLetterConcluded {
        by: Option<String>,
        note: Option<String>,
        redriven: bool,
    },
}
