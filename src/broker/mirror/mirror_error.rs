//! What ends a step of the mirror, and what both of its parts share.

use crate::broker::connection::ConnectionError;
use crate::broker::consumer::subscription::Ended;
use crate::broker::publisher::{PublishError, Published};
use crate::broker::topology::TopologyError;
use crate::model::incoming::IntakeUnavailable;
use std::time::Duration;

/// How long the election holds without being renewed. Longer than one step may take.
pub(in crate::broker) const LEASE: Duration = Duration::from_mins(2);

/// Why the mirror could not be brought up to date. Every step may be repeated.
#[derive(Debug, thiserror::Error)]
pub(in crate::broker) enum MirrorError {
    #[error(transparent)]
    Database(#[from] IntakeUnavailable),
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Topology(#[from] TopologyError),
    #[error(transparent)]
    Ended(#[from] Ended),
    #[error("queue {queue} does not take the dead letters: {}", not_taken(*why))]
    NotTaken { queue: String, why: Published },
    #[error("another worker was elected to keep the mirror")]
    LeaseLost,
}

/// An error unless the queue took every message.
pub(in crate::broker) fn taken(queue: &str, published: &[Published]) -> Result<(), MirrorError> {
    match published.iter().find(|published| **published != Published::Confirmed) {
        Some(why) => Err(MirrorError::NotTaken { queue: queue.to_owned(), why: *why }),
        None => Ok(()),
    }
}

/// What the broker's answer means for a queue without a limit of its own.
const fn not_taken(why: Published) -> &'static str {
    match why {
        Published::Unroutable => "it is not there any more",
        // A quorum queue without a leader refuses as a full one does.
        Published::Confirmed | Published::Refused => {
            "the broker refuses them; see \"A queue without a leader\" in docs/operations.md"
        }
    }
}

/// What messages of the dead-letter queue are counted by.
pub const MIRROR_ACTIONS: [&str; 6] = ["published", "published_again", "removed", "second_copy", "kept", "foreign"];

/// Counts messages of the dead-letter queue by what was done with them: one of [`MIRROR_ACTIONS`].
pub(in crate::broker) fn count(action: &'static str, messages: usize) {
    metrics::counter!("invoice_mail_dead_letter_mirror_total", "action" => action).increment(messages as u64);
}
