//! One event as intake takes it: the bytes, who brought them, and what they say.

use bytes::Bytes;

use crate::event::{self, InvoiceSent, Malformed};
use crate::model::ids::{CustomerId, EventKey, TenantId};
use crate::model::incoming::{Incoming, Via, WholeBody};
use crate::model::reason::ReasonCode;
use crate::model::state::EventState;
use crate::sha256::Sha256;
use crate::store::{NewDeadLetter, WaitingEvent};

/// What to do about an event that was taken in and cannot be used any more: its id is taken.
const KNOWN_HINT: &str = "publish the invoice under a new id and discard this one, or put right what changed since it came \
                          (the tenant's object_prefix, say), then redrive";

/// One event of a batch, or what could not be read as one.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The bytes, as they came; the beginning of a body that is far too large.
    pub body: Bytes,
    /// What the body was, if only its beginning is here.
    pub whole: Option<WholeBody>,
    /// Who brought them.
    pub via: Via,
    /// The broker handed them over before: not a person's wish to send again.
    pub redelivered: bool,
    /// The broker had given them up.
    pub given_up: bool,
    /// The event is known and is looked at once more: its customer came, or it is redriven.
    pub again: Option<Again>,
    /// What the bytes say.
    pub event: Result<InvoiceSent, Malformed>,
}

/// An event that is known, as the database holds it: its bytes may not be readable any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    pub key: EventKey,
    /// How it stood.
    pub from: EventState,
    /// Whose invoice it brought.
    pub tenant: TenantId,
    pub customer: CustomerId,
    /// The number that people know.
    pub invoice_number: String,
}

impl Parsed {
    /// Reads what was brought.
    #[must_use]
    pub fn of(incoming: Incoming) -> Self {
        let Incoming { body, whole, via, redelivered, given_up, .. } = incoming;
        let (body, whole) = match whole {
            None => WholeBody::cut(body),
            cut => (body, cut),
        };
        let event = match whole {
            None => event::parse(&body),
            Some(whole) => Err(Malformed::oversized(&whole)),
        };
        Self { event, body, whole, via, redelivered, given_up, again: None }
    }

    /// The hash of the body as it came.
    pub(super) fn body_sha256(&self) -> Sha256 {
        self.whole.map_or_else(|| Sha256::of(&self.body), |whole| whole.sha256)
    }

    /// Reads an event once more whose customer was waited for.
    #[must_use]
    pub fn waiting(waiting: WaitingEvent) -> Self {
        let WaitingEvent { key, tenant, customer, invoice_number, body, via, .. } = waiting;
        let again = Again { key, from: EventState::Waiting, tenant, customer, invoice_number };
        Self {
            event: event::parse(&body),
            body,
            whole: None,
            via,
            redelivered: true,
            given_up: false,
            again: Some(again),
        }
    }

    /// How the event stood, if it is known and looked at once more.
    pub(super) fn stood(&self) -> Option<EventState> {
        self.again.as_ref().map(|again| again.from)
    }
}

impl Again {
    /// The same letter, of this event, which keeps the bytes: not of bytes that may come twice.
    pub(super) fn name(&self, letter: NewDeadLetter) -> NewDeadLetter {
        NewDeadLetter {
            event_key: Some(self.key),
            tenant: Some(self.tenant.clone()),
            customer: Some(self.customer.clone()),
            invoice_number: Some(self.invoice_number.clone()),
            hint: match letter.class {
                ReasonCode::Malformed => KNOWN_HINT.to_owned(),
                _ => letter.hint,
            },
            body: None,
            once: None,
            ..letter
        }
    }
}
