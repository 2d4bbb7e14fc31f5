//! What the consumer is doing.

/// What the consumer is doing; for readiness and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsumerStatus {
    /// Events flow, or would if there were any.
    Consuming,
    /// No event comes, and why.
    Reconnecting {
        /// One sentence.
        reason: String,
    },
    /// Events flow but from one queue, which the broker cannot hand over, or whose first message makes the connection
    /// fail each time. A person has to look.
    Hindered {
        /// Which queue and message, and how it fails.
        reason: String,
    },
    /// The database does not answer; nothing is consumed until it does. On purpose, so the process is ready.
    PausedForDatabase,
}
