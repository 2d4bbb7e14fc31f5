//! What stands in the broker: exchanges, queues, bindings, each argument with its reason.
//!
//! The topology is data ([`Topology::steps`]); [`establish`] goes through it in order. The target of a dead-letter
//! exchange is declared before the queue that dead-letters to it, so that no message is lost in between.

use std::fmt;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ErrorKind, ExchangeKind};

use super::connection::{Connection, ConnectionError, answer, close_channel};

/// Whether exchanges and queues are made at start, or only looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TopologyMode {
    /// Made if they are missing; other arguments are an error.
    #[default]
    Declare,
    /// An administrator makes them; a missing one is an error. Their arguments are not looked at.
    Verify,
}

/// The names of everything of ours in the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// Topic exchange that the billing system publishes to.
    pub billing: String,
    /// Routing key of an invoice-sent event.
    pub invoice_sent: String,
    /// Queue of events for us.
    pub dispatch: String,
    /// Queue that mirrors the dead letters in the database.
    pub dead: String,
    /// Queue of what the broker itself gave up on.
    pub undelivered: String,
    /// Direct exchange that leads there.
    pub dead_letter_exchange: String,
    /// Topic exchange of events for the billing system.
    pub outcomes: String,
    /// Redeliveries after which the broker gives up on an event.
    pub dispatch_delivery_limit: i64,
    /// Whether it is made or only looked for.
    pub mode: TopologyMode,
}

/// Routing key to the queue of undelivered events.
const UNDELIVERED_KEY: &str = "undelivered";
/// High, since each outage of the database costs the events at hand one redelivery, and never unlimited: -1
/// dead-letters at once on `RabbitMQ` 3.10.
const DISPATCH_DELIVERY_LIMIT: i64 = 1_000;
/// As good as none, and it must be said: without it `RabbitMQ` 4 drops a message at its 20th redelivery.
const KEPT_DELIVERY_LIMIT: i64 = 1_000_000;

impl Default for Topology {
    fn default() -> Self {
        Self {
            billing: "billing".into(),
            invoice_sent: "invoice.sent".into(),
            dispatch: "invoice-mail.dispatch".into(),
            dead: "invoice-mail.dead".into(),
            undelivered: "invoice-mail.undelivered".into(),
            dead_letter_exchange: "invoice-mail.dlx".into(),
            outcomes: "invoice-mail.outcomes".into(),
            dispatch_delivery_limit: DISPATCH_DELIVERY_LIMIT,
            mode: TopologyMode::Declare,
        }
    }
}

impl Topology {
    /// The same with another begin of each name, for those who share a broker (tests, a second installation).
    #[must_use]
    pub fn prefixed(prefix: &str) -> Self {
        let fixed = Self::default();
        let named = |name: &str| format!("{prefix}{name}");
        Self {
            billing: named(&fixed.billing),
            dispatch: named(&fixed.dispatch),
            dead: named(&fixed.dead),
            undelivered: named(&fixed.undelivered),
            dead_letter_exchange: named(&fixed.dead_letter_exchange),
            outcomes: named(&fixed.outcomes),
            ..fixed
        }
    }

    /// The same, made or only looked for.
    #[must_use]
    pub fn with_mode(self, mode: TopologyMode) -> Self {
        Self { mode, ..self }
    }

    /// Everything, in the order in which it is made.
    fn steps(&self) -> Vec<TopologyStep<'_>> {
        vec![
            TopologyStep::Queue(&self.dead, kept_arguments()),
            TopologyStep::Exchange(&self.dead_letter_exchange, ExchangeKind::Direct),
            TopologyStep::Queue(&self.undelivered, kept_arguments()),
            TopologyStep::Binding {
                queue: &self.undelivered,
                exchange: &self.dead_letter_exchange,
                key: UNDELIVERED_KEY,
            },
            TopologyStep::Exchange(&self.billing, ExchangeKind::Topic),
            TopologyStep::Queue(&self.dispatch, self.dispatch_arguments()),
            TopologyStep::Binding { queue: &self.dispatch, exchange: &self.billing, key: &self.invoice_sent },
            TopologyStep::Exchange(&self.outcomes, ExchangeKind::Topic),
        ]
    }

    /// Arguments of the queue of events.
    fn dispatch_arguments(&self) -> Vec<(&'static str, AMQPValue)> {
        vec![
            quorum(),
            ("x-delivery-limit", AMQPValue::LongLongInt(self.dispatch_delivery_limit)),
            // What the broker gives up on must land where we look.
            ("x-dead-letter-exchange", text(&self.dead_letter_exchange)),
            ("x-dead-letter-routing-key", text(UNDELIVERED_KEY)),
            // The default, at-most-once, loses the message when the target queue is away.
            ("x-dead-letter-strategy", text("at-least-once")),
            // Without it the broker falls back to at-most-once, silently.
            ("x-overflow", text("reject-publish")),
        ]
    }
}

