//! How many slots of a lane may work: this worker's share of the relay's connections, and fewer while the relay turns
//! connections away.
//!
//! A connection that is refused may mean that the relay has enough of ours, or that it is away: in a restart the other
//! connections look as if they stood until each is used. Only an answer on one of them, given after the refused one
//! was begun, shows that the relay works. So a refusal waits for that evidence ([`Attempt::refused`]).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

use super::idle::IdleConnections;
use crate::clock::{Clock, Timestamp};

/// How soon shrunk slots are all back. They grow by doubling.
const REGROW_WITHIN: Duration = Duration::from_mins(1);

/// How long a refusal waits for evidence, before the relay counts as away.
const EVIDENCE_TIME_MAX: Duration = Duration::from_secs(10);

/// For so long a lane that cannot send leaves its share to lanes that have none.
const YIELD_TIME: Duration = Duration::from_mins(10);

/// After so many deliveries in a row without documents a lane cannot send.
const DOCUMENTS_FAILURES: u32 = 3;

/// The slots of one lane in one worker.
#[derive(Debug)]
pub struct Slots {
    /// This worker's share of the relay's connections.
    share: watch::Sender<u32>,
    /// Until when it is valid, by the clock's monotonic time; for good if there cannot be another worker.
    valid_until: watch::Sender<Option<Duration>>,
    /// The lane asks for a share.
    asks: AtomicBool,
    /// Until then it leaves its share to lanes that have none.
    yields_until: Mutex<Option<Timestamp>>,
    /// How many deliveries in a row failed since their documents could not be reached.
    documents_failures: AtomicU32,
    /// The slots that have, or may open, a connection.
    at_work: Mutex<BTreeSet<usize>>,
    clock: Clock,
    limit: watch::Sender<usize>,
    evidence: watch::Sender<RefusalEvidence>,
    shrunk: Mutex<Option<Shrunk>>,
    /// Connections that wait for a mail.
    pub idle: IdleConnections,
}

/// What the lane's connections have seen.
#[derive(Debug, Clone, Copy, Default)]
struct RefusalEvidence {
    /// Connections that stand.
    connected: u32,
    /// Connections that are being made.
    connecting: u32,
    /// Answers to the first mail of a connection.
    first_answers: u64,
    /// Answers to later ones: by connections that have stood for a while.
    later_answers: u64,
    /// Connections that broke.
    broken: u64,
}

#[derive(Debug, Clone, Copy)]
struct Shrunk {
    /// What the relay seemed to allow.
    first: u32,
    /// What it may allow by now.
    limit: u32,
    /// When that doubled last.
    since: Timestamp,
}

impl Shrunk {
    /// How long until the limit doubles: all doublings from the first limit to the share take [`REGROW_WITHIN`].
    fn step(&self, share: u32) -> Duration {
        REGROW_WITHIN / share.div_ceil(self.first).next_power_of_two().trailing_zeros().max(1)
    }
}

/// What a refused connection means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionRefusal {
    /// The relay has enough of our connections; the slots have shrunk to those that stand.
    Enough,
    /// It has taken others since: this one may try again.
    TryAgain,
    /// The relay is away.
    Away,
}

/// A connection that is being made.
#[derive(Debug)]
pub struct Attempt<'a> {
    slots: &'a Slots,
    /// What had been seen when it was begun.
    before: RefusalEvidence,
}

/// A connection that stands: it counts until it is dropped, however its use ends.
#[derive(Debug)]
pub struct OpenConnection {
    evidence: watch::Sender<RefusalEvidence>,
}

/// A slot that does not rest; it counts until this is dropped.
#[derive(Debug)]
pub struct SlotAtWork<'a> {
    slots: &'a Slots,
    index: usize,
}

impl Slots {
    /// With this share of the relay's connections.
    #[must_use]
    pub fn new(share: u32, clock: Clock) -> Self {
        let slots = Self {
            share: watch::Sender::new(share),
            valid_until: watch::Sender::default(),
            asks: AtomicBool::new(true),
            yields_until: Mutex::default(),
            documents_failures: AtomicU32::new(0),
            at_work: Mutex::default(),
            clock,
            limit: watch::Sender::new(0),
            evidence: watch::Sender::default(),
            shrunk: Mutex::default(),
            idle: IdleConnections::default(),
        };
        slots.adjust();
        slots
    }

    /// How many slots may work now.
    #[must_use]
    pub fn limit(&self) -> watch::Receiver<usize> {
        self.limit.subscribe()
    }

    /// This worker's share of the relay's connections: what the relay seems to allow may be less.
    #[must_use]
    pub fn share(&self) -> watch::Receiver<u32> {
        self.share.subscribe()
    }

    /// Until when the share is valid if it is not confirmed before; for good without a time.
    pub fn set_valid_until(&self, until: Option<Duration>) {
        self.valid_until.send_replace(until);
    }

