//! A real SMTP server on loopback that keeps what it takes, counts what it sees, and misbehaves on purpose.
//!
//! ```ignore
//! let sink = Sink::scripted(Script::new().once(Step::Dot, Act::reply("451 4.3.0 later"))).await;
//! // … send to `sink.url()`, or to `refuse-550-5.1.1@customer.example` …
//! sink.wait_for("two mails", |state| state.mails.len() == 2).await;
//! ```

#![allow(unreachable_pub, reason = "a test binary has no outside")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use invoice_dispatcher::demo::smtp;
use invoice_dispatcher::model::ids::DeliveryId;
use invoice_dispatcher::upkeep::reconciliation::TakenMail;
use mailparse::MailHeaderMap as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::sink_certificates::Authority;
pub use super::sink_certificates::Certificate;
use super::sink_script::misbehaviour;
pub use super::sink_script::{Act, Gate, Protection, Script, Step};

/// How long a test waits for what it expects before it fails.
const PATIENCE: Duration = Duration::from_mins(3);

/// One scripted relay. Ends with the test.
pub struct Sink {
    pub address: SocketAddr,
    pub(super) shared: Arc<Shared>,
    server: Option<JoinHandle<()>>,
}

pub(super) struct Shared {
    pub(super) state: watch::Sender<SinkState>,
    pub(super) authority: Authority,
}

/// What the sink has seen.
#[derive(Debug, Default)]
pub struct SinkState {
    /// Connections opened so far.
    pub connections: usize,
    /// Connections open now.
    pub open: usize,
    /// The most connections open at once.
    pub open_max: usize,
    /// TLS handshakes that resumed an earlier session.
    pub tls_resumed: usize,
    /// How often the sink said 354, or something in its place after DATA that lets the message come.
    pub data_phases: usize,
    /// Messages the sink took, whether or not it said so.
    pub mails: Vec<SunkMail>,
    /// What was under way each time that the sink said 354.
    pub loads: Vec<Load>,
    /// Every command line.
    pub commands: Vec<SeenCommand>,
    /// How often each step was reached.
    pub steps: BTreeMap<Step, usize>,
    /// Of each long reply, how many bytes the socket took, be they read or not.
    pub long_replies: Vec<u64>,
    pub(super) script: Script,
    pub(super) since_script: BTreeMap<Step, usize>,
    /// Addresses whose `-once` is used up.
    pub(super) spent: BTreeSet<String>,
}

/// What is under way when a message begins.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Messages taken before.
    pub taken: usize,
    /// Messages that have begun and are not taken, this one included.
    pub under_way: usize,
    /// Connections.
    pub open: usize,
}

/// A message that the sink took.
#[derive(Debug, Clone)]
pub struct SunkMail {
    /// The number of its connection, from 1.
    pub connection: usize,
    /// Whether it came over TLS.
    pub tls: bool,
    /// As whom the client had logged in.
    pub user: Option<String>,
    /// MAIL FROM, without angle brackets.
    pub sender: String,
    /// The parameters of MAIL: `SIZE=123 RET=HDRS`.
    pub parameters: String,
    /// The recipients that the sink accepted.
    pub recipients: Vec<String>,
    /// The message, dots un-stuffed.
    pub bytes: Vec<u8>,
    /// The Message-ID, without angle brackets.
    pub message_id: Option<String>,
    /// The sink said that it did not take it, and so has no responsibility for it.
    pub disowned: bool,
    /// What the books want of it, if the bytes are not kept.
    pub(super) entry: Option<TakenMail>,
}

/// A command line.
#[derive(Debug, Clone)]
pub struct SeenCommand {
    /// The number of its connection, from 1.
    pub connection: usize,
    /// The line without its end.
    pub line: String,
    /// It came before the command before it was answered.
    pub pipelined: bool,
}

impl Sink {
    /// A relay that does everything right, save what recipients' local parts ask for.
    pub async fn start() -> Self {
        Self::scripted(Script::new()).await
    }

