//! What an SMTP server answers: code, enhanced code, text.

use std::fmt;

/// An answer of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpReply {
    code: u16,
    enhanced: Option<&'static str>,
    text: String,
}

impl SmtpReply {
    /// A reply with an enhanced code ([RFC 2034]); control characters in `text` become spaces, so it stays one line.
    ///
    /// [RFC 2034]: https://www.rfc-editor.org/rfc/rfc2034
    #[must_use]
    pub fn new(code: u16, enhanced: &'static str, text: &str) -> Self {
        Self { code, enhanced: Some(enhanced), text: clean(text) }
    }

    /// A reply of those that carry no enhanced code: the greeting, to EHLO, and 354.
    pub(super) fn plain(code: u16, text: &str) -> Self {
        Self { code, enhanced: None, text: clean(text) }
    }

    /// The basic code.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }
}

fn clean(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

impl fmt::Display for SmtpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.enhanced {
            Some(enhanced) => write!(f, "{} {enhanced} {}\r\n", self.code, self.text),
            None => write!(f, "{} {}\r\n", self.code, self.text),
        }
    }
}
