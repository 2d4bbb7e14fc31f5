//! Time that a test owns.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task;

/// Time that stands still until it is moved, and knows who sleeps on it.
#[derive(Debug)]
pub(super) struct ManualTime {
    now_ms: watch::Sender<i64>,
    sleepers: watch::Sender<Sleepers>,
}

#[derive(Debug, Default)]
struct Sleepers {
    next: u64,
    /// Who sleeps, and until when.
    asleep: BTreeMap<u64, (i64, Option<task::Id>)>,
    /// Whom the last move woke and who does not sleep again, and how many of its sleeps ended.
    awake: BTreeMap<Option<task::Id>, usize>,
}

impl Sleepers {
    fn lie_down(&mut self, end: i64) -> u64 {
        let task = task::try_id();
        if let Entry::Occupied(mut awake) = self.awake.entry(task) {
            *awake.get_mut() -= 1;
            if *awake.get() == 0 {
                awake.remove();
            }
        }
        self.next += 1;
        self.asleep.insert(self.next, (end, task));
        self.next
    }

    fn wake(&mut self, now: i64) {
        let Self { asleep, awake, .. } = self;
        awake.clear();
        asleep.retain(|_, (end, task)| {
            let sleeps = *end > now;
            if !sleeps {
                *awake.entry(*task).or_default() += 1;
            }
            sleeps
        });
    }
}

/// A sleep; it may be dropped before its end.
struct Sleep<'a> {
    time: &'a ManualTime,
    number: u64,
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        self.time.sleepers.send_if_modified(|sleepers| sleepers.asleep.remove(&self.number).is_some());
    }
}

impl ManualTime {
    pub(super) fn new(start_ms: i64) -> Self {
        Self { now_ms: watch::Sender::new(start_ms), sleepers: watch::Sender::default() }
    }

    pub(super) fn now_ms(&self) -> i64 {
        *self.now_ms.borrow()
    }

    pub(super) async fn sleep(&self, time: Duration) {
        let end = self.now_ms().saturating_add(super::millis(time));
        let mut number = 0;
        self.sleepers.send_modify(|sleepers| number = sleepers.lie_down(end));
        let _sleep = Sleep { time: self, number };
        self.until(end).await;
    }

    /// Waits without sleeping.
    pub(super) async fn pass(&self, time: Duration) {
        self.until(self.now_ms().saturating_add(super::millis(time))).await;
    }

    async fn until(&self, end: i64) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.now_ms.subscribe().wait_for(|now| *now >= end).await;
    }

    pub(super) fn advance(&self, time: Duration) {
        let now = self.now_ms().saturating_add(super::millis(time));
        self.sleepers.send_modify(|sleepers| sleepers.wake(now));
        self.now_ms.send_replace(now);
    }

    pub(super) async fn all_asleep(&self) {
        let _ = self.sleepers.subscribe().wait_for(|sleepers| sleepers.awake.is_empty()).await;
    }
}
