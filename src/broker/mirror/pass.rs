//! One pass over the dead-letter queue, which removes what is concluded.
//!
//! A queue cannot be searched: to remove one message, all before it must be taken. So the pass takes as many messages
//! as stood there when it began, drops those that are concluded or stand there twice, and puts the others back at the
//! tail. Each is put back, and that confirmed, before it is acked: a crash leaves a second copy, never a gap.
//!
//! What the pass puts back carries its number. When another consumer takes messages meanwhile, the pass would come to
//! its own and mistake them for second copies; by the number it knows them, and ends.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use lapin::BasicProperties;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};

use super::mirror_error::{LEASE, MirrorError, count, taken};
use crate::broker::connection::{Connection, ConnectionError, answer, close_channel};
use crate::broker::consumer::subscription::{Batch, Message, Subscription};
use crate::broker::headers;
use crate::broker::publisher::{Outgoing, Publisher};
use crate::clock::{Clock, Timestamp};
use crate::model::ids::DeadLetterId;
use crate::model::outbox::DeadLetterOutbox;

/// Messages in one step: taken, looked up, put back, acked.
const STEP_COUNT_MAX: usize = 500;
/// Two steps' worth, so that the next is there when one ends.
const PREFETCH: u16 = 1_000;
/// How long the next message is waited for: if none comes, another consumer took those that were counted.
const NEXT_TIME_MAX: Duration = Duration::from_secs(5);
/// Names the pass that put a message back.
const PASS: &str = "dispatch-pass";

/// What one pass works on.
pub(in crate::broker) struct Pass<'a, Outbox> {
    pub(in crate::broker) queue: &'a str,
    pub(in crate::broker) connection: &'a Connection,
    pub(in crate::broker) publisher: &'a Publisher,
    pub(in crate::broker) outbox: &'a Outbox,
    pub(in crate::broker) clock: &'a Clock,
}

/// What one pass did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::broker) struct PassReport {
    /// Concluded dead letters taken out.
    pub(in crate::broker) removed: u64,
    /// Second copies taken out.
    pub(in crate::broker) second_copies: u64,
    /// Messages put back.
    pub(in crate::broker) kept: u64,
    /// Of those, messages that are no dead letters that the database knows.
    pub(in crate::broker) foreign: u64,
    /// The open dead letters that it met; of a queue that it has seen whole, else `None`.
    pub(in crate::broker) met: Option<HashSet<DeadLetterId>>,
}

/// How a queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::broker) struct QueueLook {
    /// Messages that are ready in it.
    pub(in crate::broker) ready: u64,
    /// Whether it has a consumer, and may hold messages that are not ready.
    pub(in crate::broker) is_consumed: bool,
}

/// Why a message may go, or that it may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LetterFate {
    /// An open dead letter.
    Keep,
    /// No dead letter that the database knows: another installation's, or from after the backup that the database was
    /// restored from, or something that was put there by hand. It may be the only copy.
    Foreign,
    Concluded(DeadLetterId),
    /// This pass has seen it before, or another copy names its present cause.
    SecondCopy,
}

/// What a message says of the dead letter that it is.
#[derive(Debug, Clone, Copy)]
struct LetterCopy<'a> {
    id: DeadLetterId,
    properties: &'a BasicProperties,
}

impl<'a> LetterCopy<'a> {
    fn of(properties: &'a BasicProperties) -> Option<Self> {
        headers::dead_letter_id(properties).map(|id| Self { id, properties })
    }
}

/// Looks at the queue.
pub(in crate::broker) async fn look_at(connection: &Connection, queue: &str) -> Result<QueueLook, ConnectionError> {
    let channel = connection.channel().await?;
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let declare = channel.queue_declare(queue.into(), passive, FieldTable::default());
    let found = answer("count the messages of a queue", &channel, declare).await?;
    close_channel(&channel).await;
    Ok(QueueLook { ready: u64::from(found.message_count()), is_consumed: found.consumer_count() > 0 })
}

