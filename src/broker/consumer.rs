//! Events from the broker into the intake.
//!
//! One loop, supervised: wait for the database, connect, declare, consume; on any trouble drop everything, wait, begin
//! again. It never gives up. A message is acked on the channel it came by and only after the intake has taken it in;
//! whatever is not acked returns to its queue when the channel closes, so nothing is lost and the intake sees
//! some messages twice.

use std::fmt;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, ConnectionError};
use super::headers;
use super::subscription::{Batch, Ended, Message, Subscription};
use super::topology::{Topology, TopologyError, establish};
use super::url::BrokerUrl;
use crate::backoff::Delays;
use crate::clock::Clock;
use crate::failpoint::{self, Failpoint};
use crate::intake::{Incoming, TakesEvents, Unavailable, Via};
use crate::lifecycle::{Liveness, Pulse};

/// What the consumer is doing; for readiness and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsumerStatus {
    /// Events flow, or would if there were any.
    Consuming,
    /// There is no connection, and why.
    Reconnecting {
        /// One sentence.
        reason: String,
    },
    /// The database does not answer; nothing is consumed until it does. On purpose, so the process is ready.
    PausedForDatabase,
}

/// Why consuming stopped.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error(transparent)]
    Topology(TopologyError),
    #[error(transparent)]
    Ended(Ended),
    #[error(transparent)]
    Database(#[from] Unavailable),
}

impl Stopped {
    /// For the metric.
    fn label(&self) -> &'static str {
        match self {
            Self::Connection(ConnectionError::Timeout { .. }) => "timeout",
            Self::Connection(ConnectionError::Refused { .. } | ConnectionError::CaFile(_)) => "refused",
            Self::Connection(ConnectionError::Lost(_) | ConnectionError::Gone { .. }) => "connection_lost",
            Self::Topology(_) => "topology",
            Self::Ended(Ended::Cancelled(_)) => "queue_deleted",
            Self::Ended(_) => "channel_closed",
            Self::Database(_) => "database",
        }
    }
}

impl From<TopologyError> for Stopped {
    fn from(error: TopologyError) -> Self {
        match error {
            TopologyError::Connection(error) => Self::Connection(error),
            other => Self::Topology(other),
        }
    }
}

impl From<Ended> for Stopped {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Connection(error) => Self::Connection(error),
            other => Self::Ended(other),
        }
    }
}

/// Messages that the broker hands over before the first is acked: enough for the next batch to be there while one is
/// committed.
const PREFETCH: u16 = 500;
/// Messages in a batch: one commit.
const BATCH_COUNT_MAX: usize = 200;
/// A connection that stood this long was a good one: the next trouble is a first one again.
const STEADY_TIME: Duration = Duration::from_mins(1);

/// How long the loop waits for messages at most before it turns.
const IDLE_TURN: Duration = Duration::from_secs(20);

/// Brings events from the broker to the intake.
pub struct Consumer<Intake> {
    url: BrokerUrl,
    topology: Topology,
    intake: Intake,
    clock: Clock,
    prefetch: u16,
    /// Between attempts while something is away.
    delays: Delays,
    status: watch::Sender<ConsumerStatus>,
    /// What was said last about trouble, so that an outage is one line in the log.
    said: Option<String>,
    pulse: Pulse,
}

impl<Intake> fmt::Debug for Consumer<Intake> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("url", &self.url)
            .field("status", &*self.status.borrow())
            .finish_non_exhaustive()
    }
}

impl<Intake: TakesEvents> Consumer<Intake> {
    /// A consumer that has not begun yet.
    pub fn new(url: BrokerUrl, topology: Topology, intake: Intake, clock: Clock) -> Self {
        let begin = ConsumerStatus::Reconnecting { reason: "not connected yet".into() };
        let delays = Delays::for_server(&clock);
        Self {
            url,
            topology,
            intake,
            clock,
            prefetch: PREFETCH,
            delays,
            status: watch::Sender::new(begin),
            said: None,
            pulse: Liveness::default().pulse("consumer"),
        }
    }

    /// The same whose pulse beats where somebody looks.
    #[must_use]
    pub fn with_pulse(self, pulse: Pulse) -> Self {
        Self { pulse, ..self }
    }

    /// The same with other delays between attempts.
    #[must_use]
    pub fn with_delays(self, delays: Delays) -> Self {
        Self { delays, ..self }
    }

    /// The same with so many unacknowledged messages at most.
    #[must_use]
    pub fn with_prefetch(self, prefetch: u16) -> Self {
        Self { prefetch, ..self }
    }