    /// As it was set last.
    #[must_use]
    pub fn valid_until(&self) -> Option<Duration> {
        *self.valid_until.borrow()
    }

    /// Whether others may have taken the share by now, since it was not confirmed for too long.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.valid_until().is_some_and(|until| self.clock.monotonic() >= until)
    }

    /// Waits until an expired share is confirmed.
    pub async fn confirmed(&self) {
        let mut valid_until = self.valid_until.subscribe();
        while self.is_expired() {
            // The sender lives in `self`, so waiting cannot fail.
            let _ = valid_until.changed().await;
        }
    }

    /// Waits until an expired share is confirmed, or none is left; says whether it is confirmed.
    pub async fn is_confirmed(&self) -> bool {
        let mut share = self.share.subscribe();
        tokio::select! {
            biased;
            // The sender lives in `self`, so waiting cannot fail.
            _ = share.wait_for(|share| *share == 0) => false,
            () = self.confirmed() => self.has_share(),
        }
    }

    /// Whether this worker may use any connection.
    #[must_use]
    pub fn has_share(&self) -> bool {
        *self.share.borrow() > 0
    }

    /// Sets the share; slots above it rest as soon as their message has ended.
    pub fn set_share(&self, share: u32) {
        if self.share.send_if_modified(|current| std::mem::replace(current, share) != share) {
            self.adjust();
        }
    }

    /// Whether the lane asks for a share.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.asks.load(Ordering::Relaxed)
    }

    /// A lane that cannot use connections leaves them to other workers.
    pub fn ask(&self, asks: bool) {
        self.asks.store(asks, Ordering::Relaxed);
    }

    /// The relay cannot be reached from here: for a while the lane leaves its share to lanes that have none, which may
    /// reach it.
    pub fn relay_failed(&self) {
        *self.yields_until.lock() = Some(self.clock.now().plus(YIELD_TIME));
    }

    /// The relay can be reached.
    pub fn relay_answered(&self) {
        *self.yields_until.lock() = None;
    }

    /// The documents of a delivery cannot be reached. If that goes on it is as with the relay.
    pub fn documents_failed(&self) {
        if self.documents_failures.fetch_add(1, Ordering::Relaxed) >= DOCUMENTS_FAILURES {
            self.relay_failed();
        }
    }

    /// The documents of a delivery have come.
    pub fn documents_came(&self) {
        if self.documents_failures.swap(0, Ordering::Relaxed) > DOCUMENTS_FAILURES {
            self.relay_answered();
        }
    }

    /// Whether the lane leaves its share to lanes that have none.
    #[must_use]
    pub fn yields(&self) -> bool {
        self.yields_until.lock().is_some_and(|until| self.clock.now() < until)
    }

    /// A slot begins to work. It looks at the limit afterwards: then whoever has lowered the limit counts this slot, or
    /// this slot sees it.
    #[must_use]
    pub fn work(&self, index: usize) -> SlotAtWork<'_> {
        self.at_work.lock().insert(index);
        SlotAtWork { slots: self, index }
    }

    /// How many slots have, or may open, a connection.
    #[must_use]
    pub fn at_work(&self) -> u32 {
        u32::try_from(self.at_work.lock().len()).unwrap_or(u32::MAX)
    }

    /// How many of them are beyond the share, since their messages have not ended yet.
    fn beyond(&self, share: u32) -> u32 {
        let share = usize::try_from(share).expect("32 bits fit a usize");
        u32::try_from(self.at_work.lock().range(share..).count()).unwrap_or(u32::MAX)
    }

    /// A connection is being made.
    #[must_use]
    pub fn attempt(&self) -> Attempt<'_> {
        let before = *self.evidence.borrow();
        self.note(|evidence| evidence.connecting += 1);
        Attempt { slots: self, before }
    }

    /// The relay has answered a mail on a connection, which had carried none before or some.
    pub fn answered(&self, first: bool) {
        self.note(|evidence| if first { evidence.first_answers += 1 } else { evidence.later_answers += 1 });
    }

    /// A connection that stood has broken.
    pub fn broke(&self) {
        self.note(|evidence| evidence.broken += 1);
    }

    /// The relay works again: nothing that it turned away before counts.
    pub fn restore(&self) {
        *self.shrunk() = None;
        self.adjust();
    }

    /// The relay has as many connections of other workers as it takes: one of ours is tried at a time.
    pub fn crowded_out(&self) {
        self.shrink(1);
    }

    /// Sets the limit by what is known now; called now and then.
    pub fn adjust(&self) {
        // Locked first: of two at once the later one has seen the newest share.
        let mut shrunk = self.shrunk();
        let share = *self.share.borrow();
        while let Some(before) = *shrunk
            && self.clock.now().since(before.since) >= before.step(share)
        {
            let doubled = before.limit.saturating_mul(2);
            let since = before.since.plus(before.step(share));
            *shrunk = (doubled < share).then_some(Shrunk { limit: doubled, since, ..before });
        }
        // What still works beyond the share counts for it.
        let free = share.saturating_sub(self.beyond(share));
        let limit = shrunk.map_or(free, |shrunk| shrunk.limit.min(free));
        let limit = usize::try_from(limit).expect("32 bits fit a usize");
        self.limit.send_if_modified(|current| std::mem::replace(current, limit) != limit);
    }

    /// The relay has enough of our connections: the slots shrink to those that stand.
    fn shrink(&self, standing: u32) {
        let limit = standing.max(1);
        *self.shrunk() = Some(Shrunk { first: limit, limit, since: self.clock.now() });
        self.adjust();
    }

    fn note(&self, change: impl FnOnce(&mut RefusalEvidence)) {
        self.evidence.send_modify(change);
    }

    fn shrunk(&self) -> MutexGuard<'_, Option<Shrunk>> {
        self.shrunk.lock()
    }
}