impl<Outbox: DeadLetterOutbox> Pass<'_, Outbox> {
    /// Goes over the `count` messages that stand there now; `concluded` are those known to be concluded.
    pub(in crate::broker) async fn run(
        &self,
        count: u64,
        concluded: Vec<DeadLetterId>,
    ) -> Result<PassReport, MirrorError> {
        let begin = self.clock.now();
        let number = self.clock.new_id().to_string();
        let mut gone: HashSet<DeadLetterId> = concluded.into_iter().collect();
        let mut seen = HashSet::new();
        let mut report = PassReport::default();
        let mut left = usize::try_from(count).unwrap_or(usize::MAX);
        let mut is_whole = true;
        let mut subscription = Subscription::open(self.connection, self.queue, PREFETCH).await?;
        while left > 0 {
            metrics::gauge!("invoice_mail_dead_letter_pass_remaining")
                .set(f64::from(u32::try_from(left).unwrap_or(u32::MAX)));
            let next = subscription.next_batch(left.min(STEP_COUNT_MAX));
            let batch = tokio::select! {
                biased;
                batch = tokio::time::timeout(NEXT_TIME_MAX, next) => batch,
                error = self.connection.lost() => return Err(error.into()),
            };
            let Ok(batch) = batch else {
                // Not all were seen, so nothing can be said about those that were not.
                is_whole = false;
                break;
            };
            let batch = batch?;
            if batch.messages.iter().any(|message| is_of_pass(message, &number)) {
                is_whole = false;
                break;
            }
            left -= batch.messages.len();
            for id in self.step(batch, &number, &mut seen, &mut report).await? {
                gone.remove(&id);
            }
        }
        if is_whole {
            // The rest of the concluded ones is not in the queue any more: purged, or moved by hand.
            self.outbox.mark_removed(&gone.into_iter().collect::<Vec<_>>()).await?;
            report.met = Some(seen);
        }
        subscription.close().await;
        metrics::gauge!("invoice_mail_dead_letter_pass_remaining").set(0.0);
        metrics::histogram!("invoice_mail_dead_letter_pass_seconds")
            .record(self.clock.now().since(begin).as_secs_f64());
        Ok(report)
    }

    /// Looks one batch up, puts back what stays, acks all; returns what it removed.
    async fn step(
        &self,
        batch: Batch,
        number: &str,
        seen: &mut HashSet<DeadLetterId>,
        report: &mut PassReport,
    ) -> Result<Vec<DeadLetterId>, MirrorError> {
        if !self.outbox.hold_mirror_lease(LEASE).await? {
            return Err(MirrorError::LeaseLost);
        }
        let copies: Vec<_> = batch.messages.iter().map(|message| LetterCopy::of(&message.properties)).collect();
        let known: Vec<DeadLetterId> = copies.iter().flatten().map(|copy| copy.id).collect();
        // Concluded first: what is concluded in between is open here, and goes with the next pass.
        let concluded = self.outbox.concluded(&known).await?;
        let open = self.outbox.still_open(&known).await?;
        let verdicts = judge(&copies, &open, &concluded, seen);
        let (mut back, mut removed, mut second_copies, mut foreign) = (Vec::new(), Vec::new(), 0, 0);
        for (message, verdict) in batch.messages.into_iter().zip(verdicts) {
            match verdict {
                LetterFate::Concluded(id) => removed.push(id),
                LetterFate::SecondCopy => second_copies += 1,
                LetterFate::Keep => back.push(self.again(message, number)),
                LetterFate::Foreign => {
                    foreign += 1;
                    back.push(self.again(message, number));
                }
            }
        }
        taken(self.queue, &self.publisher.publish(&back).await?)?;
        batch.receipt.ack().await?;
        self.outbox.mark_removed(&removed).await?;
        count("removed", removed.len());
        count("second_copy", second_copies);
        count("kept", back.len());
        count("foreign", foreign);
        report.removed += removed.len() as u64;
        report.second_copies += second_copies as u64;
        report.kept += back.len() as u64;
        report.foreign += foreign as u64;
        Ok(removed)
    }

    /// The same message, for the tail of the queue.
    fn again(&self, message: Message, number: &str) -> Outgoing {
        let headers = message.properties.headers().clone().unwrap_or_default();
        let mut headers = headers::without_the_brokers(&headers);
        headers.insert(PASS.into(), AMQPValue::LongString(number.into()));
        Outgoing {
            exchange: String::new(),
            routing_key: self.queue.to_owned(),
            mandatory: true,
            properties: message.properties.with_headers(headers),
            body: message.body,
        }
    }
}

/// What becomes of each message, as a copy of a dead letter; of open ones it is known when they failed last.
fn judge(
    copies: &[Option<LetterCopy<'_>>],
    open: &HashMap<DeadLetterId, Timestamp>,
    concluded: &HashSet<DeadLetterId>,
    seen: &mut HashSet<DeadLetterId>,
) -> Vec<LetterFate> {
    let verdict = |copy: &Option<LetterCopy<'_>>| {
        let Some(LetterCopy { id, properties }) = *copy else { return LetterFate::Foreign };
        if concluded.contains(&id) {
            return LetterFate::Concluded(id);
        }
        match open.get(&id) {
            // The change of its cause has another copy published. Should that be missing, the next passes notice.
            Some(last_failed_at) if headers::is_outdated(properties, *last_failed_at) => LetterFate::SecondCopy,
            Some(_) if seen.insert(id) => LetterFate::Keep,
            Some(_) => LetterFate::SecondCopy,
            None => LetterFate::Foreign,
        }
    };
    copies.iter().map(verdict).collect()
}

