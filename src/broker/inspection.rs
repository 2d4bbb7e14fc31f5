//! What stands in the broker, looked at without changing anything.

use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{ErrorKind, ExchangeKind};

use super::connection::{Connection, ConnectionError, answer};
use super::topology::{Topology, TopologyError, compare};
use super::url::BrokerUrl;

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
    /// How it stands; `None` if it is not there.
    pub found: Option<QueueCounts>,
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
        let found = queue(&connection, name).await?;
        inspection.queues.push(QueueState { name: name.clone(), found });
        if found.is_some() {
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
async fn queue(connection: &Connection, name: &str) -> Result<Option<QueueCounts>, ConnectionError> {
    let channel = connection.channel().await?;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let declare = channel.queue_declare(name.into(), options, FieldTable::default());
    let found = unless_missing(answer("look for a queue", &channel, declare).await)?;
    Ok(found.map(|queue| QueueCounts { ready: queue.message_count(), consumers: queue.consumer_count() }))
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