/// Arguments of a queue in which everything stays until it is taken: no TTL, no length limit, no dead-letter
/// exchange.
fn kept_arguments() -> Vec<(&'static str, AMQPValue)> {
    vec![quorum(), ("x-delivery-limit", AMQPValue::LongLongInt(KEPT_DELIVERY_LIMIT))]
}

/// Replicated, and the only kind that dead-letters at least once.
fn quorum() -> (&'static str, AMQPValue) {
    ("x-queue-type", text("quorum"))
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// One thing to be made.
enum TopologyStep<'a> {
    Exchange(&'a str, ExchangeKind),
    Queue(&'a str, Vec<(&'static str, AMQPValue)>),
    Binding { queue: &'a str, exchange: &'a str, key: &'a str },
}

/// Why what should stand in the broker does not.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// It stands there already, with another argument. The broker cannot change it in place.
    #[error(
        "{what} exists with another {argument} ({said}); move its messages away, delete it and start again, or set topology = \"verify\" to use it as it is"
    )]
    Inequivalent {
        /// What: `queue invoice-mail.dead`.
        what: String,
        /// Which argument differs.
        argument: String,
        /// The broker's words.
        said: String,
    },
    /// It is to be there and is not.
    #[error("{what} is missing; declare it, or set topology = \"declare\" to have it made")]
    Missing { what: String },
    /// Our user may not make it.
    #[error(
        "the broker's user may not declare {what} ({said}); grant it the configure permission, or set topology = \"verify\""
    )]
    Forbidden {
        what: String,
        /// The broker's words.
        said: String,
    },
    /// The connection failed meanwhile.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

/// Makes everything, or looks whether it is there.
///
/// On a channel of its own: a refused declaration ends the channel and all that is on it.
pub(super) async fn establish(connection: &Connection, topology: &Topology) -> Result<(), TopologyError> {
    let channel = connection.channel().await?;
    let passive = topology.mode == TopologyMode::Verify;
    for step in topology.steps() {
        make(&channel, &step, passive).await?;
    }
    close_channel(&channel).await;
    Ok(())
}

/// Makes it, or looks whether it is there; a refusal ends the channel.
async fn make(channel: &Channel, step: &TopologyStep<'_>, passive: bool) -> Result<(), TopologyError> {
    let result = match step {
        TopologyStep::Exchange(name, kind) => {
            let options = ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
            let declare = channel.exchange_declare((*name).into(), kind.clone(), options, FieldTable::default());
            answer("declare an exchange", channel, declare).await
        }
        TopologyStep::Queue(name, arguments) => {
            let options = QueueDeclareOptions { passive, durable: true, ..QueueDeclareOptions::default() };
            let declare = channel.queue_declare((*name).into(), options, table(arguments));
            answer("declare a queue", channel, declare).await.map(drop)
        }
        // A binding cannot be looked for, only made.
        TopologyStep::Binding { .. } if passive => Ok(()),
        TopologyStep::Binding { queue, exchange, key } => {
            let options = QueueBindOptions::default();
            let (queue, exchange, key) = ((*queue).into(), (*exchange).into(), (*key).into());
            let bind = channel.queue_bind(queue, exchange, key, options, FieldTable::default());
            answer("bind a queue", channel, bind).await
        }
    };
    result.map_err(|error| explain(step, error))
}

