//! Events from the broker into the intake.
//!
//! One supervised loop: wait for the database, connect, declare, consume; on any error drop the connection, wait, begin
//! again. It never gives up, and consumes around a message that makes the connection fail ([`super::suspicion`]). A
//! message is acked on the channel it came by, and only after the intake has committed it. What is not acked returns to
//! its queue when the channel closes: nothing is lost, and the intake may see a message twice.

mod status;
mod stopped;
pub(super) mod subscription;
pub(super) mod suspicion;
pub(super) mod window;

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Messages};
use super::guard::incoming_bodies::BodyLimit;
use super::headers;
use super::topology::{Topology, establish};
use super::url::BrokerUrl;
use crate::backoff::Delays;
use crate::clock::Clock;
use crate::failpoint::{self, Failpoint};
use crate::lifecycle::{Liveness, Pulse};
use crate::model::incoming::{BODY_BYTES_KEPT, BODY_BYTES_MAX, Incoming, TakesEvents, Via};
pub use status::ConsumerStatus;
pub use stopped::RECONNECT_REASONS;
use stopped::{SeenMessages, Stopped};
use subscription::{Batch, Ended, Message, Subscription};
use suspicion::{AttemptEnd, ConsumePlan, QueueSource, Suspicion};

/// Messages that the broker hands over before the first is acked: enough for the next batch to be there while one is
/// committed.
const PREFETCH: u16 = 500;
/// Messages in a batch: one commit.
const BATCH_COUNT_MAX: usize = 200;
/// Of a body that is larger than an event may be: enough to see what it is.
const BODY_LIMIT: BodyLimit = BodyLimit { bytes_max: BODY_BYTES_MAX as u64, bytes_kept: BODY_BYTES_KEPT as u64 };
/// For a queue that is consumed alone: the time without a message, or at all, after which the other one has its turn.
const QUIET_TIME: Duration = Duration::from_secs(1);
const TURN_TIME_MAX: Duration = Duration::from_secs(30);
/// Messages after which a careful turn is over: more than came with the message that made the connection fail.
const TURN_COUNT_MAX: usize = 1_000;
/// A connection that stood this long was a good one: the next trouble is a first one again.
const STEADY_TIME: Duration = Duration::from_mins(1);

/// For the answer of a connection that has just failed.
const LAST_ANSWER_TIME: Duration = Duration::from_secs(1);

