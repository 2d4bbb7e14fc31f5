//! Deliveries that a worker died with are tried one at a time.
//!
//! When a worker dies, every delivery that it had in flight is a suspect: one of them may crash each worker that claims it,
//! and the others would reach [`crate::store::TAKEOVERS_MAX`] with it. So a lane has at most one suspect in flight; the
//! limit is per lane, so that suspects of a healthy relay do not wait for one that hangs at another relay. Two lanes do not
//! start suspects at the same time: if the worker crashes soon after a start, that suspect caused it. A worker claims no
//! suspect before it has recorded something or run for a while: a process that crashes at every start says nothing about
//! the deliveries that it had claimed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::clock::Clock;

/// A worker lives when it has recorded something, or has been there for so long.
const CONCLUDED_IN: Duration = Duration::from_secs(5);

/// A suspect that has not killed its worker for so long holds up its own lane only.
const ALONE: Duration = Duration::from_secs(5);

/// How often a busy lane looks for suspects.
const LOOK: Duration = Duration::from_secs(1);

/// The suspects that a worker has in flight; cheap to clone.
#[derive(Debug, Clone)]
pub struct Isolation(Arc<IsolationState>);

#[derive(Debug)]
struct IsolationState {
    /// Since when each lane has one in flight, by the lane's number.
    in_flight: Mutex<HashMap<usize, Duration>>,
    lanes: AtomicUsize,
    left: Notify,
    lives: AtomicBool,
    clock: Clock,
    started: Duration,
}

/// The one suspect that a lane may have in flight.
#[derive(Debug)]
pub struct LaneIsolation {
    all: Isolation,
    lane: usize,
}

/// The right to have one in flight, until this is dropped.
#[derive(Debug)]
pub struct Isolated {
    all: Isolation,
    lane: usize,
}

impl Isolation {
    /// For a worker that starts now.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(IsolationState {
            in_flight: Mutex::default(),
            lanes: AtomicUsize::new(0),
            left: Notify::new(),
            lives: AtomicBool::new(false),
            started: clock.monotonic(),
            clock,
        }))
    }

    /// For one more lane.
    #[must_use]
    pub fn of_lane(&self) -> LaneIsolation {
        LaneIsolation { all: self.clone(), lane: self.0.lanes.fetch_add(1, Ordering::Relaxed) }
    }

    /// The worker has recorded something.
    pub fn worker_lives(&self) {
        self.0.lives.store(true, Ordering::Relaxed);
    }

    fn in_flight(&self) -> MutexGuard<'_, HashMap<usize, Duration>> {
        self.0.in_flight.lock()
    }
}

impl LaneIsolation {
    /// The right to claim one, if the lane has none in flight, no other lane has just taken one, and the worker lives.
    #[must_use]
    pub fn take(&self) -> Option<Isolated> {
        let IsolationState { lives, clock, started, .. } = &*self.all.0;
        let now = clock.monotonic();
        if !lives.load(Ordering::Relaxed) && now.saturating_sub(*started) < CONCLUDED_IN {
            return None;
        }
        let mut in_flight = self.all.in_flight();
        let just_taken = in_flight.values().any(|since| now.saturating_sub(*since) < ALONE);
        if just_taken || in_flight.contains_key(&self.lane) {
            return None;
        }
        in_flight.insert(self.lane, now);
        Some(Isolated { all: self.all.clone(), lane: self.lane })
    }

    /// Waits until the lane has none in flight.
    pub async fn free(&self) {
        loop {
            let left = self.all.0.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if !self.all.in_flight().contains_key(&self.lane) {
                return;
            }
            left.await;
        }
    }
}

impl Drop for Isolated {
    fn drop(&mut self) {
        self.all.in_flight().remove(&self.lane);
        self.all.0.left.notify_waiters();
    }
}

/// When one lane looks for suspects: now and then, and at once after it has had one.
#[derive(Debug, Default)]
pub struct SuspectLook {
    last: Option<Duration>,
    /// The last look found one: there may be more.
    pub found: bool,
}

impl SuspectLook {
    /// Whether it is time, by any monotonic time.
    pub fn is_due(&self, now: Duration) -> bool {
        self.found || self.last.is_none_or(|last| now.saturating_sub(last) >= LOOK)
    }

    pub fn looked(&mut self, now: Duration, found: bool) {
        (self.last, self.found) = (Some(now), found);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn a_worker_that_has_shown_nothing_gets_none() {
        let clock = Clock::manual(Timestamp(0));
        let lane = Isolation::new(clock.clone()).of_lane();
        assert!(lane.take().is_none());
        clock.advance(CONCLUDED_IN);
        let first = lane.take();
        assert!(first.is_some());
        clock.advance(ALONE);
        assert!(lane.take().is_none(), "one at a time");
        drop(first);
        assert!(lane.take().is_some());
    }

    #[test]
    fn a_worker_that_has_recorded_something_gets_one_at_once() {
        let isolation = Isolation::new(Clock::manual(Timestamp(0)));
        isolation.worker_lives();
        assert!(isolation.of_lane().take().is_some());
    }

    #[test]
    fn a_suspect_that_hangs_holds_up_its_own_lane_only() {
        let clock = Clock::manual(Timestamp(0));
        let isolation = Isolation::new(clock.clone());
        isolation.worker_lives();
        let (hangs, other) = (isolation.of_lane(), isolation.of_lane());
        let _hangs = hangs.take().expect("none is in hand");
        assert!(other.take().is_none(), "if the worker dies now, one is to blame");
        clock.advance(ALONE);
        for _ in 0..3 {
            drop(other.take().expect("one after the other, at once"));
        }
        assert!(hangs.take().is_none());
    }

    #[tokio::test]
    async fn a_lane_waits_for_its_own_suspect() {
        let clock = Clock::manual(Timestamp(0));
        let isolation = Isolation::new(clock.clone());
        isolation.worker_lives();
        let (hangs, other) = (isolation.of_lane(), isolation.of_lane());
        let held = hangs.take().expect("none is in hand");
        assert!(other.free().now_or_never().is_some());
        let mut free = Box::pin(hangs.free());
        assert!((&mut free).now_or_never().is_none());
        drop(held);
        free.await;
    }

    #[test]
    fn a_busy_lane_looks_now_and_then() {
        let mut look = SuspectLook::default();
        assert!(look.is_due(Duration::ZERO));
        look.looked(Duration::ZERO, false);
        assert!(!look.is_due(Duration::from_millis(999)));
        assert!(look.is_due(LOOK));
        look.looked(LOOK, true);
        assert!(look.is_due(LOOK));
    }
}