/// Compares an exchange or queue that is there with what it should be: declares it as at a start.
///
/// A declaration of what is there changes nothing, whether or not it is the same; a passive one does not look at the
/// arguments (AMQP 0-9-1 §1.6.2.1, §1.7.2.1). On a channel of its own, since a difference ends the channel. It is asked
/// right after it was seen: one that is deleted in between would be made.
///
/// # Errors
/// [`TopologyError::Inequivalent`] names the first argument that differs; [`TopologyError::Forbidden`] means that the
/// broker's user may not ask.
pub(super) async fn compare(connection: &Connection, topology: &Topology, name: &str) -> Result<(), TopologyError> {
    let steps = topology.steps();
    let is_meant = |step: &&TopologyStep<'_>| matches!(step, TopologyStep::Exchange(made, _) | TopologyStep::Queue(made, _) if *made == name);
    let Some(step) = steps.iter().find(is_meant) else { return Ok(()) };
    let channel = connection.channel().await?;
    make(&channel, step, false).await?;
    close_channel(&channel).await;
    Ok(())
}

fn table(arguments: &[(&'static str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert((*name).into(), value.clone());
    }
    table
}

impl fmt::Display for TopologyStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(name, _) => write!(f, "exchange {name}"),
            Self::Queue(name, _) => write!(f, "queue {name}"),
            Self::Binding { queue, exchange, key } => {
                write!(f, "the binding of queue {queue} to exchange {exchange} with key {key}")
            }
        }
    }
}

/// What the broker's refusal means, and what to do.
fn explain(step: &TopologyStep<'_>, error: ConnectionError) -> TopologyError {
    let what = step.to_string();
    match error {
        ConnectionError::Refused { said } => TopologyError::Forbidden { what, said },
        ConnectionError::Lost(ref lost) => {
            let ErrorKind::ProtocolError(said) = lost.kind() else { return error.into() };
            let message = said.get_message().to_string();
            match said.kind() {
                AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => TopologyError::Inequivalent {
                    what,
                    argument: quoted(&message).unwrap_or("argument").to_owned(),
                    said: message,
                },
                AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => TopologyError::Missing { what },
                _ => error.into(),
            }
        }
        other => other.into(),
    }
}

/// The first word in single quotes: the broker names the argument so.
fn quoted(message: &str) -> Option<&str> {
    message.split('\'').nth(1).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_made_before_the_queue_that_dead_letters_to_it() {
        let topology = Topology::default();
        let made: Vec<String> = topology.steps().iter().map(TopologyStep::to_string).collect();
        let place = |name: &str| made.iter().position(|step| step == name).expect(name);
        assert_eq!(place("queue invoice-mail.dead"), 0);
        assert!(place("queue invoice-mail.undelivered") < place("queue invoice-mail.dispatch"));
        assert!(
            place("the binding of queue invoice-mail.undelivered to exchange invoice-mail.dlx with key undelivered")
                < place("queue invoice-mail.dispatch")
        );
    }

    #[test]
    fn every_queue_is_a_quorum_queue_with_a_positive_limit_of_redeliveries() {
        for step in Topology::default().steps() {
            let TopologyStep::Queue(name, arguments) = step else { continue };
            let argument = |wanted: &str| arguments.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
            assert_eq!(argument("x-queue-type"), Some(&text("quorum")), "{name}");
            assert!(matches!(argument("x-delivery-limit"), Some(AMQPValue::LongLongInt(1_000..))), "{name}");
        }
    }

    #[test]
    fn a_prefix_comes_before_every_name_that_others_may_have() {
        let (fixed, ours) = (Topology::default(), Topology::prefixed("test-1."));
        for (fixed, ours) in fixed.steps().iter().zip(ours.steps()) {
            assert_ne!(fixed.to_string(), ours.to_string());
        }
    }

    #[test]
    fn the_refused_argument_is_named() {
        let said = "PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'invoice-mail.dead' in vhost '/': received the value '1000000' of type 'signedint' but current is '5'";
        assert_eq!(quoted(said), Some("x-delivery-limit"));
        assert_eq!(quoted("PRECONDITION_FAILED"), None);
    }
}
