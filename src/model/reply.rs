//! The steps of an SMTP conversation.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// A step of the SMTP conversation.
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
pub enum Phase {
    /// Name resolution and TCP connect.
    Connect,
    /// TLS handshake, or STARTTLS.
    Tls,
    /// The relay's greeting.
    Banner,
    /// EHLO.
    Ehlo,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, up to the 354.
    Data,
    /// The message, until the final dot is handed to the socket.
    Transfer,
    /// The final dot and its reply.
    FinalDot,
}

impl Phase {
    /// Whether the conversation is still about the connection, so that no delivery can be to blame.
    #[must_use]
    pub const fn precedes_transaction(self) -> bool {
        matches!(self, Self::Connect | Self::Tls | Self::Banner | Self::Ehlo | Self::Auth)
    }
}
