//! The states that rows stand in.

use crate::spelling::spelling;

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
