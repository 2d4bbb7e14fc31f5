//! The dead-letter queue in the broker: a mirror of the dead letters in the database, which is authoritative.
//!
//! The database marks a dead letter `pending`; this task publishes it and then marks it `published`, so an outage of
//! the broker delays it and loses nothing. Whatever is concluded by our own tools is taken out again by a pass over the
//! whole queue ([`crate::broker::mirror::pass`]). One worker is elected to do both: two would publish everything twice.
//!
//! A dead letter whose cause changes is published once more, and the pass takes the copy with the old cause out.
//!
//! A crash between a confirm and its mark leaves a second copy in the queue. It does no harm, and a check now and then
//! notices that the queue is longer than it should be and starts a pass, which removes it. It also notices that the
//! queue is shorter, as after a purge: what two passes in a row do not find is published again. Not after the first:
//! another consumer may hold it and put it back, or move it to the intake at this moment.

pub(super) mod mirror_error;
pub(super) mod pass;

use crate::broker::mirror::mirror_error::{LEASE, MirrorError, count, taken};
use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use lapin::BasicProperties;
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Messages};
use super::headers;
use super::publisher::{Outgoing, Published, Publisher};
use super::topology::{Topology, establish};
use super::url::BrokerUrl;
use crate::backoff::Delays;
use crate::clock::{Clock, Timestamp};
use crate::failpoint::{self, Failpoint};
use crate::model::ids::DeadLetterId;
use crate::model::outbox::{DeadLetterOutbox, PendingDeadLetter};
use crate::model::reason::ReasonCode;
use pass::{Pass, QueueLook, look_at};

/// Dead letters in one step of publishing.
const PUBLISH_COUNT_MAX: usize = 200;
/// Dead letters in one statement that has them published again.
const REFILL_COUNT_MAX: usize = 1_000;

/// How often the mirror does what.
#[derive(Debug, Clone, Copy)]
pub struct MirrorIntervals {
    /// Between two looks for dead letters to publish.
    pub look: Duration,
    /// Between two passes that remove concluded ones.
    pub pass: Duration,
    /// Between two checks of the queue's length, which find second copies and what is missing.
    pub check: Duration,
}

impl Default for MirrorIntervals {
    fn default() -> Self {
        Self { look: Duration::from_secs(1), pass: Duration::from_secs(15), check: Duration::from_mins(10) }
    }
}

/// Keeps the mirror.
pub struct Mirror<Outbox> {
    url: BrokerUrl,
    topology: Topology,
    outbox: Outbox,
    clock: Clock,
    /// Between attempts while something is away.
    delays: Delays,
    intervals: MirrorIntervals,
    publisher: Publisher,
    /// When the last pass ended and the last check was made; never, if this worker was elected just now.
    passed_at: Option<Timestamp>,
    checked_at: Option<Timestamp>,
    /// Messages in the queue that are no dead letters that the database knows.
    foreign: u64,
    /// Open dead letters that should stand in the queue and that the last pass did not meet.
    missed: HashSet<DeadLetterId>,
    /// What was said last about trouble, so that an outage is one line in the log.
    said: Option<String>,
}

impl<Outbox> fmt::Debug for Mirror<Outbox> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror").field("url", &self.url).finish_non_exhaustive()
    }
}

impl<Outbox: DeadLetterOutbox> Mirror<Outbox> {
    /// A mirror that is not kept yet.
    pub fn new(url: BrokerUrl, topology: Topology, outbox: Outbox, clock: Clock) -> Self {
        let publisher = Publisher::new(url.clone(), topology.clone(), clock.clone()).handing_on();
        let delays = Delays::for_server(&clock);
        Self {
            url,
            topology,
            outbox,
            clock,
            delays,
            intervals: MirrorIntervals::default(),
            publisher,
            passed_at: None,
            checked_at: None,
            foreign: 0,
            missed: HashSet::new(),
            said: None,
        }
    }

    /// The same, more or less often.
    #[must_use]
    pub fn with_intervals(self, intervals: MirrorIntervals) -> Self {
        Self { intervals, ..self }
    }

    /// The same with other delays while something is away.
    #[must_use]
    pub fn with_delays(self, delays: Delays) -> Self {
        Self { delays, ..self }
    }