    /// What it is doing, now and later.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<ConsumerStatus> {
        self.status.subscribe()
    }

    /// Consumes until `shutdown`; then the batch at hand is taken in and acked, and the connection closed.
    pub async fn run(mut self, shutdown: CancellationToken) {
        // Ends between attempts; within one, `consume` looks at `shutdown` itself and finishes its batch.
        while let Some(()) = shutdown.run_until_cancelled(self.pulse.during(self.intake.wait_until_reachable())).await {
            let Err(stopped) = self.attempt(&shutdown).await else { break };
            self.tell(&stopped);
            let delay = self.delays.next_delay();
            if shutdown.run_until_cancelled(self.pulse.during(self.clock.sleep(delay))).await.is_none() {
                break;
            }
        }
        self.pulse.done();
    }

    /// Connects and consumes until `shutdown` (then `Ok`) or trouble.
    async fn attempt(&mut self, shutdown: &CancellationToken) -> Result<(), Stopped> {
        let Some(connection) = shutdown.run_until_cancelled(Connection::open(&self.url, "intake")).await else {
            return Ok(());
        };
        let connection = connection?;
        let result = self.consume(&connection, shutdown).await;
        connection.close().await;
        result
    }

    /// Declares, consumes and acks on an open connection.
    async fn consume(&mut self, connection: &Connection, shutdown: &CancellationToken) -> Result<(), Stopped> {
        establish(connection, &self.topology).await?;
        let mut events = connection.events();
        let mut dispatch = Subscription::open(connection, &self.topology.dispatch, self.prefetch).await?;
        let mut undelivered = Subscription::open(connection, &self.topology.undelivered, self.prefetch).await?;
        let mut lost = std::pin::pin!(connection.lost());
        self.recovered();
        let since = self.clock.now();
        loop {
            self.pulse.beat();
            let (batch, given_up) = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(event) = events.next() => {
                    notice(&event);
                    continue;
                }
                // First, since it is rare and must not wait behind a full dispatch queue.
                batch = undelivered.next_batch(BATCH_COUNT_MAX) => (batch, true),
                batch = dispatch.next_batch(BATCH_COUNT_MAX) => (batch, false),
                error = &mut lost => return Err(error.into()),
                // Nothing comes, and the loop turns.
                () = tokio::time::sleep(IDLE_TURN) => continue,
            };
            if self.clock.now().since(since) >= STEADY_TIME {
                self.delays.reset();
            }
            self.take_in(batch?, given_up).await?;
            self.delays.reset();
        }
        dispatch.close().await;
        undelivered.close().await;
        Ok(())
    }

    /// Commits a batch, then acks it.
    async fn take_in(&self, batch: Batch, given_up: bool) -> Result<(), Stopped> {
        failpoint::reach(Failpoint::AfterReceive);
        let events = batch.messages.into_iter().map(|message| incoming(message, given_up)).collect();
        self.intake.take_in(events).await?;
        failpoint::reach(Failpoint::BeforeAck);
        batch.receipt.ack().await?;
        failpoint::reach(Failpoint::AfterAck);
        Ok(())
    }

    /// Counts why consuming stopped, shows it, and logs it unless that was the last thing said.
    fn tell(&mut self, stopped: &Stopped) {
        metrics::counter!("invoice_mail_amqp_reconnects_total", "reason" => stopped.label()).increment(1);
        let reason = stopped.to_string();
        self.status.send_replace(match stopped {
            Stopped::Database(_) => ConsumerStatus::PausedForDatabase,
            _ => ConsumerStatus::Reconnecting { reason: reason.clone() },
        });
        if self.said.as_deref() != Some(&reason) {
            tracing::warn!(broker = %self.url, reason = stopped.label(), "consuming events stopped: {reason}");
            self.said = Some(reason);
        }
    }

    fn recovered(&mut self) {
        self.status.send_replace(ConsumerStatus::Consuming);
        self.said = None;
        tracing::info!(broker = %self.url, queue = %self.topology.dispatch, "consuming events");
    }
}

/// A message as the intake takes it.
fn incoming(message: Message, given_up: bool) -> Incoming {
    let dead_letter_id = headers::dead_letter_id(&message.properties);
    Incoming { body: message.body, via: Via::Amqp, redelivered: message.redelivered, dead_letter_id, given_up }
}

/// Logs what the broker says about the connection; errors end the lanes by themselves and are told there.
pub(super) fn notice(event: &lapin::Event) {
    match event {
        lapin::Event::ConnectionBlocked(reason) => {
            tracing::warn!("the broker has blocked the connection ({reason}): its memory or disk is short");
        }
        lapin::Event::ConnectionUnblocked => tracing::info!("the broker has unblocked the connection"),
        _ => {}
    }
}
