//! The SMTP server of the demo's mail catcher and of the tests' relays.
//!
//! It holds conversations strictly ([RFC 5321]); a [`SmtpHost`] says what it offers, keeps the messages, and departs
//! from the right answer wherever it wants to.
//!
//! [RFC 5321]: https://www.rfc-editor.org/rfc/rfc5321

mod command;
mod conversation;
mod server;
mod wire;

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

pub use conversation::SmtpConversation;
pub use server::serve;
pub use wire::{COMMAND_LINE_BYTES_MAX, SmtpLine, SmtpStream, SmtpWire};

/// A reply of one line, without its CRLF: code, enhanced code (RFC 2034), text.
pub type SmtpReply = Cow<'static, str>;

/// Whether the conversation goes on.
pub type Flow = ControlFlow<()>;

/// A moment at which a host can depart from the right answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SmtpStep {
    /// A connection was opened; before the banner, and before TLS if that is implicit.
    Banner,
    Ehlo,
    Helo,
    /// STARTTLS, for hosts that speak it: the server leaves it to them.
    StartTls,
    /// AUTH, likewise.
    Auth,
    /// MAIL in its place, with a size that may be.
    Mail,
    /// RCPT in its place.
    Rcpt,
    /// DATA with at least one recipient.
    Data,
    /// The first line of the message has come.
    Body,
    /// The final dot has come: [`SmtpHost::take`].
    Dot,
    Rset,
    /// QUIT: the connection ends whatever is answered.
    Quit,
}

/// Sender and recipients, as named in SMTP. A Bcc stands here and nowhere else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedEnvelope {
    /// The reverse path; empty for notifications.
    pub sender: String,
    /// The forward paths that were accepted.
    pub recipients: Vec<String>,
}

/// What MAIL has begun.
#[derive(Debug)]
pub struct MailTransaction {
    /// The sender, and the recipients that were accepted so far.
    pub envelope: ReceivedEnvelope,
    /// The parameters of MAIL: `SIZE=123 RET=HDRS`.
    pub parameters: String,
    /// MAIL named SMTPUTF8.
    utf8: bool,
}

/// Whose server it is.
pub trait SmtpHost: Send + Sync + 'static {
    /// Its name, and what the banner says behind it.
    const BANNER: [&'static str; 2];

    /// A connection was opened; its number.
    fn opened(&self) -> usize;

    /// It has ended.
    fn closed(&self);

    /// The keywords that the reply to EHLO offers, a line each.
    fn extensions(&self, conversation: &SmtpConversation) -> Vec<String>;

    /// The largest message that is taken (RFC 1870).
    fn message_bytes_max(&self) -> u64;

    /// Sees each command line before the server does; `Some` if that was all.
    fn intercept(
        &self,
        _line: &[u8],
        _pipelined: bool,
        _conversation: &mut SmtpConversation,
    ) -> impl Future<Output = io::Result<Option<Flow>>> + Send {
        async { Ok(None) }
    }

    /// What it does in place of the right thing; `None` has the server do that. `recipient` is that of RCPT.
    fn instead(
        &self,
        _step: SmtpStep,
        _recipient: Option<&str>,
        _conversation: &mut SmtpConversation,
    ) -> impl Future<Output = io::Result<Option<Flow>>> + Send {
        async { Ok(None) }
    }

    /// Takes a message whose final dot has come, or the reason for which it may not, and answers.
    fn take(
        &self,
        transaction: MailTransaction,
        message: Result<Vec<u8>, SmtpReply>,
        conversation: &mut SmtpConversation,
    ) -> impl Future<Output = io::Result<Flow>> + Send;
}