impl Attempt<'_> {
    /// The connection stands.
    #[must_use]
    pub fn connected(self) -> OpenConnection {
        self.slots.note(|evidence| evidence.connected += 1);
        OpenConnection { evidence: self.slots.evidence.clone() }
    }

    /// The relay has turned the connection away; says what that means, as soon as it is known.
    pub async fn refused(self) -> ConnectionRefusal {
        let (slots, before) = (self.slots, self.before);
        // It is not being made any more: if no other is either, and none stands, nothing will ever be known.
        drop(self);
        let mut evidence = slots.evidence.subscribe();
        let seen = async { evidence.wait_for(|now| before.meaning(now).is_some()).await.ok().map(|now| *now) };
        let now = tokio::select! {
            now = seen => now,
            () = slots.clock.sleep(EVIDENCE_TIME_MAX) => None,
        };
        let refusal = now.and_then(|now| Some((before.meaning(&now)?, now.connected)));
        match refusal {
            Some((ConnectionRefusal::Enough, standing)) => {
                slots.shrink(standing);
                ConnectionRefusal::Enough
            }
            Some((refusal, _)) => refusal,
            None => ConnectionRefusal::Away,
        }
    }
}

impl Drop for SlotAtWork<'_> {
    fn drop(&mut self) {
        self.slots.at_work.lock().remove(&self.index);
        // It may have been beyond the share: then another one may work for it.
        self.slots.adjust();
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.slots.note(|evidence| evidence.connecting -= 1);
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.evidence.send_modify(|evidence| evidence.connected -= 1);
    }
}

