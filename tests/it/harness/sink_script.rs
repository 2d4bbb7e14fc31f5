//! How the sink behaves: by script, and by the recipient's local part.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

use std::time::Duration;

pub use invoice_dispatcher::demo::smtp::SmtpStep as Step;
use tokio::sync::watch;

use super::sink_certificates::Certificate;

/// What the sink does instead of the right thing.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answers this (lines without their ends), and goes on.
    Reply(String),
    /// Answers this and hangs up.
    ReplyThenClose(String),
    /// Sends these bytes, and goes on.
    Raw(Vec<u8>),
    /// Hangs up.
    Close,
    /// Says and reads nothing more, but stays.
    Hang,
    /// At the dot: takes the message, then does as told.
    Take(Box<Act>),
    /// Waits, then does the right thing.
    Slow(Duration),
    /// Waits until the test lets it go on, then does the right thing.
    Wait(Gate),
    /// Waits until the test lets it go on, then hangs up.
    WaitThenClose(Gate),
    /// Waits until the test lets it go on, then answers this.
    WaitThenReply(Gate, String),
    /// Answers `250` in lines of 512 bytes, so many bytes in all, as fast as the client takes them.
    LongReply(u64),
    /// Sends lines of a reply that never ends.
    EndlessLines,
    /// Sends one line that never ends.
    EndlessLine,
}

/// What holds conversations up until the test opens it.
#[derive(Debug, Clone)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    pub fn closed() -> Self {
        Self(watch::Sender::new(false))
    }

    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn passed(&self) {
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

impl Act {
    pub fn reply(text: &str) -> Self {
        Self::Reply(text.to_owned())
    }

    pub fn wait_then_reply(gate: &Gate, text: &str) -> Self {
        Self::WaitThenReply(gate.clone(), text.to_owned())
    }

    pub fn take_then(act: Self) -> Self {
        Self::Take(Box::new(act))
    }

    /// Whether it tells the client that the message was not taken: 4xx or 5xx.
    pub(super) fn refuses(&self) -> bool {
        matches!(self, Self::Reply(text) | Self::ReplyThenClose(text) | Self::WaitThenReply(_, text)
            if text.starts_with(['4', '5']))
    }
}

/// Whether and how the sink speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    None,
    StartTls(Certificate),
    Implicit(Certificate),
}

/// What the sink offers, and what it does wrong. The first rule that fits counts.
#[derive(Debug, Clone)]
pub struct Script {
    pub(super) protection: Protection,
    pub(super) capabilities: Vec<String>,
    pub(super) login: Option<(String, String)>,
    pub(super) size_bytes_max: Option<usize>,
    pub(super) forgetful: bool,
    pub(super) connections_max: Option<usize>,
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) step: Step,
    /// The number of the connection, from 1.
    pub(super) connection: Option<usize>,
    /// Which occurrence of the step over all connections, from 1, counted from when the script began.
    pub(super) nth: Option<usize>,
    pub(super) address: Option<String>,
    /// The envelope sender.
    pub(super) sender: Option<String>,
    pub(super) act: Act,
}

impl Default for Script {
    fn default() -> Self {
        let capabilities = ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN"];
        Self {
            protection: Protection::None,
            capabilities: capabilities.map(str::to_owned).to_vec(),
            login: None,
            size_bytes_max: Some(50_000_000),
            forgetful: false,
            connections_max: None,
            rules: Vec::new(),
        }
    }
}

impl Script {
    /// A relay that does everything right.
    pub fn new() -> Self {
        Self::default()
    }

    /// Each time.
    pub fn on(self, step: Step, act: Act) -> Self {
        self.rule(Rule { step, connection: None, nth: None, address: None, sender: None, act })
    }

    /// The first time only.
    pub fn once(self, step: Step, act: Act) -> Self {
        self.nth(step, 1, act)
    }

    /// The `nth` time only, counted from 1 over all connections.
    pub fn nth(self, step: Step, nth: usize, act: Act) -> Self {
        self.rule(Rule { step, connection: None, nth: Some(nth), address: None, sender: None, act })
    }

