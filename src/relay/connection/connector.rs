//! From a relay's address to a session that is ready for mail.

use std::io;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::commands::{Auth, Ehlo, Starttls};
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use super::first_login::{FirstLogin, LoginTurn};
use super::stream::WireStream;
use super::tls::{InvalidRelay, TlsClient};
use crate::model::reply::Phase;
use crate::relay::capabilities::Capabilities;
use crate::relay::conversation::{Broken, Conversation, ConversationFailure};
use crate::relay::fault::TransportFault;
use crate::relay::outcome::{Reply, cleaned};
use crate::relay::session::Session;
use crate::relay::{RelayConfig, Security, address};
use crate::telemetry::AddressMask;

/// The most challenges of one AUTH exchange; LOGIN has two.
const CHALLENGES_MAX: usize = 3;

/// Why no session came to be. No delivery is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the relay is unavailable ({phase}): {detail}")]
pub struct RelayUnavailable {
    /// Where it failed.
    pub phase: Phase,
    /// The relay's answer, if there is one.
    pub reply: Option<Reply>,
    /// What happened, for people.
    pub detail: String,
    /// The relay does not take our credentials (5xx to AUTH): trying on may lock the account.
    pub auth_refused: bool,
    /// This one connection was turned away (refused, or 421 before MAIL): the relay may have enough of them.
    pub connection_refused: bool,
    /// What kind of fault it is, where neither phase nor reply says it.
    pub fault: Option<TransportFault>,
}

impl RelayUnavailable {
    fn new(phase: Phase, detail: impl AsRef<str>) -> Self {
        let detail = cleaned(detail.as_ref());
        Self { phase, reply: None, detail, auth_refused: false, connection_refused: false, fault: None }
    }

    fn of_fault(phase: Phase, fault: TransportFault, detail: impl AsRef<str>) -> Self {
        Self { fault: Some(fault), ..Self::new(phase, detail) }
    }

    fn of_io(phase: Phase, what: &str, error: &io::Error) -> Self {
        let mut unavailable = Self::new(phase, format!("{what}: {error}"));
        unavailable.connection_refused = error.kind() == io::ErrorKind::ConnectionRefused;
        unavailable
    }

    fn of_failure(phase: Phase, failure: ConversationFailure) -> Self {
        match failure {
            ConversationFailure::Broken(broken) => Self::new(phase, broken.detail),
            ConversationFailure::Refused(reply) => Self {
                phase,
                // It ends in logs: its addresses are masked. The reply itself stays as it was.
                detail: AddressMask::default().reply(&format!("the relay answered {reply}")),
                // RFC 4954 §6: 4xx are passing failures of the relay, not of the credentials.
                auth_refused: phase == Phase::Auth && reply.code >= 500,
                connection_refused: reply.closes_connection() || has_enough_connections(&reply),
                reply: Some(reply),
                fault: None,
            },
        }
    }
}

/// Opens sessions with one relay. TLS sessions are resumed between them.
pub struct Connector {
    config: RelayConfig,
    hello: ClientId,
    tls: Option<TlsClient>,
    first_login: FirstLogin,
}

