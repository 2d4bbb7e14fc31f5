//! The relay: the next SMTP hop, which takes responsibility for a message or says why not.
//!
//! Nothing outside this module knows SMTP. [`Connector::connect`] makes a [`Session`], [`Session::submit`] does one
//! mail transaction by its phases, and [`outcome`] says what the relay's answers mean.

mod address;
mod capabilities;
mod connection;
mod conversation;
mod fault;
pub mod outcome;
mod reply_lines;
mod session;
mod submission;
mod transparency;
mod url;

use crate::model::state::OnUncertain;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use lettre::Address;

pub use self::capabilities::Capabilities;
pub use self::connection::connector::{Connector, RelayUnavailable};
pub use self::connection::tls::InvalidRelay;
pub use self::fault::{CertificateFault, TransportFault};
pub use self::session::Session;
pub use self::session::sender_trial::SenderTrial;
pub use self::submission::{RecipientResult, Submission};
pub use self::url::InvalidRelayUrl;
use crate::model::ids::RelayName;

/// How a relay is reached and used.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// The name tenants use for it.
    pub name: RelayName,
    /// Where it is, how it is protected, and as whom we log in.
    pub url: RelayUrl,
    /// Connections over all workers together.
    pub connections: u32,
    /// Messages per second over all workers together; unlimited if absent.
    pub rate: Option<f64>,
    /// The largest message, in bytes as encoded.
    pub message_bytes_max: u64,
    /// Whether commands are pipelined when the relay offers it ([RFC 2920](https://www.rfc-editor.org/rfc/rfc2920)).
    pub pipelining: bool,
    /// A PEM file with the certificate authority of the relay's certificate, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// The name we give in EHLO.
    pub hello_name: String,
    /// What becomes of a delivery whose DATA may have been accepted.
    pub on_uncertain: OnUncertain,
    /// How long each phase may take.
    pub deadlines: Deadlines,
}

/// How long each phase may take in total ([RFC 5321 §4.5.3.2]).
///
/// [RFC 5321 §4.5.3.2]: https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.2
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Name resolution, TCP connect and TLS handshake together.
    pub connect: Duration,
    /// The banner, and the reply to each command up to and including DATA.
    pub command: Duration,
    /// From the 354 until the whole message is handed to the socket.
    pub transfer: Duration,
    /// From the final dot to the reply.
    pub final_dot: Duration,
    /// How old the permit to start DATA may be when the 354 comes; after that it is asked for again.
    ///
    /// Others take a worker's deliveries over when it has shown no sign of life for 30 s, and a person may then send
    /// them again, by other settings: a worker that stood still, or lost its database, must not go on where it was.
    pub permit: Duration,
}

impl Default for Deadlines {
    /// What RFC 5321 asks for, save that a relay which takes longer than 30 s to be reached counts as away.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            command: Duration::from_mins(5),
            transfer: Duration::from_mins(10),
            final_dot: Duration::from_mins(10),
            permit: Duration::from_secs(10),
        }
    }
}

/// An `smtp:`, `smtp+starttls:` or `smtps:` address. Shows itself without the password.
#[derive(Clone)]
pub struct RelayUrl {
    /// Protection of the connection.
    pub security: Security,
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User and password, percent-decoded.
    pub credentials: Option<(String, secrecy::SecretString)>,
}

impl fmt::Debug for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.security {
            Security::Plain | Security::PrivatePlain => "smtp",
            Security::StartTls => "smtp+starttls",
            Security::ImplicitTls => "smtps",
        };
        let user = if self.credentials.is_some() { "***@" } else { "" };
        let query = if self.security == Security::PrivatePlain { "?tls=none" } else { "" };
        if self.host.contains(':') {
            write!(f, "{scheme}://{user}[{}]:{}{query}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{user}{}:{}{query}", self.host, self.port)
        }
    }
}

/// Protection of the connection to a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// None: for relays on loopback only.
    Plain,
    /// None, and none is wanted (`?tls=none`): for relays whose address is private when the connection is made, and
    /// without a login.
    PrivatePlain,
    /// TLS by STARTTLS, required ([RFC 3207](https://www.rfc-editor.org/rfc/rfc3207)).
    StartTls,
    /// TLS from the first byte ([RFC 8314 §3.3](https://www.rfc-editor.org/rfc/rfc8314#section-3.3)).
    ImplicitTls,
}

/// Who sends, and to whom, as SMTP sees it. Addresses have ASCII domains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse path: where bounces go.
    pub sender: Address,
    /// The forward paths: To and Cc together, or one Bcc.
    pub recipients: Vec<EnvelopeRecipient>,
}

/// One forward path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeRecipient {
    pub address: Address,
    /// Whether its acceptance counts: without an accepted To there is no DATA.
    pub essential: bool,
}

/// Asked after the last RCPT and before DATA: may the message be handed over now?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Recorded; go.
    Go,
    /// Not ours any more, or decided anew: RSET, and no DATA.
    Withdraw,
}

/// Asks for the permit; see [`Permit`].
pub trait DataPermit: Send {
    /// Records that DATA starts, and says whether it may.
    fn permit(&mut self) -> impl Future<Output = Permit> + Send;

    /// The socket has taken the final dot: from here the relay may hold the message.
    fn handed_over(&mut self) {}
}
