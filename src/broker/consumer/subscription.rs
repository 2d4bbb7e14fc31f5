//! One queue being consumed: its channel, and batches of what comes by it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::Acker;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;

use crate::broker::connection::{Connection, ConnectionError, answer, answer_within, close_channel};
use crate::broker::guard::incoming_bodies::IncomingBodies;
use crate::model::incoming::WholeBody;

/// Bytes in a batch, give or take its last message: far less than may be in memory, so that the next batch comes in
/// while one is committed.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// For an ack to be handed to the socket.
const ACK_TIME_MAX: Duration = Duration::from_secs(30);

/// A queue being consumed, on a channel of its own.
pub(in crate::broker) struct Subscription {
    queue: String,
    channel: lapin::Channel,
    consumer: lapin::Consumer,
    bodies: Arc<IncomingBodies>,
    /// How it ended, while the messages that came before are still to be handed out.
    ended: Option<Ended>,
}

/// Why nothing comes any more.
#[derive(Debug, Clone, thiserror::Error)]
pub(in crate::broker) enum Ended {
    /// The connection or channel is gone.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The broker cancelled the consumer.
    #[error(
        "the broker cancelled the consumer of queue {0}: the queue was deleted, or a message was not acked within the broker's consumer_timeout"
    )]
    Cancelled(String),
    /// The broker cannot hand the queue over: as a rule no node leads it.
    #[error(
        "the broker cannot hand over queue {queue} ({said}); see \"A queue without a leader\" in docs/operations.md"
    )]
    Unavailable {
        queue: String,
        /// The broker's words.
        said: String,
    },
    /// Messages are at hand, but their channel is closed; they come again.
    #[error("the channel closed before its messages were acked; the broker hands them over again")]
    ChannelClosed,
}

/// Messages in the order in which they came, at least one, none acked yet; and the means to ack them.
pub(in crate::broker) struct Batch {
    /// lapin calls them deliveries.
    pub(in crate::broker) messages: Vec<Message>,
    /// Acks them all.
    pub(in crate::broker) receipt: Receipt,
}

/// One message, without the means to ack it: that is done by batch.
pub(in crate::broker) struct Message {
    pub(in crate::broker) body: Bytes,
    /// What the body was, if only its beginning is here.
    pub(in crate::broker) cut: Option<WholeBody>,
    pub(in crate::broker) properties: lapin::BasicProperties,
    pub(in crate::broker) redelivered: bool,
}

/// Acks one batch, on the channel that it came by.
pub(in crate::broker) struct Receipt {
    /// Of the last message.
    acker: Acker,
    bytes: u64,
    bodies: Arc<IncomingBodies>,
}

impl Subscription {
    /// Starts consuming `queue`.
    pub(in crate::broker) async fn open(connection: &Connection, queue: &str, prefetch: u16) -> Result<Self, Ended> {
        let channel = connection.channel().await?;
        // Before consuming: lapin's own buffer has no bound.
        answer("set the prefetch", &channel, channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        let consume = channel.basic_consume(
            queue.into(),
            // The broker chooses the tag.
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let consumer = answer("consume", &channel, consume).await.map_err(|error| {
            let said = match &error {
                // A replica that knows no leader keeps the question for 65 s, before RabbitMQ answers 541.
                ConnectionError::Timeout { .. } => Some("no reply in time to the request to consume it".to_owned()),
                other => other.internal_error(),
            };
            match said {
                Some(said) => Ended::Unavailable { queue: queue.to_owned(), said },
                None => Ended::Connection(error),
            }
        })?;
        let bodies = Arc::clone(connection.bodies());
        Ok(Self { queue: queue.to_owned(), channel, consumer, bodies, ended: None })
    }

    /// Waits for a message; returns it with all that are there already, `count_max` at most.
    ///
    /// Dropping the future loses nothing.
    pub(in crate::broker) async fn next_batch(&mut self, count_max: usize) -> Result<Batch, Ended> {
        if let Some(ended) = self.ended.take() {
            return Err(ended);
        }
        let first = self.consumer.next().await;
        let mut next = self.alive(first)?;
        let mut messages = Vec::new();
        let mut bytes = 0;
        loop {
            let incoming = next;
            bytes += incoming.data.len();
            let acker = incoming.acker.clone();
            messages.push(Message {
                cut: self.bodies.take_cut(self.channel.id(), incoming.delivery_tag),
                body: Bytes::from(incoming.data),
                properties: incoming.properties,
                redelivered: incoming.redelivered,
            });
            let full = messages.len() >= count_max || bytes >= BATCH_BYTES_MAX;
            let Some(more) = (if full { None } else { self.consumer.next().now_or_never() }) else {
                return Ok(Batch { messages, receipt: self.receipt(acker, bytes) });
            };
            match self.alive(more) {
                Ok(incoming) => next = incoming,
                // The queue is gone, and what we hold of it exists nowhere else now.
                Err(ended @ Ended::Cancelled(_)) => {
                    self.ended = Some(ended);
                    return Ok(Batch { messages, receipt: self.receipt(acker, bytes) });
                }
                Err(ended) => return Err(ended),
            }
        }
    }

    fn receipt(&self, acker: Acker, bytes: usize) -> Receipt {
        Receipt { acker, bytes: bytes as u64, bodies: Arc::clone(&self.bodies) }
    }

    /// A message that can still be acked. After a disconnect lapin hands out what it had buffered: that is left alone. So is
    /// what comes while the connection closes: it has no body.
    fn alive(&self, incoming: Option<lapin::Result<Delivery>>) -> Result<Delivery, Ended> {
        let incoming = incoming.ok_or_else(|| Ended::Cancelled(self.queue.clone()))?;
        let incoming = incoming.map_err(ConnectionError::from)?;
        let is_whole = !self.bodies.window.is_open();
        if is_whole && incoming.acker.usable() { Ok(incoming) } else { Err(Ended::ChannelClosed) }
    }

    /// Stops consuming, as the last thing done on its connection. What was not acked returns to the queue.
    pub(in crate::broker) async fn close(self) {
        // The answer comes behind all messages that were sent already.
        self.bodies.window.open();
        close_channel(&self.channel).await;
    }
}

impl Receipt {
    /// Acks the whole batch: nothing older is unacked on its channel, since batches are acked in order.
    pub(in crate::broker) async fn ack(self) -> Result<(), Ended> {
        // False, not an error, when the channel has closed meanwhile.
        let ack = self.acker.ack(BasicAckOptions { multiple: true });
        if answer_within(ACK_TIME_MAX, "ack", || self.acker.poisoned(), ack).await? {
            self.bodies.window.give_back(self.bytes);
            Ok(())
        } else {
            Err(Ended::ChannelClosed)
        }
    }
}