impl Connector {
    /// Prepares what all sessions share: trust, host name, the name for EHLO.
    ///
    /// # Errors
    /// [`InvalidRelay`] if the relay cannot be reached as configured, whatever it does.
    pub fn new(config: RelayConfig) -> Result<Self, InvalidRelay> {
        let tls = match config.url.security {
            Security::Plain | Security::PrivatePlain => None,
            Security::StartTls | Security::ImplicitTls => {
                Some(TlsClient::new(&config.url.host, config.ca_file.as_deref())?)
            }
        };
        let hello = &config.hello_name;
        if hello.is_empty() || !hello.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_[]:".contains(&byte)) {
            return Err(InvalidRelay::HelloName);
        }
        Ok(Self { hello: ClientId::Domain(hello.clone()), tls, config, first_login: FirstLogin::default() })
    }

    /// The configuration that it was made of.
    #[must_use]
    pub fn config(&self) -> &RelayConfig {
        &self.config
    }

    /// Connects, reads the banner, says EHLO, starts TLS and logs in, as configured. After the relay has refused the
    /// credentials it is not asked again, until a probe has worked or [`Connector::allow_login`].
    ///
    /// # Errors
    /// [`RelayUnavailable`], by phase.
    pub async fn connect(&self) -> Result<Session, RelayUnavailable> {
        self.open(false).await
    }

    async fn open(&self, login_anyway: bool) -> Result<Session, RelayUnavailable> {
        let deadline = self.connect_deadline();
        let stream = self.reach(deadline).await?;
        let wire = match self.config.url.security {
            Security::ImplicitTls => WireStream::tls(self.handshake(stream, deadline).await?),
            Security::Plain | Security::PrivatePlain | Security::StartTls => WireStream::plain(stream),
        };
        let mut conversation = Conversation::open(wire, &self.hello, self.allowed())
            .await
            .map_err(|(phase, failure)| RelayUnavailable::of_failure(phase, failure))?;
        if self.config.url.security == Security::StartTls {
            self.start_tls(&mut conversation).await?;
        }
        let capabilities = self.hello(&mut conversation).await?;
        self.log_in(&mut conversation, &capabilities, login_anyway).await?;
        Ok(Session::new(conversation, capabilities, &self.config))
    }

    /// Proves that the relay can be used, short of a mail: connects, logs in and takes its leave.
    ///
    /// # Errors
    /// [`RelayUnavailable`], by phase.
    pub async fn probe(&self) -> Result<(), RelayUnavailable> {
        self.open(true).await?.quit().await;
        Ok(())
    }

    /// Connections break that worked: the relay may not take the credentials any more, so the next login goes alone.
    pub fn doubt_login(&self) {
        self.first_login.doubt();
    }

    /// Another worker has found that the relay takes the credentials again.
    pub fn allow_login(&self) {
        self.first_login.allow();
    }

    fn allowed(&self) -> Duration {
        self.config.deadlines.command
    }

    fn connect_deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.config.deadlines.connect).unwrap_or(now)
    }

    /// Opens a TCP connection to the first address that takes one; each has its share of the time that is left.
    async fn reach(&self, deadline: Instant) -> Result<TcpStream, RelayUnavailable> {
        let url = &self.config.url;
        let resolving = tokio::net::lookup_host((url.host.as_str(), url.port));
        let addresses: Vec<_> = match timeout_at(deadline, resolving).await {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(error)) => {
                let unavailable =
                    RelayUnavailable::of_io(Phase::Connect, &format!("cannot resolve {}", url.host), &error);
                return Err(RelayUnavailable { fault: Some(TransportFault::NotResolved), ..unavailable });
            }
            Err(_) => {
                return Err(RelayUnavailable::new(Phase::Connect, format!("resolving {} took too long", url.host)));
            }
        };
        let mut failed = RelayUnavailable::new(Phase::Connect, format!("{} has no address", url.host));
        for (tried, address) in addresses.iter().enumerate() {
            // A name is what the resolver says it is, now: what counts is where the connection goes.
            if !address::is_allowed(url.security, address.ip()) {
                let wanted = if url.security == Security::Plain { "on this machine" } else { "private" };
                let detail = format!("{address} is not {wanted}, and {url:?} has no TLS");
                failed = RelayUnavailable::of_fault(Phase::Connect, TransportFault::OpenNetwork, detail);
                continue;
            }
            let now = Instant::now();
            let shares = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            let share = now + deadline.saturating_duration_since(now) / shares;
            match timeout_at(share, connect_without_delay(*address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => {
                    failed = RelayUnavailable::of_io(Phase::Connect, &format!("cannot connect to {address}"), &error);
                }
                Err(_) => {
                    failed = RelayUnavailable::new(Phase::Connect, format!("connecting to {address} took too long"));
                }
            }
        }
        Err(failed)
    }

    async fn handshake(&self, stream: TcpStream, deadline: Instant) -> Result<TlsStream<TcpStream>, RelayUnavailable> {
        let tls = self.tls.as_ref().expect("a relay with TLS has its settings");
        let handshake = tls.connector.connect(tls.server_name.clone(), stream);
        match timeout_at(deadline, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => {
                let mut unavailable = RelayUnavailable::of_io(Phase::Tls, "the TLS handshake failed", &error);
                unavailable.connection_refused = false;
                unavailable.fault = TransportFault::of_handshake(&error);
                Err(unavailable)
            }
            Err(_) => Err(RelayUnavailable::new(Phase::Tls, "the TLS handshake took too long")),
        }
    }

    /// Turns the connection to TLS, or fails: there is no way on without ([RFC 3207 §4.1]).
    ///
    /// [RFC 3207 §4.1]: https://www.rfc-editor.org/rfc/rfc3207#section-4.1
    async fn start_tls(&self, conversation: &mut Conversation) -> Result<(), RelayUnavailable> {
        if !conversation.offers_starttls() {
            let fault = TransportFault::StartTlsNotOffered;
            return Err(RelayUnavailable::of_fault(Phase::Tls, fault, "the relay does not offer STARTTLS"));
        }
        let answer = conversation.respond(Starttls, self.allowed()).await;
        let response = answer.map_err(|failure| RelayUnavailable::of_failure(Phase::Tls, failure))?;
        if !response.has_code(220) {
            return Err(RelayUnavailable::new(Phase::Tls, "the relay did not answer 220 to STARTTLS"));
        }
        let glued = || RelayUnavailable::new(Phase::Tls, "something was sent in clear behind the answer to STARTTLS");
        let stream = conversation.wire().take_for_upgrade().ok_or_else(glued)?;
        let stream = self.handshake(stream, self.connect_deadline()).await?;
        conversation.wire().upgraded(stream);
        Ok(())
    }

    /// Says EHLO (once more: lettre keeps of its own only what it knows; after STARTTLS what came before is void). A
    /// relay that knows HELO only offers nothing.
    async fn hello(&self, conversation: &mut Conversation) -> Result<Capabilities, RelayUnavailable> {
        if conversation.wire().said_helo() {
            return Ok(Capabilities::default());
        }
        let answer = conversation.respond(Ehlo::new(self.hello.clone()), self.allowed()).await;
        let response = answer.map_err(|failure| RelayUnavailable::of_failure(Phase::Ehlo, failure))?;
        Ok(Capabilities::parse(response.message()))
    }

    /// Logs in if there are credentials. Without TLS this is loopback, by [`crate::relay::RelayUrl::parse`] and
    /// `reach`: one with `?tls=none` has none.
    async fn log_in(
        &self,
        conversation: &mut Conversation,
        offered: &Capabilities,
        anyway: bool,
    ) -> Result<(), RelayUnavailable> {
        let Some((user, password)) = &self.config.url.credentials else {
            return Ok(());
        };
        let Some(mechanism) = offered.mechanism() else {
            return Err(no_mechanism(&offered.other_mechanisms));
        };
        let _alone = match self.first_login.turn(self.allowed(), anyway).await {
            LoginTurn::LogIn(alone) => alone,
            LoginTurn::Refused => {
                let refused = "the relay has refused these credentials on another connection";
                return Err(RelayUnavailable { auth_refused: true, ..RelayUnavailable::new(Phase::Auth, refused) });
            }
            LoginTurn::TooLong => {
                return Err(RelayUnavailable::new(Phase::Auth, "the login on another connection takes too long"));
            }
        };
        let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
        let answer = self.authenticate(conversation, mechanism, &credentials).await;
        let answer = answer.map_err(|failure| RelayUnavailable::of_failure(Phase::Auth, failure));
        match &answer {
            Ok(()) => self.first_login.accepted(),
            Err(unavailable) if unavailable.auth_refused => self.first_login.refused(),
            Err(_) => {}
        }
        answer
    }

    async fn authenticate(
        &self,
        conversation: &mut Conversation,
        mechanism: Mechanism,
        credentials: &Credentials,
    ) -> Result<(), ConversationFailure> {
        let gibberish =
            |_| ConversationFailure::Broken(Broken { detail: "the relay asks for what AUTH does not know".to_owned() });
        let mut command = Auth::new(mechanism, credentials.clone(), None).map_err(gibberish)?;
        for _ in 0..=CHALLENGES_MAX {
            let response = conversation.respond(&command, self.allowed()).await?;
            if !response.has_code(334) {
                // RFC 4954 §4: 235, or anything else in 2xx from the careless.
                return if u16::from(response.code()) / 100 == 2 { Ok(()) } else { Err(endless()) };
            }
            command = Auth::new_from_response(mechanism, credentials.clone(), &response).map_err(gibberish)?;
        }
        Err(endless())
    }
}

/// The relay wants a login that we do not speak, or offers none.
fn no_mechanism(others: &[String]) -> RelayUnavailable {
    let but = match others {
        [] => "no login (AUTH) at all".to_owned(),
        others => format!("no login but {}", others.join(", ")),
    };
    let detail = format!("the relay offers {but}; PLAIN or LOGIN is needed");
    RelayUnavailable::of_fault(Phase::Auth, TransportFault::NoMechanism(others.to_vec()), detail)
}

/// Whether the relay says that it is the number of our connections: not every one says 421.
fn has_enough_connections(reply: &Reply) -> bool {
    let text = reply.text.to_lowercase();
    let speaks_of_many = ["too many", "concurrent", "simultaneous"].iter().any(|words| text.contains(words));
    speaks_of_many && ["connection", "session"].iter().any(|words| text.contains(words))
}

fn endless() -> ConversationFailure {
    ConversationFailure::Broken(Broken { detail: "the relay does not end the AUTH exchange".to_owned() })
}

async fn connect_without_delay(address: std::net::SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Nagle and delayed acknowledgement together cost 40 ms at each turn of the conversation.
    stream.set_nodelay(true)?;
    Ok(stream)
}
