//! Messages to the broker, each confirmed.
//!
//! Publishing has a connection of its own: when the broker's memory is short it stops reading from connections that
//! publish, and acks must not wait behind that.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Confirmation, PublisherConfirm};
use tokio::sync::Mutex;

use super::connection::{Connection, ConnectionError, Messages, answer, answer_within};
use super::topology::{Topology, TopologyError, establish};
use super::url::BrokerUrl;
use crate::clock::Clock;

/// Messages on their way before the first has to be confirmed.
const WINDOW: usize = 1_000;
/// For the broker to confirm a window. It fsyncs on a quorum of nodes first.
const CONFIRM_TIME_MAX: Duration = Duration::from_mins(1);
/// The message survives a restart of the broker (AMQP 0-9-1: delivery-mode 2).
const PERSISTENT: u8 = 2;

/// One message to be published.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    /// Where to; the empty name is the default exchange, which leads to the queue that the key names.
    pub(super) exchange: String,
    pub(super) routing_key: String,
    /// Whether the broker says so if no queue takes it; otherwise it confirms what it has dropped.
    pub(super) mandatory: bool,
    /// What it says about itself. Its id and that it is persistent are added.
    pub(super) properties: BasicProperties,
    pub(super) body: Bytes,
}

/// What became of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The broker has it, on disk, in at least one queue (or in none, where none has to take it).
    Confirmed,
    /// No queue takes it: the exchange leads nowhere for this key. The broker has dropped it.
    Unroutable,
    /// The broker refused it: a queue is full or not available.
    Refused,
}

/// Why it is not known what became of the messages: none, some or all of them were taken. Publishing them again is
/// safe.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The connection failed.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// What should take the messages does not stand.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The broker reads nothing from us until it has memory and disk again.
    #[error("the broker has blocked publishing: its memory or disk is short")]
    Blocked,
}

/// Publishes, over a connection that is made when it is needed and again when it was lost.
pub struct Publisher {
    url: BrokerUrl,
    topology: Topology,
    clock: Clock,
    messages: Messages,
    link: Mutex<Option<Link>>,
}

/// An open connection and the one channel on it.
struct Link {
    connection: Connection,
    channel: lapin::Channel,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Publisher {
    /// A publisher that has not connected yet.
    #[must_use]
    pub fn new(url: BrokerUrl, topology: Topology, clock: Clock) -> Self {
        Self { url, topology, clock, messages: Messages::Any, link: Mutex::new(None) }
    }

    /// The same, for messages that others have made too: their properties may be as large as the broker allows.
    #[must_use]
    pub(super) fn handing_on(self) -> Self {
        Self { messages: Messages::Whole, ..self }
    }

    /// Publishes invoice-sent events, as the billing system does: CloudEvents in structured mode.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn publish_events(&self, events: &[Bytes]) -> Result<Vec<Published>, PublishError> {
        let message = |body: &Bytes| Outgoing {
            exchange: self.topology.billing.clone(),
            routing_key: self.topology.invoice_sent.clone(),
            mandatory: true,
            properties: BasicProperties::default().with_content_type("application/cloudevents+json".into()),
            body: body.clone(),
        };
        self.publish(&events.iter().map(message).collect::<Vec<_>>()).await
    }

    /// Publishes, and returns what became of each message, in the same order.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub(super) async fn publish(&self, messages: &[Outgoing]) -> Result<Vec<Published>, PublishError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let mut slot = self.link.lock().await;
        // Taken out while in use: after an error, or when the caller stops waiting, it is not used again.
        let link = match slot.take() {
            Some(link) if link.is_open() => link,
            _ => self.connect().await?,
        };
        let mut results = Vec::with_capacity(messages.len());
        for window in messages.chunks(WINDOW) {
            let publish = self.publish_window(&link, window);
            match answer_within(CONFIRM_TIME_MAX, "publish", || !link.is_open(), publish).await {
                Ok(published) => results.extend(published),
                Err(ConnectionError::Timeout { .. }) if link.connection.is_blocked() => {
                    return Err(PublishError::Blocked);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if results.contains(&Published::Unroutable) {
            // What should take them was deleted: the next connection declares it again.
            link.connection.close().await;
        } else {
            *slot = Some(link);
        }
        Ok(results)
    }

    /// Closes the connection.
    pub async fn close(self) {
        if let Some(link) = self.link.into_inner() {
            link.connection.close().await;
        }
    }

    async fn connect(&self) -> Result<Link, PublishError> {
        let connection = Connection::open_for(&self.url, "publishing", self.messages).await?;
        establish(&connection, &self.topology).await?;
        let channel = connection.channel().await?;
        answer("turn confirms on", &channel, channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(Link { connection, channel })
    }

    /// Publishes all, then waits for all confirms.
    async fn publish_window(&self, link: &Link, window: &[Outgoing]) -> lapin::Result<Vec<Published>> {
        let mut confirms: Vec<(ShortString, PublisherConfirm)> = Vec::with_capacity(window.len());
        for message in window {
            let message_id = ShortString::from(self.clock.new_id().to_string());
            let confirm = link
                .channel
                .basic_publish(
                    message.exchange.as_str().into(),
                    message.routing_key.as_str().into(),
                    BasicPublishOptions { mandatory: message.mandatory, ..BasicPublishOptions::default() },
                    &message.body,
                    message.properties.clone().with_message_id(message_id.clone()).with_delivery_mode(PERSISTENT),
                )
                .await?;
            confirms.push((message_id, confirm));
        }
        let mut accepted = Vec::with_capacity(window.len());
        let mut returned = HashSet::new();
        for (message_id, confirm) in confirms {
            let confirmation = confirm.await?;
            accepted.push((message_id, confirmation.is_ack()));
            // lapin may hand a returned message over with another one's confirmation; its id shows whose it is.
            if let Confirmation::Ack(Some(back)) | Confirmation::Nack(Some(back)) = confirmation {
                returned.extend(back.delivery.properties.message_id().clone());
            }
        }
        let verdict = |(message_id, accepted): (ShortString, bool)| match accepted {
            _ if returned.contains(&message_id) => Published::Unroutable,
            true => Published::Confirmed,
            false => Published::Refused,
        };
        Ok(accepted.into_iter().map(verdict).collect())
    }
}

impl Link {
    fn is_open(&self) -> bool {
        self.connection.is_open() && self.channel.status().connected()
    }
}
