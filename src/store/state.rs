//! The states that rows stand in.

use crate::spelling::spelling;

/// How a delivery ended. One that has not ended is in the lane: due or sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Settled {
    /// The relay took responsibility for at least one To.
    Sent,
    /// The recipient was refused for good.
    Rejected,
    /// Gave up, or needs a fix: operations act next.
    Dead,
    /// Operations decided that it shall not be sent.
    Discarded,
    /// The relay may hold the message: a person acts next.
    Uncertain,
    /// A person stopped it, a resend took its place, or it was a duplicate.
    Cancelled,
    /// `expires_at` passed before it could be sent.
    Expired,
}

spelling!(Settled {
    Sent => "sent",
    Rejected => "rejected",
    Dead => "dead",
    Discarded => "discarded",
    Uncertain => "uncertain",
    Cancelled => "cancelled",
    Expired => "expired",
});

/// What a delivery is to its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryRole {
    /// To and Cc.
    Main,
    /// One Bcc, a message of its own.
    Bcc,
    /// Recipients that a partial acceptance deferred; the message is the root's.
    Rest,
}

spelling!(DeliveryRole { Main => "main", Bcc => "bcc", Rest => "rest" });

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventState {
    /// A delivery was made of it.
    Accepted,
    /// Its customer is not known yet.
    Waiting,
    /// No delivery could be made of it; a dead letter says why.
    Dead,
}

spelling!(EventState { Accepted => "accepted", Waiting => "waiting", Dead => "dead" });
