//! What the relay's answer means for a delivery.
//!
//! The relay answers a transaction with a reply code ([RFC 5321 §4.2.1]), often with an enhanced status code
//! ([RFC 3463]). This module turns that answer, or its absence, into an [`Outcome`]; `retry` decides what follows.
//! It is pure: no I/O, no clock, no configuration.
//!
//! [RFC 5321 §4.2.1]: https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1
//! [RFC 3463]: https://www.rfc-editor.org/rfc/rfc3463

use serde::{Deserialize, Serialize};

use crate::spelling::spelling;

/// A step of the SMTP conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

spelling!(Phase {
    Connect => "connect",
    Tls => "tls",
    Banner => "banner",
    Ehlo => "ehlo",
    Auth => "auth",
    Mail => "mail",
    Rcpt => "rcpt",
    Data => "data",
    Transfer => "transfer",
    FinalDot => "final_dot",
});

/// What the relay said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The basic code.
    pub code: u16,
    /// The enhanced code, class first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enhanced: Option<(u16, u16, u16)>,
    /// The text, cleaned: one line, no control characters, at most 500 characters.
    pub text: String,
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// 2xx to the final dot: the relay has taken responsibility for the message.
    Accepted,
    /// The same message may be taken later; an attempt is consumed.
    Deferred,
    /// The recipient was refused for good.
    Rejected,
    /// Larger than the relay or the mailbox takes.
    TooLarge,
    /// The sender or the content was refused for good.
    Refused,
    /// The address needs SMTPUTF8, which the relay does not offer.
    UnsupportedAddress,
    /// The relay cannot be used; no delivery is to blame.
    RelayUnavailable,
    /// The final dot was handed over and no usable answer came: the relay may hold the message.
    Uncertain,
    /// [`super::Permit::Withdraw`]: nothing was sent.
    Withdrawn,
}
