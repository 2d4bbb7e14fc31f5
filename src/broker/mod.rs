//! RabbitMQ: events in, dead letters out. Nothing outside this module knows AMQP.
//!
//! - [`Consumer`] brings events to the intake.
//! - [`Publisher`] publishes, each message confirmed.
//! - [`Outcomes`] tells the billing system what became of its invoices ([`OutcomeOutbox`](crate::model::outbox::OutcomeOutbox)).
//! - [`Mirror`] keeps the dead-letter queue equal to the dead letters in the database ([`DeadLetterOutbox`](crate::model::outbox::DeadLetterOutbox)).

mod connection;
mod consumer;
mod field_table;
mod frame_guard;
mod guarded_stream;
mod headers;
mod incoming_bodies;
mod inspection;
mod mirror;
mod mirror_error;
mod outcome_event;
mod outcomes;
mod pass;
mod publisher;
mod subscription;
mod suspicion;
mod tls;
mod topology;
mod url;
mod window;

pub use connection::ConnectionError;
pub use consumer::{Consumer, ConsumerStatus, RECONNECT_REASONS};
pub use inspection::{Inspection, QueueCounts, QueueState, inspect};
pub use mirror::{Mirror, MirrorIntervals};
pub use mirror_error::MIRROR_ACTIONS;
pub use outcomes::Outcomes;
pub use publisher::{PublishError, Published, Publisher};
pub use topology::{Topology, TopologyError, TopologyMode};
pub use url::{BrokerUrl, BrokerUrlError};
