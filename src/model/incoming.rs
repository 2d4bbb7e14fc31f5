//! What is brought to intake, by whom, and the port that takes it.

use std::future::Future;

use bytes::Bytes;
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use super::ids::DeadLetterId;
use crate::sha256::Sha256;

/// The largest body that is read: 1 MiB.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// What is kept of it: enough to see what it is.
pub const BODY_BYTES_KEPT: usize = 64 << 10;

/// What a body was of which only the beginning is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeBody {
    /// Its size.
    pub bytes: u64,
    /// Its hash, of all of it.
    pub sha256: Sha256,
}

impl WholeBody {
    /// Cuts a body, if it is larger than an event may be; returns what is kept, and what it was if it was cut.
    #[must_use]
    pub fn cut(body: Bytes) -> (Bytes, Option<Self>) {
        if body.len() <= BODY_BYTES_MAX {
            return (body, None);
        }
        let whole = Self { bytes: body.len() as u64, sha256: Sha256::of(&body) };
        // Copied: a slice would keep all of it in memory.
        (Bytes::copy_from_slice(&body[..BODY_BYTES_KEPT]), Some(whole))
    }
}

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
    /// A body that is whole, and brought for the first time as far as is known.
    #[must_use]
    pub const fn new(body: Bytes, via: Via) -> Self {
        Self { body, whole: None, via, redelivered: false, dead_letter_id: None, given_up: false }
    }
}

/// Who brings an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Via {
    /// RabbitMQ.
    Amqp,
    /// The HTTP API.
    Http,
    /// A file, by the command line.
    File,
}

/// The database does not answer: nothing of the batch was taken in, all of it may be brought again.
#[derive(Debug, thiserror::Error)]
#[error("the database does not answer: {0}")]
pub struct IntakeUnavailable(pub String);

/// Takes events in; what the broker's consumer talks to.
pub trait TakesEvents: Clone + Send + Sync + 'static {
    /// Commits the batch. On success every event of it is recorded: as a delivery, a duplicate or a dead letter.
    fn take_in(&self, batch: Vec<Incoming>) -> impl Future<Output = Result<(), IntakeUnavailable>> + Send;

    /// Waits until the database answers; nothing is consumed before.
    fn wait_until_reachable(&self) -> impl Future<Output = ()> + Send;
}
