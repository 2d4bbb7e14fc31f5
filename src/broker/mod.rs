//! RabbitMQ: events in, dead letters out. Nothing outside this module knows AMQP.
//!
//! - [`Consumer`] brings events to the intake.
//! - [`Publisher`] publishes, each message confirmed.
//! - [`Outcomes`] publishes to the billing system what became of its invoices ([`OutcomeOutbox`](crate::model::outbox::OutcomeOutbox)).
//! - [`Mirror`] keeps the dead-letter queue equal to the dead letters in the database ([`DeadLetterOutbox`](crate::model::outbox::DeadLetterOutbox)).

mod connection;
mod consumer;
mod guard;
mod headers;
mod inspection;
mod mirror;
mod outcomes;
mod publisher;
mod tls;
mod topology;
mod url;

pub use connection::ConnectionError;
pub use consumer::{Consumer, ConsumerStatus, RECONNECT_REASONS};
pub use inspection::{Inspection, QueueCounts, QueueFound, QueueState, inspect};
pub use mirror::mirror_error::MIRROR_ACTIONS;
pub use mirror::{Mirror, MirrorIntervals};
pub use outcomes::Outcomes;
pub use publisher::{PublishError, Published, Publisher};
pub use topology::{Topology, TopologyError, TopologyMode};
pub use url::{BrokerUrl, BrokerUrlError};
