//! Deliveries that a worker died with are tried one at a time.
//!
//! When a worker dies, everything that it had in hand is suspect. One of those deliveries may take down whoever works
//! on it, and would drag its neighbours to [`crate::store::TAKEOVERS_MAX`] deaths with it. So a worker has one suspect
//! in hand at most, over all its lanes; and none before it has shown that it lives at all: a process that dies at every
//! start proves nothing about what it had claimed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;

/// A worker lives when it has recorded something, or has been there for so long.
const SETTLED_IN: Duration = Duration::from_secs(5);

/// How often a busy lane looks for suspects.
const LOOK: Duration = Duration::from_secs(1);

/// The one suspect that a worker may have in hand; cheap to clone.
#[derive(Debug, Clone)]
pub struct Suspects {
    one: Arc<Semaphore>,
    lives: Arc<AtomicBool>,
    clock: Clock,
    started: Duration,
}

impl Suspects {
    /// For a worker that starts now.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let started = clock.monotonic();
        Self { one: Arc::new(Semaphore::new(1)), lives: Arc::default(), clock, started }
    }

    /// The worker has recorded something.
    pub fn worker_lives(&self) {
        self.lives.store(true, Ordering::Relaxed);
    }

    /// The right to claim one, if the worker has none in hand and lives.
    #[must_use]
    pub fn take(&self) -> Option<OwnedSemaphorePermit> {
        let lives =
            self.lives.load(Ordering::Relaxed) || self.clock.monotonic().saturating_sub(self.started) >= SETTLED_IN;
        if lives { Arc::clone(&self.one).try_acquire_owned().ok() } else { None }
    }

    /// Waits until the worker has none in hand.
    pub async fn free(&self) {
        let _ = self.one.acquire().await;
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

    /// It has looked.
    pub fn looked(&mut self, now: Duration, found: bool) {
        (self.last, self.found) = (Some(now), found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn a_worker_that_has_shown_nothing_gets_none() {
        let clock = Clock::manual(Timestamp(0));
        let suspects = Suspects::new(clock.clone());
        assert!(suspects.take().is_none());
        clock.advance(SETTLED_IN);
        let first = suspects.take();
        assert!(first.is_some());
        assert!(suspects.take().is_none(), "one at a time");
        drop(first);
        assert!(suspects.take().is_some());
    }

    #[test]
    fn a_worker_that_has_recorded_something_gets_one_at_once() {
        let suspects = Suspects::new(Clock::manual(Timestamp(0)));
        suspects.worker_lives();
        assert!(suspects.take().is_some());
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
