//! The states that rows stand in, and what is decided of a delivery.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// What a delivery is to its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum DeliveryRole {
    /// To and Cc.
    Main,
    /// One Bcc, a message of its own.
    Bcc,
    /// Recipients that a partial acceptance deferred; the message is the root's.
    Rest,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum EventState {
    /// A delivery was made of it.
    Accepted,
    /// Its customer is not known yet.
    Waiting,
    /// No delivery could be made of it; a dead letter says why.
    Dead,
}

/// Where a dead letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum DeadLetterState {
    /// A person must act.
    Open,
    /// A person put it back.
    Redriven,
    /// A person decided that it shall not be sent.
    Discarded,
    /// What it lacked came, and it went back by itself.
    Cured,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeliveryState {
    /// It waits for its time or its turn.
    Due,
    /// A worker has it.
    Sending,
    /// It has ended.
    Concluded(Concluded),
}

impl DeliveryState {
    /// Whether nothing automatic happens to it any more.
    #[must_use]
    pub const fn is_concluded(self) -> bool {
        matches!(self, Self::Concluded(_))
    }

    /// The one spelling, as in the view `delivery_state`.
    #[must_use]
    pub const fn into_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Sending => "sending",
            Self::Concluded(concluded) => concluded.into_str(),
        }
    }
}

impl FromStr for DeliveryState {
    type Err = strum::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "due" => Ok(Self::Due),
            "sending" => Ok(Self::Sending),
            _ => text.parse().map(Self::Concluded),
        }
    }
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.into_str())
    }
}

/// How a delivery can stand when nothing automatic happens to it any more.
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
pub enum Concluded {
    /// The relay took responsibility for at least one To.
    Sent,
    /// The recipient was refused for good.
    Rejected,
    /// Gave up, or needs a fix: operations redrive or discard it.
    Dead,
    /// Operations decided that it shall not be sent.
    Discarded,
    /// DATA may have been accepted: a person marks it sent or resends it.
    Uncertain,
    /// A person stopped it, a resend superseded it, or it is a duplicate.
    Cancelled,
    /// `expires_at` passed before it could be sent.
    Expired,
}

/// Documents or a link.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Decision {
    /// The documents are attached.
    Attach,
    /// No document is attached; the mail points to the portal.
    Link,
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum BreakerState {
    /// Mail flows.
    #[default]
    Closed,
    /// Nothing is sent; one worker probes.
    Open,
    /// A few deliveries are let through to see.
    HalfOpen,
}

/// What becomes of a delivery whose DATA may have been accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUncertain {
    /// A person decides.
    Wait,
    /// The same bytes are sent once more.
    Resend,
}