/// Reasons that are remembered as logged.
const SAID_MAX: usize = 16;

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
    suspicion: Suspicion,
    /// What is shown while a queue is hindered, also while the other one is consumed.
    hindrance: Option<ConsumerStatus>,
    /// How often the database has refused events since it took some.
    database_stops: u32,
    /// What was said about trouble since all was well, so that an outage is one line in the log.
    said: HashSet<String>,
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
            suspicion: Suspicion::default(),
            hindrance: None,
            database_stops: 0,
            said: HashSet::new(),
            pulse: Liveness::default().pulse("consumer"),
        }
    }

    /// The same, with a pulse that is watched.
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
            let mut seen = SeenMessages::default();
            let stopped = match self.attempt(&mut seen, &shutdown).await {
                Ok(Finished::Shutdown) => break,
                Ok(Finished::TurnOver) => {
                    self.suspicion.note(AttemptEnd::TurnOver);
                    continue;
                }
                Err(stopped) => stopped,
            };
            let consumed = match self.suspicion.plan() {
                ConsumePlan::Alone { source, .. } => Some(source),
                ConsumePlan::Together => None,
            };
            self.suspicion.note(stopped.end(&seen));
            if self.suspicion.hindered().is_some() && !self.suspicion.is_all_hindered() {
                // The other queue is not to wait; and the broker gives the message up after so many tries.
                self.delays.reset();
            }
            self.log(&stopped, &seen, consumed);
            let delay = self.delays.next_delay();
            if shutdown.run_until_cancelled(self.pulse.during(self.clock.sleep(delay))).await.is_none() {
                break;
            }
        }
        self.pulse.done();
    }

    /// Connects and consumes until `shutdown`, the end of the turn, or trouble.
    async fn attempt(&mut self, seen: &mut SeenMessages, shutdown: &CancellationToken) -> Result<Finished, Stopped> {
        let connect = Connection::open_for(&self.url, "intake", Messages::Events(BODY_LIMIT));
        let Some(connection) = shutdown.run_until_cancelled(connect).await else {
            return Ok(Finished::Shutdown);
        };
        let connection = connection?;
        let result = match establish(&connection, &self.topology).await {
            Ok(()) => match self.suspicion.plan() {
                ConsumePlan::Together => self.consume(&connection, seen, shutdown).await,
                ConsumePlan::Alone { source, careful } => {
                    self.consume_alone(&connection, source, careful, seen, shutdown).await
                }
            },
            Err(error) => Err(error.into()),
        };
        seen.last = connection.bodies().last_message();
        connection.close().await;
        result
    }

    /// Consumes both queues on an open connection.
    async fn consume(
        &mut self,
        connection: &Connection,
        seen: &mut SeenMessages,
        shutdown: &CancellationToken,
    ) -> Result<Finished, Stopped> {
        let mut events = connection.events();
        // From here on messages come, also before the broker has answered.
        seen.began = true;
        let opening = Subscription::open(connection, &self.topology.dispatch, self.prefetch);
        let Some(dispatch) = shutdown.run_until_cancelled(opening).await else { return Ok(Finished::Shutdown) };
        let mut dispatch = dispatch?;
        // The answers for this queue come behind the messages of the other one, which have to be taken in meanwhile: of
        // those no more is read than may be in memory.
        let topology = self.topology.clone();
        let mut opening = std::pin::pin!(Subscription::open(connection, &topology.undelivered, self.prefetch));
        let mut undelivered: Option<Subscription> = None;
        let mut lost = std::pin::pin!(connection.lost());
        let mut since = self.clock.now();
        loop {
            self.pulse.beat();
            let (batch, given_up) = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(event) = events.next() => {
                    notice(&event);
                    continue;
                }
                opened = &mut opening, if undelivered.is_none() => {
                    undelivered = Some(opened?);
                    self.recovered();
                    since = self.clock.now();
                    continue;
                }
                // First, since it is rare and must not wait behind a full dispatch queue.
                batch = next_batch(&mut undelivered) => (batch, true),
                batch = dispatch.next_batch(BATCH_COUNT_MAX) => (batch, false),
                error = &mut lost => return Err(error.into()),
                // Nothing comes, and the loop turns.
                () = tokio::time::sleep(IDLE_TURN) => continue,
            };
            if undelivered.is_some() && self.clock.now().since(since) >= STEADY_TIME {
                seen.progressed = true;
                self.delays.reset();
            }
            let batch = batch?;
            // An ack may be lost with the connection: what came before says nothing, however often it is taken in.
            let is_new = batch.messages.iter().any(|message| !message.redelivered);
            if let Err(stopped) = self.take_in(batch, given_up).await {
                // What ended the connection may be the answer for the second queue, which says more.
                if undelivered.is_none()
                    && !matches!(stopped, Stopped::Database(_))
                    && let Ok(Err(ended @ Ended::Unavailable { .. })) =
                        tokio::time::timeout(LAST_ANSWER_TIME, &mut opening).await
                {
                    return Err(ended.into());
                }
                return Err(stopped);
            }
            seen.progressed |= is_new;
            self.database_stops = 0;
            self.delays.reset();
        }
        dispatch.close().await;
        if let Some(undelivered) = undelivered {
            undelivered.close().await;
        }
        Ok(Finished::Shutdown)
    }

    /// Consumes one queue on an open connection, until its turn is over.
    async fn consume_alone(
        &mut self,
        connection: &Connection,
        source: QueueSource,
        careful: bool,
        seen: &mut SeenMessages,
        shutdown: &CancellationToken,
    ) -> Result<Finished, Stopped> {
        let prefetch = if careful { 1 } else { self.prefetch };
        seen.began = true;
        let opening = Subscription::open(connection, self.queue(source), prefetch);
        let Some(opened) = shutdown.run_until_cancelled(opening).await else { return Ok(Finished::Shutdown) };
        let mut subscription = opened?;
        let mut lost = std::pin::pin!(connection.lost());
        self.recovered();
        // A queue of events that flows waits for the next one all its turn long: an idle one costs no connections.
        let quiet_time = if careful || source == QueueSource::Undelivered { QUIET_TIME } else { TURN_TIME_MAX };
        let (since, mut count) = (self.clock.now(), 0);
        let finished = loop {
            self.pulse.beat();
            let batch = tokio::select! {
                biased;
                () = shutdown.cancelled() => break Finished::Shutdown,
                batch = subscription.next_batch(BATCH_COUNT_MAX) => batch?,
                error = &mut lost => return Err(error.into()),
                () = self.clock.sleep(quiet_time) => break Finished::TurnOver,
            };
            count += batch.messages.len();
            self.take_in(batch, source == QueueSource::Undelivered).await?;
            self.database_stops = 0;
            // One message at a time: the next one comes when this ack has arrived.
            seen.progressed = true;
            connection.bodies().forget_last_message();
            let is_over = self.clock.now().since(since) >= TURN_TIME_MAX || (careful && count >= TURN_COUNT_MAX);
            if is_over {
                break Finished::TurnOver;
            }
        };
        subscription.close().await;
        Ok(finished)
    }

    fn queue(&self, source: QueueSource) -> &str {
        match source {
            QueueSource::Dispatch => &self.topology.dispatch,
            QueueSource::Undelivered => &self.topology.undelivered,
        }
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

    /// Counts why consuming stopped, shows it, and logs it unless that was said before.
    fn log(&mut self, stopped: &Stopped, seen: &SeenMessages, consumed: Option<QueueSource>) {
        metrics::counter!("invoice_mail_amqp_reconnects_total", "reason" => stopped.label()).increment(1);
        let (status, reason) = self.judge(stopped, seen, consumed);
        self.status.send_replace(status);
        if self.said.len() >= SAID_MAX {
            self.said.clear();
        }
        if self.said.insert(reason.clone()) {
            tracing::warn!(broker = %self.url, reason = stopped.label(), "consuming events stopped: {reason}");
        }
    }

    /// What to show, and what to log. `consumed` is the queue that was consumed alone.
    fn judge(
        &mut self,
        stopped: &Stopped,
        seen: &SeenMessages,
        consumed: Option<QueueSource>,
    ) -> (ConsumerStatus, String) {
        let mut reason = stopped.to_string();
        if let Stopped::Database(_) = stopped {
            self.database_stops += 1;
            // It answers, and refuses events again: that is no outage, which is waited for.
            let again = ConsumerStatus::Reconnecting { reason: format!("the database takes no events: {reason}") };
            return (if self.database_stops > 1 { again } else { ConsumerStatus::PausedForDatabase }, reason);
        }
        let Some(source) = self.suspicion.hindered() else {
            return (ConsumerStatus::Reconnecting { reason: reason.clone() }, reason);
        };
        let queue = self.queue(source);
        self.hindrance = match stopped {
            Stopped::Ended(Ended::Unavailable { queue: unavailable, .. }) if unavailable == queue => {
                Some(match source {
                    // No event comes.
                    QueueSource::Dispatch => ConsumerStatus::Reconnecting { reason: reason.clone() },
                    QueueSource::Undelivered => ConsumerStatus::Hindered { reason: reason.clone() },
                })
            }
            // The other one is shown already.
            Stopped::Ended(Ended::Unavailable { .. }) => self.hindrance.take(),
            _ if seen.began && !seen.progressed && consumed == Some(source) => {
                let message = seen.last.as_ref().map(|message| format!(" ({message})")).unwrap_or_default();
                reason = format!(
                    "the first message of queue {queue}{message} makes the connection fail each time ({reason}), and what stands behind it waits; see \"A message that makes the connection fail\" in docs/operations.md"
                );
                Some(ConsumerStatus::Hindered { reason: reason.clone() })
            }
            _ => self.hindrance.take(),
        };
        let shown = self.hindrance.clone();
        (shown.unwrap_or_else(|| ConsumerStatus::Reconnecting { reason: reason.clone() }), reason)
    }

    fn recovered(&mut self) {
        if self.suspicion.hindered().is_some()
            && let Some(hindrance) = &self.hindrance
        {
            self.status.send_replace(hindrance.clone());
            return;
        }
        self.hindrance = None;
        self.status.send_replace(ConsumerStatus::Consuming);
        self.said.clear();
        tracing::info!(broker = %self.url, queue = %self.topology.dispatch, "consuming events");
    }
}

/// Why an attempt ended in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finished {
    Shutdown,
    /// The other queue is to be consumed.
    TurnOver,
}

/// The next batch of a queue, once it is open.
async fn next_batch(subscription: &mut Option<Subscription>) -> Result<Batch, Ended> {
    match subscription {
        Some(subscription) => subscription.next_batch(BATCH_COUNT_MAX).await,
        None => std::future::pending().await,
    }
}

/// A message as the intake takes it.
fn incoming(message: Message, given_up: bool) -> Incoming {
    let dead_letter_id = headers::dead_letter_id(&message.properties);
    Incoming {
        body: message.body,
        whole: message.cut,
        via: Via::Amqp,
        redelivered: message.redelivered,
        dead_letter_id,
        given_up,
    }
}

/// Logs what the broker says about the connection; errors end the lanes by themselves and are logged there.
pub(super) fn notice(event: &lapin::Event) {
    match event {
        lapin::Event::ConnectionBlocked(reason) => {
            tracing::warn!("the broker has blocked the connection ({reason}): its memory or disk is short");
        }
        lapin::Event::ConnectionUnblocked => tracing::info!("the broker has unblocked the connection"),
        _ => {}
    }
}