    pub async fn scripted(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = watch::Sender::new(SinkState { script, ..SinkState::default() });
        let shared = Arc::new(Shared { state, authority: Authority::new() });
        let server = Some(tokio::spawn(smtp::serve(listener, Arc::clone(&shared), CancellationToken::new())));
        Self { address, shared, server }
    }

    /// The address for `SMTP_URL`, as the script's TLS wants it.
    pub fn url(&self) -> String {
        self.url_as("")
    }

    /// The same with credentials: `user:password`.
    pub fn url_as(&self, credentials: &str) -> String {
        let scheme = match self.shared.state.borrow().script.protection {
            Protection::None => "smtp",
            Protection::StartTls(_) => "smtp+starttls",
            Protection::Implicit(_) => "smtps",
        };
        let at = if credentials.is_empty() { "" } else { "@" };
        format!("{scheme}://{credentials}{at}{}", self.address)
    }

    /// The file with the authority of the sink's good certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.shared.authority.file()
    }

    /// The file with this certificate of the sink's own.
    pub fn certificate_file(&self, certificate: Certificate) -> PathBuf {
        self.shared.authority.certificate_file(certificate)
    }

    /// From now on the sink behaves like this; occurrences are counted anew. TLS stays as it was.
    pub fn behave(&self, mut script: Script) {
        self.shared.state.send_modify(|state| {
            script.protection = state.script.protection;
            state.script = script;
            state.since_script.clear();
        });
    }

    /// Stops listening and ends all connections: the next one is refused.
    pub async fn go_away(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            let _ = server.await;
            self.shared.state.send_modify(|state| state.open = 0);
        }
    }

    /// Listens again, on the same port.
    pub async fn come_back(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.server = Some(tokio::spawn(smtp::serve(listener, Arc::clone(&self.shared), CancellationToken::new())));
    }

    /// A look at what the sink has seen.
    pub fn see<T>(&self, look: impl FnOnce(&SinkState) -> T) -> T {
        look(&self.shared.state.borrow())
    }

    pub fn mails(&self) -> Vec<SunkMail> {
        self.see(|state| state.mails.clone())
    }

    /// A way to what the sink has taken, for the books.
    pub(crate) fn books(&self) -> SinkBooks {
        SinkBooks(Arc::clone(&self.shared))
    }

    /// How many mails it took and how many DATA phases it let begin.
    pub fn mails_and_data_phases(&self) -> (usize, usize) {
        self.see(|state| (state.mails.len(), state.data_phases))
    }

    /// Waits until the sink has seen it; fails the test if that takes too long.
    pub async fn wait_for(&self, what: &str, seen: impl FnMut(&SinkState) -> bool) {
        self.wait_within(PATIENCE, what, seen).await;
    }

    /// The same, for what takes longer than most.
    pub async fn wait_within(&self, patience: Duration, what: &str, mut seen: impl FnMut(&SinkState) -> bool) {
        let mut states = self.shared.state.subscribe();
        let waited = tokio::time::timeout(patience, states.wait_for(|state| seen(state))).await.map(|_| ());
        assert!(waited.is_ok(), "the sink never saw {what}: {:#?}", self.shared.state.borrow().commands);
    }
}

/// What a sink has taken, as the ledger wants it.
#[derive(Clone)]
pub(crate) struct SinkBooks(Arc<Shared>);

impl SinkBooks {
    /// Every mail that the sink is responsible for. Each names its delivery, as ours do; a test is no delivery's.
    pub(crate) fn taken(&self) -> Vec<TakenMail> {
        let state = self.0.state.borrow();
        state.mails.iter().filter(|mail| !mail.disowned && !mail.is_test()).map(SunkMail::entry).collect()
    }
}

/// Whether they are the same sink's.
impl PartialEq for SinkBooks {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl SunkMail {
    /// Forgets the bytes, and keeps of them what the books want.
    pub(super) fn without_bytes(mut self) -> Self {
        self.entry = Some(self.entry());
        self.bytes = Vec::new();
        self
    }