impl RefusalEvidence {
    /// What a refusal means that was begun at `self`, by what is seen `now`.
    fn meaning(&self, now: &Self) -> Option<ConnectionRefusal> {
        if now.broken > self.broken {
            Some(ConnectionRefusal::Away)
        } else if now.later_answers > self.later_answers {
            Some(ConnectionRefusal::Enough)
        } else if now.first_answers > self.first_answers {
            // By a connection that may be younger than the refused one: the relay may only have been restarted.
            Some(ConnectionRefusal::TryAgain)
        } else if now.connected + now.connecting == 0 {
            Some(ConnectionRefusal::Away)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn slots(share: u32) -> (Slots, Clock) {
        let clock = Clock::manual(Timestamp(0));
        (Slots::new(share, clock.clone()), clock)
    }

    fn limit(slots: &Slots) -> usize {
        *slots.limit().borrow()
    }

    fn connected(slots: &Slots, number: usize) -> Vec<OpenConnection> {
        (0..number).map(|_| slots.attempt().connected()).collect()
    }

    #[test]
    fn a_panic_takes_only_its_own_connection_out_of_the_count() {
        let (slots, _clock) = slots(8);
        let stands = connected(&slots, 2);
        let panics = |with_connection: bool| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let _open = with_connection.then(|| slots.attempt().connected());
                panic!("while it sends");
            }))
            .expect_err("it panicked");
        };
        panics(true);
        panics(false);
        assert_eq!(slots.evidence.borrow().connected, 2);
        drop(stands);
        assert_eq!(slots.evidence.borrow().connected, 0);
    }

    #[test]
    fn no_more_slots_work_than_the_share() {
        let (slots, _clock) = slots(8);
        slots.shrink(3);
        for (share, expected) in [(2, 2), (0, 0), (8, 3)] {
            slots.set_share(share);
            assert_eq!(limit(&slots), expected);
        }
        slots.restore();
        assert_eq!(limit(&slots), 8);
        slots.set_share(0);
        slots.shrink(3);
        assert_eq!(limit(&slots), 0);
    }

    #[test]
    fn what_works_beyond_the_share_counts_for_it() {
        let (slots, _clock) = slots(4);
        let mut at_work: Vec<_> = (0..4).map(|index| slots.work(index)).collect();
        slots.set_share(2);
        assert_eq!((limit(&slots), slots.at_work()), (0, 4));
        at_work.drain(..2);
        assert_eq!((limit(&slots), slots.at_work()), (0, 2), "the other two have not ended yet");
        at_work.pop();
        assert_eq!((limit(&slots), slots.at_work()), (1, 1));
        at_work.pop();
        assert_eq!(limit(&slots), 2);
    }

    #[test]
    fn shrunk_slots_are_back_within_a_minute_of_a_share_that_grows() {
        let (slots, clock) = slots(2);
        slots.shrink(1);
        slots.set_share(64);
        assert_eq!(limit(&slots), 1);
        clock.advance(REGROW_WITHIN);
        slots.adjust();
        assert_eq!(limit(&slots), 64);
    }

    #[test]
    fn a_share_is_left_to_others_for_a_while() {
        let (slots, clock) = slots(1);
        assert!(!slots.yields());
        slots.relay_failed();
        assert!(slots.yields());
        clock.advance(YIELD_TIME);
        assert!(!slots.yields());
        slots.relay_failed();
        slots.relay_answered();
        assert!(!slots.yields());
        (0..=DOCUMENTS_FAILURES).for_each(|_| slots.documents_failed());
        assert!(slots.yields());
        slots.documents_came();
        assert!(!slots.yields());
        slots.documents_failed();
        assert!(!slots.yields(), "once is no sign");
    }

    #[tokio::test]
    async fn a_refusal_shrinks_the_slots_only_if_another_connection_has_answered_since() {
        let (slots, _clock) = slots(8);
        assert_eq!(slots.attempt().refused().await, ConnectionRefusal::Away, "none stands, none is being made");
        let _open = connected(&slots, 3);
        slots.answered(false);

        let mut refused = Box::pin(slots.attempt().refused());
        assert!((&mut refused).now_or_never().is_none(), "an answer from before proves nothing");
        slots.answered(false);
        assert_eq!(refused.await, ConnectionRefusal::Enough);
        assert_eq!(limit(&slots), 3);
        slots.restore();
        assert_eq!(limit(&slots), 8);

        let attempt = slots.attempt();
        slots.answered(false);
        assert_eq!(attempt.refused().await, ConnectionRefusal::Enough, "it answered while this one was being made");
    }

    #[tokio::test]
    async fn a_restart_is_no_limit() {
        let (slots, clock) = slots(8);
        let open = connected(&slots, 3);
        let refused = slots.attempt().refused();
        slots.broke();
        assert_eq!(refused.await, ConnectionRefusal::Away, "another one broke");

        let refused = slots.attempt().refused();
        slots.answered(true);
        assert_eq!(refused.await, ConnectionRefusal::TryAgain, "a new one works");

        let mut refused = Box::pin(slots.attempt().refused());
        assert!((&mut refused).now_or_never().is_none());
        clock.advance(EVIDENCE_TIME_MAX);
        assert_eq!(refused.await, ConnectionRefusal::Away, "idle ones are no evidence");

        let refused = slots.attempt().refused();
        drop(open);
        assert_eq!(refused.await, ConnectionRefusal::Away, "the last one is gone");
        assert_eq!(limit(&slots), 8, "none of these is a limit");
    }

    #[tokio::test]
    async fn who_is_refused_waits_for_those_that_are_being_made() {
        let (slots, _clock) = slots(8);
        let (first, second) = (slots.attempt(), slots.attempt());
        let mut refused = Box::pin(second.refused());
        assert!((&mut refused).now_or_never().is_none());
        assert_eq!(first.refused().await, ConnectionRefusal::Away);
        assert_eq!(refused.await, ConnectionRefusal::Away);
    }

    #[tokio::test]
    async fn slots_double_until_all_are_back_within_a_minute() {
        for (connections, standing, seconds, expected) in
            [(32, 1, 12, vec![2, 4, 8, 16, 32]), (8, 3, 30, vec![6, 8]), (8, 7, 60, vec![8]), (8, 8, 60, vec![8])]
        {
            let (slots, clock) = slots(connections);
            slots.shrink(standing);
            assert_eq!(limit(&slots), usize::try_from(standing).expect("few"));
            for expected in expected {
                clock.advance(Duration::from_secs(seconds));
                slots.adjust();
                assert_eq!(limit(&slots), expected, "{standing} of {connections}");
            }
            slots.shrink(standing);
            clock.advance(REGROW_WITHIN);
            slots.adjust();
            assert_eq!(limit(&slots), usize::try_from(connections).expect("few"), "one look after a long time");
        }
    }
}
