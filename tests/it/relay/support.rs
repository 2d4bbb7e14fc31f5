//! What the relay scenarios share: a relay's configuration, an envelope, a message, a permit.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

use std::time::Duration;

use invoice_dispatcher::model::ids::RelayName;
use invoice_dispatcher::model::state::OnUncertain;
use invoice_dispatcher::relay::{
    Connector, DataPermit, Deadlines, Envelope, EnvelopeRecipient, Permit, RelayConfig, RelayUrl, Session, Submission,
};

use crate::harness::sink::{Act, Sink};

/// Deadlines that a healthy sink keeps easily, and that a test which waits for one can wait for.
pub const SHORT: Duration = Duration::from_millis(300);
pub const LONG: Duration = Duration::from_secs(20);

/// How long a command's answer is waited for, where the sink does this: who falls silent passes the deadline soon, and
/// nobody else does by being slow.
pub fn deadline_for(act: &Act) -> Duration {
    if matches!(act, Act::Hang) { Duration::from_secs(1) } else { LONG }
}

pub fn config(url: &str) -> RelayConfig {
    RelayConfig {
        name: RelayName::from("default"),
        url: RelayUrl::parse(url).unwrap(),
        connections: 1,
        rate: None,
        message_bytes_max: 20 << 20,
        pipelining: true,
        ca_file: None,
        hello_name: "worker.example".to_owned(),
        on_uncertain: OnUncertain::Wait,
        deadlines: Deadlines { connect: LONG, command: LONG, transfer: LONG, final_dot: LONG, permit: LONG },
    }
}

/// The sink's relay, trusting the sink's authority if it speaks TLS.
pub fn config_of(sink: &Sink) -> RelayConfig {
    let mut config = config(&sink.url());
    if !sink.url().starts_with("smtp:") {
        config.ca_file = Some(sink.ca_file());
    }
    config
}

pub async fn session(sink: &Sink) -> Session {
    Connector::new(config_of(sink)).unwrap().connect().await.unwrap()
}

pub fn envelope(to: &[&str]) -> Envelope {
    let recipient = |address: &&str| EnvelopeRecipient { address: address.parse().unwrap(), essential: true };
    Envelope { sender: "bounces@acme.example".parse().unwrap(), recipients: to.iter().map(recipient).collect() }
}

pub const MESSAGE: &[u8] = b"Message-ID: <d1@acme.example>\r\nSubject: R-1\r\n\r\nDear customer,\r\n.\r\n..dots\r\n";

/// Says `permit` and counts how often it was asked.
pub struct Asked {
    pub permit: Permit,
    pub times: usize,
}

pub fn go() -> Asked {
    Asked { permit: Permit::Go, times: 0 }
}

impl DataPermit for Asked {
    async fn permit(&mut self) -> Permit {
        self.times += 1;
        self.permit
    }
}

/// One message to `to` over `session`.
pub async fn submit(session: &mut Session, to: &[&str]) -> Submission {
    session.submit(&envelope(to), MESSAGE, &mut go()).await
}