    /// Whether somebody sent it to themselves, to see what customers would get.
    pub(crate) fn is_test(&self) -> bool {
        let headers = mailparse::parse_headers(&self.bytes);
        headers.is_ok_and(|(headers, _)| headers.get_first_value("X-Test-Message").is_some())
    }

    fn entry(&self) -> TakenMail {
        self.entry.clone().unwrap_or_else(|| read_entry(self))
    }
}

fn read_entry(mail: &SunkMail) -> TakenMail {
    let parsed = mailparse::parse_mail(&mail.bytes).expect("a mail of ours can be read");
    let delivery = parsed.headers.get_first_value("X-Delivery-Id").expect("a mail of ours names its delivery");
    let is_document = |part: &mailparse::ParsedMail<'_>| {
        part.get_content_disposition().disposition == mailparse::DispositionType::Attachment
    };
    TakenMail {
        message_id: mail.message_id.clone().expect("every mail has a Message-ID"),
        delivery: DeliveryId(delivery.parse().expect("a delivery's identifier")),
        recipients: mail.recipients.clone(),
        attachments: parsed.parts().filter(|part| is_document(part)).count(),
    }
}

impl Shared {
    /// A place in the list of long replies.
    pub(super) fn begin_long_reply(&self) -> usize {
        let mut place = 0;
        self.state.send_modify(|state| {
            place = state.long_replies.len();
            state.long_replies.push(0);
        });
        place
    }

    /// What is to be done at this step, now that it is reached once more.
    pub(super) fn decision(&self, step: Step, connection: usize, sender: &str, addresses: &[String]) -> Option<Act> {
        let mut decided = None;
        self.state.send_modify(|state| decided = state.decide(step, connection, sender, addresses));
        decided
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

impl SinkState {
    /// The commands that begin with `verb`.
    pub fn commands_of(&self, verb: &str) -> Vec<&SeenCommand> {
        self.commands.iter().filter(|command| command.line.starts_with(verb)).collect()
    }

    /// How often the step was reached.
    pub fn count(&self, step: Step) -> usize {
        self.steps.get(&step).copied().unwrap_or(0)
    }
}

impl SinkState {
    /// What is to be done at this step, now that it is reached once more.
    pub(super) fn decide(&mut self, step: Step, connection: usize, sender: &str, addresses: &[String]) -> Option<Act> {
        *self.steps.entry(step).or_default() += 1;
        let nth = self.since_script.entry(step).or_default();
        *nth += 1;
        let rule = self.script.rules.iter().find(|rule| {
            rule.step == step
                && rule.connection.is_none_or(|number| number == connection)
                && rule.nth.is_none_or(|number| number == *nth)
                && rule.sender.as_ref().is_none_or(|address| address == sender)
                && rule.address.as_ref().is_none_or(|address| addresses.contains(address))
        });
        if let Some(rule) = rule {
            return Some(rule.act.clone());
        }
        addresses.iter().find_map(|address| {
            let misbehaviour = misbehaviour(address).filter(|misbehaviour| misbehaviour.step == step)?;
            (!misbehaviour.once || self.spent.insert(address.clone())).then_some(misbehaviour.act)
        })
    }

    /// 354 is about to be said.
    pub(super) fn begin_message(&mut self) {
        self.data_phases += 1;
        let taken = self.mails.len();
        self.loads.push(Load { taken, under_way: self.data_phases - taken, open: self.open });
    }

    /// What the reply to EHLO offers.
    pub(super) fn offer(&self, tls: bool) -> Vec<String> {
        let mut lines = self.script.capabilities.clone();
        lines.extend(self.script.size_bytes_max.map(|bytes| format!("SIZE {bytes}")));
        if matches!(self.script.protection, Protection::StartTls(_)) && !tls {
            lines.push("STARTTLS".to_owned());
        }
        let offers_auth = self.script.capabilities.iter().any(|line| line.starts_with("AUTH"));
        if self.script.login.is_some() && !offers_auth {
            lines.push("AUTH PLAIN LOGIN".to_owned());
        }
        lines
    }
}
