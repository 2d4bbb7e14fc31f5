//! Whether a relay takes an envelope sender, without a mail.

use lettre::Address;
use lettre::transport::smtp::commands::Mail;
use lettre::transport::smtp::extension::MailParameter;

use super::{Session, is_ascii};
use crate::relay::outcome::Reply;

/// What the relay says of an envelope sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SenderTrial {
    /// It would take a mail of this sender as far as MAIL goes; many relays judge at RCPT or after DATA.
    Accepted,
    /// It answered anything but 2xx.
    Refused(Reply),
    /// The address is not ASCII, and the relay does not offer SMTPUTF8.
    Unsupported,
    /// No usable answer came; the session cannot be used any more.
    Unanswered(String),
}

impl Session {
    /// Names `sender` by MAIL, and has the relay forget it by RSET: no recipient, no DATA.
    ///
    /// Afterwards [`Session::is_reusable`] says whether another one can be tried on this connection.
    pub async fn try_sender(&mut self, sender: &Address) -> SenderTrial {
        let mut parameters = Vec::new();
        if !is_ascii(sender) {
            if !self.capabilities.smtp_utf8 {
                return SenderTrial::Unsupported;
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !std::mem::replace(&mut self.ready, false) {
            return SenderTrial::Unanswered("the connection was broken before".to_owned());
        }
        self.uses += 1;
        let mail = Mail::new(Some(sender.clone()), parameters);
        let reply = match self.conversation.ask(mail, self.deadlines.command).await {
            Ok(reply) => reply,
            Err(broken) => return SenderTrial::Unanswered(broken.detail),
        };
        if !reply.closes_connection() {
            self.ready = self.reset().await;
        }
        if reply.is_success() { SenderTrial::Accepted } else { SenderTrial::Refused(reply) }
    }
}
