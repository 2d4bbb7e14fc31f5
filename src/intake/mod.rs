//! Event in, committed once.
//!
//! Whoever brings events (the broker, HTTP, a file) hands over a batch of [`Incoming`]; when [`TakesEvents::take_in`]
//! returns, the database owns every one of them and the bringer may forget them.

mod locale;
mod plan;
mod recipients;
mod taker;
mod workshop;

use std::future::Future;

use bytes::Bytes;

pub use locale::{ChosenLocale, locale};
pub use plan::{Again, Making, Parsed, Plan, Verdict, fingerprint, notes, plan};
pub use recipients::{Recipients, main_and_bcc};
pub(crate) use taker::ROUNDS_MAX;
pub use taker::{COUNTED_RESULTS, DUPLICATE_INVOICE_WINDOW, Intake};
pub use workshop::Workshop;

use crate::event::WholeBody;
use crate::ids::DeadLetterId;
use crate::spelling::spelling;

/// Bytes that should be an event.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The body, as it came; the beginning of one that is far too large.
    pub body: Bytes,
    /// What the body was, if only its beginning is here.
    pub whole: Option<WholeBody>,
    /// Who brought it.
    pub via: Via,
    /// The broker hands it over again: it says nothing about whether it was taken in before.
    pub redelivered: bool,
    /// An operator moved this dead letter back into the dispatch queue.
    pub dead_letter_id: Option<DeadLetterId>,
    /// The broker gave it up and we took it from `invoice-mail.undelivered`.
    pub given_up: bool,
}

impl Incoming {
    /// A body that is whole, and brought for the first time as far as anybody knows.
    #[must_use]
    pub const fn new(body: Bytes, via: Via) -> Self {
        Self { body, whole: None, via, redelivered: false, dead_letter_id: None, given_up: false }
    }
}

/// Who brings an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// RabbitMQ.
    Amqp,
    /// The HTTP API.
    Http,
    /// A file, by the command line.
    File,
}

spelling!(Via { Amqp => "amqp", Http => "http", File => "file" });

/// The database does not answer: nothing of the batch was taken in, all of it may be brought again.
#[derive(Debug, thiserror::Error)]
#[error("the database does not answer: {0}")]
pub struct Unavailable(pub String);

/// Takes events in; what the broker's consumer talks to.
pub trait TakesEvents: Clone + Send + Sync + 'static {
    /// Commits the batch. On success every event of it is recorded: as a delivery, a duplicate or a dead letter.
    fn take_in(&self, batch: Vec<Incoming>) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Waits until the database answers; nothing is consumed before.
    fn wait_until_reachable(&self) -> impl Future<Output = ()> + Send;
}