/// Whether this pass has put the message back.
fn is_of_pass(message: &Message, number: &str) -> bool {
    let headers = message.properties.headers().as_ref();
    let pass = headers.and_then(|headers| headers.inner().get(PASS));
    matches!(pass, Some(AMQPValue::LongString(text)) if text.as_bytes() == number.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::model::outbox::PendingDeadLetter;
    use crate::model::outbox::tests::letter;

    fn id(number: u8) -> DeadLetterId {
        DeadLetterId(Uuid::from_u128(number.into()))
    }

    /// The properties of a dead letter's copy, published when it failed at `failed_at`.
    fn copy(number: u8, failed_at: i64) -> BasicProperties {
        let letter =
            PendingDeadLetter { id: id(number), last_failed_at: Timestamp(failed_at), ..letter(number.into()) };
        BasicProperties::default().with_headers(headers::of_dead_letter(&letter))
    }

    /// What becomes of copies; open letters failed last at 7.
    fn judged(
        copies: &[BasicProperties],
        open: &[u8],
        concluded: &[u8],
        seen: &mut HashSet<DeadLetterId>,
    ) -> Vec<LetterFate> {
        let copies: Vec<_> = copies.iter().map(LetterCopy::of).collect();
        let open = open.iter().map(|number| (id(*number), Timestamp(7))).collect();
        judge(&copies, &open, &concluded.iter().map(|number| id(*number)).collect(), seen)
    }

    #[test]
    fn a_concluded_letter_and_a_second_copy_go_and_the_rest_stays() {
        let mut seen = HashSet::from([id(3)]);
        let copies = [1, 2, 1, 3, 4, 4].map(|number| copy(number, 7));
        let verdicts = judged(&[&copies[..], &[BasicProperties::default()]].concat(), &[1, 3], &[2], &mut seen);
        assert_eq!(
            verdicts,
            [
                LetterFate::Keep,
                LetterFate::Concluded(id(2)),
                LetterFate::SecondCopy,
                LetterFate::SecondCopy,
                // The database does not know these, so whether two of them are copies is unknown.
                LetterFate::Foreign,
                LetterFate::Foreign,
                LetterFate::Foreign,
            ]
        );
    }

    #[test]
    fn a_copy_that_names_an_earlier_cause_goes_wherever_it_stands() {
        for (copies, fates) in [
            ([copy(1, 3), copy(1, 7)], [LetterFate::SecondCopy, LetterFate::Keep]),
            ([copy(1, 7), copy(1, 3)], [LetterFate::Keep, LetterFate::SecondCopy]),
        ] {
            assert_eq!(judged(&copies, &[1], &[], &mut HashSet::new()), fates);
        }
    }

    proptest! {
        #[test]
        fn after_a_pass_each_open_letter_stands_there_once(
            queue in proptest::collection::vec(proptest::option::of(0_u8..20), 0..100),
            open in proptest::collection::hash_set(0_u8..20, 0..20),
            concluded in proptest::collection::hash_set(0_u8..20, 0..20),
            step in 1_usize..10,
        ) {
            let ids: Vec<_> = queue.iter().map(|number| number.map(id)).collect();
            let copies: Vec<_> = queue.iter().map(|number| number.map_or_else(BasicProperties::default, |number| copy(number, 7))).collect();
            let concluded: Vec<u8> = concluded.difference(&open).copied().collect();
            let open: Vec<u8> = open.into_iter().collect();
            let mut seen = HashSet::new();
            let verdicts: Vec<_> =
                copies.chunks(step).flat_map(|step| judged(step, &open, &concluded, &mut seen)).collect();
            let (open, concluded): (HashSet<_>, HashSet<_>) =
                (open.into_iter().map(id).collect(), concluded.into_iter().map(id).collect());
            let kept = |verdict: LetterFate| ids.iter().zip(&verdicts).filter(move |(_, v)| **v == verdict).map(|(id, _)| *id);
            let mut stays: Vec<_> = kept(LetterFate::Keep).flatten().collect();
            stays.sort();
            let mut wanted: Vec<_> = open.iter().copied().filter(|id| ids.contains(&Some(*id))).collect();
            wanted.sort();
            prop_assert_eq!(stays, wanted);
            let unknown = |id: &&Option<DeadLetterId>| id.is_none_or(|id| !open.contains(&id) && !concluded.contains(&id));
            prop_assert_eq!(kept(LetterFate::Foreign).count(), ids.iter().filter(unknown).count());
        }
    }
}
