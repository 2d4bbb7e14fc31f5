//! What stands in the broker, looked at. A message that arrives in that moment may be handed over once more than else.

use std::time::Duration;

use lapin::options::{BasicGetOptions, ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{ErrorKind, ExchangeKind};

use super::connection::{Connection, ConnectionError, answer, answer_within};
use super::topology::{Topology, TopologyError, compare};
use super::url::BrokerUrl;

/// For the leader of a queue to answer, which it does at once. Where there is none, RabbitMQ may wait for one for 65 s.
const LEADER_TIME_MAX: Duration = Duration::from_secs(10);

/// What stands in the broker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Every queue of ours, in the order in which they are made.
    pub queues: Vec<QueueState>,
    /// Exchanges of ours that are not there.
    pub missing_exchanges: Vec<String>,
    /// Queues and exchanges that are there with other arguments than ours, each with the broker's own words.
    pub different: Vec<(String, String)>,
    /// Queues and exchanges whose arguments our user may not ask for (no configure permission).
    pub uncompared: Vec<String>,
}

/// A queue of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueState {
    pub name: String,
    pub found: QueueFound,
}

/// What the broker says of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueFound {
    /// It is not there.
    Missing,
    /// It is there.
    Counted(QueueCounts),
    /// It is there, and the broker cannot hand it over: as a rule no node leads it.
    Unavailable {
        /// The broker's words.
        said: String,
    },
}

/// How a queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueCounts {
    /// Messages that wait; those in a consumer's hands are not among them.
    pub ready: u32,
    /// Who reads it.
    pub consumers: u32,
}

/// Connects, looks for every exchange and queue of `topology` (passive declare, AMQP 0-9-1 §1.6.2.1, §1.7.2.1), and
/// compares those that are there.
///
/// # Errors
/// If the broker cannot be reached or does not let us look.
pub async fn inspect(url: &BrokerUrl, topology: &Topology) -> Result<Inspection, ConnectionError> {
    let connection = Connection::open(url, "doctor").await?;
    let mut inspection = Inspection::default();
    for name in [&topology.dead, &topology.undelivered, &topology.dispatch] {
        let found = queue(&connection, url, name).await?;
        let is_there = found != QueueFound::Missing;
        inspection.queues.push(QueueState { name: name.clone(), found });
        if is_there {
            inspection.compare(&connection, topology, name).await?;
        }
    }
    for name in [&topology.billing, &topology.dead_letter_exchange, &topology.outcomes] {
        if exchange_exists(&connection, name).await? {
            inspection.compare(&connection, topology, name).await?;
        } else {
            inspection.missing_exchanges.push(name.clone());
        }
    }
    connection.close().await;
    Ok(inspection)
}

impl Inspection {
    async fn compare(
        &mut self,
        connection: &Connection,
        topology: &Topology,
        name: &str,
    ) -> Result<(), ConnectionError> {
        match compare(connection, topology, name).await {
            Ok(()) | Err(TopologyError::Missing { .. }) => {}
            Err(TopologyError::Inequivalent { what, said, .. }) => self.different.push((what, said)),
            Err(TopologyError::Forbidden { what, .. }) => self.uncompared.push(what),
            Err(TopologyError::Connection(error)) => return Err(error),
        }
        Ok(())
    }
}

/// On a channel of its own: a name that is not there ends the channel.
async fn queue(connection: &Connection, url: &BrokerUrl, name: &str) -> Result<QueueFound, ConnectionError> {
    let channel = connection.channel().await?;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let declare = channel.queue_declare(name.into(), options, FieldTable::default());
    let Some(queue) = unless_missing(answer("look for a queue", &channel, declare).await)? else {
        return Ok(QueueFound::Missing);
    };
    let counts = QueueCounts { ready: queue.message_count(), consumers: queue.consumer_count() };
    // Of a queue whose leader it cannot find, the broker says that it is empty; or what the replica at hand knew last.
    if counts.ready == 0
        && counts.consumers == 0
        && let Some(said) = unavailable(url, name).await?
    {
        return Ok(QueueFound::Unavailable { said });
    }
    Ok(QueueFound::Counted(counts))
}

/// Why the broker cannot hand over a queue that seems empty, if it cannot: only a leader can say that nothing is there
/// to get (AMQP 0-9-1 §1.8.3.10).
///
/// On a connection of its own, which the broker closes if the queue has no leader (541).
async fn unavailable(url: &BrokerUrl, name: &str) -> Result<Option<String>, ConnectionError> {
    let connection = Connection::open(url, "doctor").await?;
    let channel = connection.channel().await?;
    // A message that came meanwhile is not acked, and returns to the queue when the connection closes.
    let get = channel.basic_get(name.into(), BasicGetOptions { no_ack: false });
    let gone = || !channel.status().connected();
    match answer_within(LEADER_TIME_MAX, "get a message", gone, get).await {
        Ok(_) => {
            connection.close().await;
            Ok(None)
        }
        Err(ConnectionError::Timeout { .. }) => {
            Ok(Some(format!("no reply within {} s to a request for a message", LEADER_TIME_MAX.as_secs())))
        }
        Err(error) => match error.internal_error() {
            Some(said) => Ok(Some(said)),
            None if is_refusal(&error) => Ok(None),
            None => Err(error),
        },
    }
}

/// Whether the broker has answered that we may not: that says nothing of the queue's leader.
fn is_refusal(error: &ConnectionError) -> bool {
    match error {
        ConnectionError::Refused { .. } => true,
        ConnectionError::Lost(error) => {
            matches!(error.kind(), ErrorKind::ProtocolError(said) if matches!(said.kind(), AMQPErrorKind::Soft(_)))
        }
        ConnectionError::CaFile(_) | ConnectionError::Timeout { .. } | ConnectionError::Gone { .. } => false,
    }
}

async fn exchange_exists(connection: &Connection, name: &str) -> Result<bool, ConnectionError> {
    let channel = connection.channel().await?;
    let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    // The kind is not looked at by a passive declare.
    let declare = channel.exchange_declare(name.into(), ExchangeKind::Topic, options, FieldTable::default());
    Ok(unless_missing(answer("look for an exchange", &channel, declare).await)?.is_some())
}

/// 404 (not found) is an answer too.
fn unless_missing<T>(result: Result<T, ConnectionError>) -> Result<Option<T>, ConnectionError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(ConnectionError::Lost(error))
            if matches!(error.kind(), ErrorKind::ProtocolError(said)
                if matches!(said.kind(), AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND))) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
