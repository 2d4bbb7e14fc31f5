//! What the relay's answer means for a delivery.
//!
//! The relay answers a transaction with a reply code ([RFC 5321 §4.2.1]), often with an enhanced status code
//! ([RFC 3463]). This module turns that answer, or its absence, into an [`Outcome`]; `retry` decides what follows.
//! It is pure: no I/O, no clock, no configuration. `reply_table` lists the answers.
//!
//! [RFC 5321 §4.2.1]: https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1
//! [RFC 3463]: https://www.rfc-editor.org/rfc/rfc3463

mod reply_table;

use crate::clean;
use crate::model::reply::Phase;
use std::fmt;

use serde::{Deserialize, Serialize};

pub(super) use self::reply_table::{ReplyMeaning, meaning};

/// The longest reply text that is kept, in characters.
const TEXT_CHARS_MAX: usize = 500;

/// What the relay said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The basic code.
    pub code: u16,
    /// The enhanced code, class first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enhanced: Option<(u16, u16, u16)>,
    /// The text behind the codes, cleaned: one line, no control characters, at most 500 characters.
    pub text: String,
}

impl Reply {
    /// The reply with this code and this text; the lines of a long reply are joined by spaces.
    #[must_use]
    pub fn new(code: u16, text: &str) -> Self {
        let text = text.trim_start();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match enhanced_code(word) {
            Some(enhanced) => Self { code, enhanced: Some(enhanced), text: cleaned(rest) },
            None => Self { code, enhanced: None, text: cleaned(text) },
        }
    }

    /// Whether this is a positive completion reply, the only success of a whole transaction.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.code / 100 == 2
    }

    /// Whether the relay closes the connection with this reply ([RFC 5321 §3.8]): 421, or a 4xx with the enhanced code
    /// of a bad connection ([RFC 3463 §3.5]), by which Exchange, for one, ends a connection that idled (`451 4.4.2`).
    ///
    /// [RFC 5321 §3.8]: https://www.rfc-editor.org/rfc/rfc5321#section-3.8
    /// [RFC 3463 §3.5]: https://www.rfc-editor.org/rfc/rfc3463#section-3.5
    #[must_use]
    pub const fn closes_connection(&self) -> bool {
        self.code == 421 || (self.code / 100 == 4 && matches!(self.enhanced, Some((4, 4, 2))))
    }

    /// The codes as people and dead letters show them: `550 5.7.1`, or `550`.
    #[must_use]
    pub fn codes(&self) -> String {
        match self.enhanced {
            Some((class, subject, detail)) => format!("{} {class}.{subject}.{detail}", self.code),
            None => self.code.to_string(),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.codes())?;
        if self.text.is_empty() { Ok(()) } else { write!(f, " {}", self.text) }
    }
}

/// The enhanced code that `word` spells: class 2, 4 or 5, then one to three digits twice ([RFC 2034 §4]). Some relays
/// write `#5.1.0` (Cisco), `(5.1.1)` or `5.1.1:`.
///
/// [RFC 2034 §4]: https://www.rfc-editor.org/rfc/rfc2034#section-4
fn enhanced_code(word: &str) -> Option<(u16, u16, u16)> {
    let number = |part: &str| {
        let digits = (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { part.parse::<u16>().ok() } else { None }
    };
    let word = word.trim_start_matches(['#', '(', '[']).trim_end_matches([')', ']', ':', ',', ';']);
    let mut parts = word.split('.');
    let code = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    (parts.next().is_none() && matches!(code.0, 2 | 4 | 5)).then_some(code)
}

/// One line that a log, a database and a terminal can hold.
#[must_use]
pub(super) fn cleaned(text: &str) -> String {
    clean::line(text, TEXT_CHARS_MAX)
}

/// How one attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 2xx to the final dot: the relay has taken responsibility for the message.
    Accepted,
    /// The same message may be taken later; an attempt is consumed.
    Deferred,
    /// As deferred, but only because the sender has sent what it may for now: no attempt is consumed.
    SenderLimited,
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
    /// The message's line ends are not SMTP's, a fault of ours: nothing was sent.
    Unsendable,
}

impl Outcome {
    /// What a reply means that ends the attempt, or for RCPT concludes one recipient, in this phase.
    ///
    /// A reply that has no place in its phase (a 354 as answer to the final dot) counts as none at all.
    #[must_use]
    pub fn of_reply(phase: Phase, reply: &Reply) -> Self {
        match meaning(phase, reply) {
            Some(meaning) => Self::of_meaning(meaning),
            None if reply.is_success() && matches!(phase, Phase::Rcpt | Phase::FinalDot) => Self::Accepted,
            None => Self::of_silence(phase),
        }
    }

    const fn of_meaning(meaning: ReplyMeaning) -> Self {
        match meaning {
            ReplyMeaning::RelayUnavailable => Self::RelayUnavailable,
            ReplyMeaning::Reconnect | ReplyMeaning::Deferred => Self::Deferred,
            ReplyMeaning::SenderLimited => Self::SenderLimited,
            ReplyMeaning::Rejected => Self::Rejected,
            ReplyMeaning::TooLarge => Self::TooLarge,
            ReplyMeaning::UnsupportedAddress => Self::UnsupportedAddress,
            ReplyMeaning::Refused => Self::Refused,
        }
    }

    /// What it means that no usable reply came: end of file, timeout, I/O error or gibberish.
    ///
    /// [`Phase::FinalDot`] begins when the final dot has been handed to the socket; only from there may the relay
    /// hold the message.
    #[must_use]
    pub const fn of_silence(phase: Phase) -> Self {
        match phase {
            Phase::Connect | Phase::Tls | Phase::Banner | Phase::Ehlo | Phase::Auth => Self::RelayUnavailable,
            Phase::Mail | Phase::Rcpt | Phase::Data | Phase::Transfer => Self::Deferred,
            Phase::FinalDot => Self::Uncertain,
        }
    }
}

#[cfg(test)]
#[path = "outcome_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "outcome/known_replies_tests.rs"]
mod known_replies_tests;
