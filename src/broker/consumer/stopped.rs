//! Why consuming stopped, and what that says of the messages.

use super::subscription::Ended;
use super::suspicion::AttemptEnd;
use crate::broker::connection::ConnectionError;
use crate::broker::guard::incoming_bodies::LastMessage;
use crate::broker::topology::TopologyError;
use crate::model::incoming::IntakeUnavailable;

/// Why consuming stopped.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stopped {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error(transparent)]
    Topology(TopologyError),
    #[error(transparent)]
    Ended(Ended),
    #[error(transparent)]
    Database(#[from] IntakeUnavailable),
}

/// What the connections that are built anew are counted by.
pub const RECONNECT_REASONS: [&str; 8] = [
    "timeout",
    "refused",
    "connection_lost",
    "topology",
    "consumer_cancelled",
    "queue_unavailable",
    "channel_closed",
    "database",
];

impl Stopped {
    /// For the metric; one of [`RECONNECT_REASONS`].
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Connection(ConnectionError::Timeout { .. }) => "timeout",
            Self::Connection(ConnectionError::Refused { .. } | ConnectionError::CaFile(_)) => "refused",
            Self::Connection(ConnectionError::Lost(_) | ConnectionError::Gone { .. }) => "connection_lost",
            Self::Topology(_) => "topology",
            Self::Ended(Ended::Cancelled(_)) => "consumer_cancelled",
            Self::Ended(Ended::Unavailable { .. }) => "queue_unavailable",
            Self::Ended(_) => "channel_closed",
            Self::Database(_) => "database",
        }
    }

    /// Whether a message, or the queue, may have caused it.
    pub(super) fn end(&self, seen: &SeenMessages) -> AttemptEnd {
        let connection_failed = matches!(
            self,
            Self::Connection(ConnectionError::Lost(_) | ConnectionError::Gone { .. } | ConnectionError::Timeout { .. })
                | Self::Ended(Ended::ChannelClosed | Ended::Unavailable { .. } | Ended::Connection(_))
        );
        if connection_failed && seen.began {
            // What the other queue has handed over says nothing of one that is not available.
            let unavailable = matches!(self, Self::Ended(Ended::Unavailable { .. }));
            AttemptEnd::FailedConsuming { progressed: seen.progressed && !unavailable }
        } else {
            AttemptEnd::FailedOtherwise
        }
    }
}

impl From<TopologyError> for Stopped {
    fn from(error: TopologyError) -> Self {
        match error {
            TopologyError::Connection(error) => Self::Connection(error),
            other => Self::Topology(other),
        }
    }
}

impl From<Ended> for Stopped {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Connection(error) => Self::Connection(error),
            other => Self::Ended(other),
        }
    }
}

/// What one attempt has seen.
#[derive(Debug, Default)]
pub(super) struct SeenMessages {
    /// Consuming began.
    pub(super) began: bool,
    /// It went on: messages were taken in that had never come before, or one after the other, or for a long time.
    pub(super) progressed: bool,
    /// The message that came last and was not acked, if there is one.
    pub(super) last: Option<LastMessage>,
}
