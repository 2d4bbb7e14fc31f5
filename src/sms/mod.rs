//! Text messages over a provider's HTTP interface.
//!
//! [`SmsSender`] sends one message and says what became of it: Twilio's Messages API ([`twilio`]), or any interface that
//! takes a message in one POST, by a template ([`template`]). A breaker ([`breaker`]) notes when the provider does not
//! work, so that nobody waits for it in vain; what a provider says about one number never opens it.
//!
//! No number and no text of a message stands in a log or an error of this module.

mod breaker;
mod gsm7;
mod outcome;
mod sender;
mod template;
mod text;
mod twilio;

pub use outcome::SmsOutcome;
pub use sender::{InvalidSmsProvider, SmsDeadlines, SmsSender};
pub use template::{BodyType, HttpTemplate};
pub use text::code_text;

use secrecy::SecretString;
use url::Url;

/// Who sends text messages, and how it is asked to.
#[derive(Debug, Clone)]
pub struct SmsProvider {
    /// Where messages are posted to; without credentials.
    pub url: Url,
    pub credentials: Option<SmsCredentials>,
    /// Whom messages are from: a number, or a name of up to 11 letters.
    pub sender: Option<String>,
    pub interface: SmsInterface,
}

/// What the provider knows us by.
#[derive(Debug, Clone)]
pub enum SmsCredentials {
    /// HTTP Basic.
    Basic { user: String, password: SecretString },
    /// `Authorization: Bearer`.
    Bearer(SecretString),
}

/// How a message is posted.
#[derive(Debug, Clone)]
pub enum SmsInterface {
    /// Twilio's Messages API.
    Twilio,
    /// One POST by a template.
    Http(HttpTemplate),
}