    /// Keeps the mirror until `shutdown`. What is under way then is left as it is: every step may be repeated.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let Some(round) = shutdown.run_until_cancelled(self.round()).await else { break };
            let pause = match round {
                Ok(()) => {
                    self.delays.reset();
                    self.said = None;
                    self.intervals.look
                }
                Err(trouble) => {
                    self.log(&trouble);
                    self.delays.next_delay()
                }
            };
            if shutdown.run_until_cancelled(self.clock.sleep(pause)).await.is_none() {
                break;
            }
        }
        if let Err(away) = self.outbox.release_mirror_lease().await {
            tracing::debug!("failed to release the lease of the dead-letter mirror; it expires: {away}");
        }
        self.publisher.close().await;
    }

    /// Brings the mirror up to date, if this worker is the one to do it.
    async fn round(&mut self) -> Result<(), MirrorError> {
        if !self.outbox.hold_mirror_lease(LEASE).await? {
            // Its present holder may leave anything behind.
            (self.passed_at, self.checked_at) = (None, None);
            self.missed.clear();
            return Ok(());
        }
        self.publish_pending().await?;
        if self.is_over(self.passed_at, self.intervals.pass) {
            let concluded = self.outbox.to_remove().await?;
            let check = !self.missed.is_empty() || self.is_over(self.checked_at, self.intervals.check);
            if !concluded.is_empty() || check {
                self.clean(concluded).await?;
            }
            self.passed_at = Some(self.clock.now());
        }
        Ok(())
    }

    fn is_over(&self, since: Option<Timestamp>, interval: Duration) -> bool {
        since.is_none_or(|since| self.clock.now().since(since) >= interval)
    }

    /// Publishes what is pending and open; then marks it.
    async fn publish_pending(&self) -> Result<(), MirrorError> {
        loop {
            let letters = self.outbox.next_to_publish(PUBLISH_COUNT_MAX).await?;
            if letters.is_empty() {
                return Ok(());
            }
            if !self.outbox.hold_mirror_lease(LEASE).await? {
                return Err(MirrorError::LeaseLost);
            }
            let ids: Vec<DeadLetterId> = letters.iter().map(|letter| letter.id).collect();
            let open = self.outbox.still_open(&ids).await?;
            let (open, concluded): (Vec<_>, Vec<_>) =
                letters.into_iter().partition(|letter| open.contains_key(&letter.id));
            if !concluded.is_empty() {
                self.outbox.mark_removed(&concluded.iter().map(|letter| letter.id).collect::<Vec<_>>()).await?;
            }
            let messages: Vec<Outgoing> = open.iter().map(|letter| self.message(letter)).collect();
            failpoint::reach(Failpoint::BeforeMirror);
            let published = self.publisher.publish(&messages).await?;
            failpoint::reach(Failpoint::AfterMirrorConfirm);
            let confirmed: Vec<DeadLetterId> = open
                .iter()
                .zip(&published)
                .filter_map(|(letter, published)| (*published == Published::Confirmed).then_some(letter.id))
                .collect();
            self.outbox.mark_published(&confirmed).await?;
            failpoint::reach(Failpoint::AfterMirrorMark);
            count("published", confirmed.len());
            taken(&self.topology.dead, &published)?;
        }
    }

    /// Removes what is concluded from the queue, if there is any, or if the queue is longer or shorter than it should
    /// be.
    async fn clean(&mut self, concluded: Vec<DeadLetterId>) -> Result<(), MirrorError> {
        let connection = Connection::open_for(&self.url, "dead-letter mirror", Messages::Whole).await?;
        establish(&connection, &self.topology).await?;
        // Before the look: nothing is published beside this, so that each of them stands there or is held by a
        // consumer.
        let standing = self.outbox.published_and_open().await?;
        let look = look_at(&connection, &self.topology.dead).await?;
        let by_right = standing + self.foreign;
        if !concluded.is_empty() || look.ready > by_right || (look.ready < by_right && !look.is_consumed) {
            let expected = self.outbox.standing().await?;
            let pass = Pass {
                queue: &self.topology.dead,
                connection: &connection,
                publisher: &self.publisher,
                outbox: &self.outbox,
                clock: &self.clock,
            };
            let report = pass.run(look.ready, concluded).await?;
            self.foreign = report.foreign;
            tracing::info!(
                removed = report.removed,
                second_copies = report.second_copies,
                kept = report.kept,
                unknown = report.foreign,
                "removed concluded dead letters from queue {}",
                self.topology.dead
            );
            self.refill(expected, report.met, look).await?;
        } else {
            self.missed.clear();
        }
        self.checked_at = Some(self.clock.now());
        connection.close().await;
        Ok(())
    }

    /// Has published again what two passes in a row did not meet.
    async fn refill(
        &mut self,
        expected: HashSet<DeadLetterId>,
        met: Option<HashSet<DeadLetterId>>,
        look: QueueLook,
    ) -> Result<(), MirrorError> {
        let (missed, lost) = judge_missing(expected, met.filter(|_| !look.is_consumed), &self.missed);
        self.missed = missed;
        if lost.is_empty() {
            return Ok(());
        }
        for ids in lost.chunks(REFILL_COUNT_MAX) {
            if !self.outbox.hold_mirror_lease(LEASE).await? {
                return Err(MirrorError::LeaseLost);
            }
            self.outbox.publish_again(ids).await?;
        }
        count("published_again", lost.len());
        tracing::warn!(
            letters = lost.len(),
            "{} open dead letters had left queue {}, purged or taken by hand: they are published again",
            lost.len(),
            self.topology.dead
        );
        Ok(())
    }

    fn message(&self, letter: &PendingDeadLetter) -> Outgoing {
        let content_type = match letter.class {
            ReasonCode::Malformed | ReasonCode::Poison => "application/octet-stream",
            _ => "application/cloudevents+json",
        };
        Outgoing {
            exchange: String::new(),
            routing_key: self.topology.dead.clone(),
            mandatory: true,
            properties: BasicProperties::default()
                .with_content_type(content_type.into())
                .with_headers(headers::of_dead_letter(letter)),
            body: letter.body.clone(),
        }
    }

    fn log(&mut self, trouble: &MirrorError) {
        let reason = trouble.to_string();
        if self.said.as_deref() != Some(&reason) {
            tracing::warn!(broker = %self.url, "the dead-letter queue is not up to date: {reason}");
            self.said = Some(reason);
        }
    }
}

/// What the pass before this one missed too is lost; the rest of what is missing waits for the next. A pass that has
/// not seen the whole queue, or not alone, says nothing.
fn judge_missing(
    expected: HashSet<DeadLetterId>,
    met: Option<HashSet<DeadLetterId>>,
    missed_before: &HashSet<DeadLetterId>,
) -> (HashSet<DeadLetterId>, Vec<DeadLetterId>) {
    let Some(met) = met else { return (HashSet::new(), Vec::new()) };
    let missing = expected.into_iter().filter(|id| !met.contains(id));
    let (lost, missed): (Vec<_>, Vec<_>) = missing.partition(|id| missed_before.contains(id));
    (missed.into_iter().collect(), lost)
}