    /// Each time on the connection of this number, counted from 1.
    pub fn on_connection(self, connection: usize, step: Step, act: Act) -> Self {
        self.rule(Rule { step, connection: Some(connection), nth: None, address: None, sender: None, act })
    }

    /// Each time this address is the recipient (or among the accepted recipients, from DATA on).
    pub fn on_address(self, address: &str, step: Step, act: Act) -> Self {
        self.rule(Rule { step, connection: None, nth: None, address: Some(address.to_owned()), sender: None, act })
    }

    /// Each time this address is the envelope sender (from MAIL on).
    pub fn on_sender(self, sender: &str, step: Step, act: Act) -> Self {
        self.rule(Rule { step, connection: None, nth: None, address: None, sender: Some(sender.to_owned()), act })
    }

    /// Does not offer what begins with `keyword`.
    pub fn without(mut self, keyword: &str) -> Self {
        self.capabilities.retain(|capability| !capability.starts_with(keyword));
        if keyword == "SIZE" {
            self.size_bytes_max = None;
        }
        self
    }

    /// Offers one thing more.
    pub fn offering(mut self, capability: &str) -> Self {
        self.capabilities.push(capability.to_owned());
        self
    }

    /// Offers SIZE, and means it.
    pub fn size(mut self, bytes: usize) -> Self {
        self.size_bytes_max = Some(bytes);
        self
    }

    /// Wants this user and password before MAIL.
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// Keeps neither commands nor messages' bytes, which must be ours: for more mails than memory holds.
    pub fn forgetful(mut self) -> Self {
        self.forgetful = true;
        self
    }

    /// Turns away connections beyond so many at once.
    pub fn connections_max(mut self, connections: usize) -> Self {
        self.connections_max = Some(connections);
        self
    }

    pub fn protected(mut self, protection: Protection) -> Self {
        self.protection = protection;
        self
    }

    fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }
}

/// What a recipient's local part, up to the first `+`, asks the sink to do wrong.
#[derive(Debug, Clone)]
pub(super) struct Misbehaviour {
    pub(super) step: Step,
    pub(super) act: Act,
    /// Only the first time for this address.
    pub(super) once: bool,
}

/// `defer@`, `defer-451-4.3.0@`, `refuse-550@`, `refuse-550-5.1.1@` at RCPT; `data-451@` at DATA; `dot-554-5.7.1@` at
/// the dot; `close-at-rcpt@`, `hang-at-dot@` (also mail, data, body); `take-and-close@`, `take-and-hang@`. Any with
/// `-once`: `defer-once+x@`, `take-and-close-once@`.
pub(super) fn misbehaviour(address: &str) -> Option<Misbehaviour> {
    let local = address.split(['@', '+']).next()?;
    let (verb, once) = local.strip_suffix("-once").map_or((local, false), |verb| (verb, true));
    let (step, act) = match verb {
        "defer" => (Step::Rcpt, Act::reply("451 4.3.0 try again later")),
        "take-and-close" => (Step::Dot, Act::take_then(Act::Close)),
        "take-and-hang" => (Step::Dot, Act::take_then(Act::Hang)),
        _ => {
            let (what, how) = verb.split_once('-')?;
            match what {
                "refuse" | "defer" => (Step::Rcpt, coded(how)?),
                "data" => (Step::Data, coded(how)?),
                "dot" => (Step::Dot, coded(how)?),
                "close" => (step_named(how.strip_prefix("at-")?)?, Act::Close),
                "hang" => (step_named(how.strip_prefix("at-")?)?, Act::Hang),
                _ => return None,
            }
        }
    };
    Some(Misbehaviour { step, act, once })
}

fn coded(codes: &str) -> Option<Act> {
    let (code, enhanced) = codes.split_once('-').unwrap_or((codes, ""));
    let code: u16 = code.parse().ok()?;
    Some(Act::Reply(format!("{code} {enhanced} as the address asks").replace("  ", " ")))
}

fn step_named(name: &str) -> Option<Step> {
    match name {
        "rcpt" => Some(Step::Rcpt),
        "data" => Some(Step::Data),
        "body" => Some(Step::Body),
        "dot" => Some(Step::Dot),
        _ => None,
    }
}
