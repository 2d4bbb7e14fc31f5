//! How long to wait before the database is asked again for what it has just failed to do.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::backoff::Delays;
use crate::clock::Clock;

/// After so long without a failure the next one is a first one.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

/// Failures of one process at one database.
#[derive(Debug)]
pub(in crate::store) struct Patience(Mutex<RecentFailures>);

#[derive(Debug)]
struct RecentFailures {
    delays: Delays,
    /// When what failed last may be done again.
    pause_end: Option<Instant>,
}

impl Patience {
    pub(in crate::store) fn new(clock: &Clock) -> Self {
        Self::with_delays(Delays::for_database(clock))
    }

    const fn with_delays(delays: Delays) -> Self {
        Self(Mutex::new(RecentFailures { delays, pause_end: None }))
    }

    /// Notes a failure; says how long to wait: not at all after one by itself, then longer and longer.
    pub(in crate::store) fn after_failure(&self) -> Duration {
        self.after_failure_at(Instant::now())
    }

    fn after_failure_at(&self, at: Instant) -> Duration {
        let mut recent = self.0.lock();
        let pause = if recent.pause_end.is_some_and(|end| at < end + FORGOTTEN_AFTER) {
            recent.delays.next_delay()
        } else {
            recent.delays.reset();
            Duration::ZERO
        };
        recent.pause_end = Some(at + pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_nothing_has_failed_for_a_while() {
        let delays = Delays::new(Duration::from_millis(50), Duration::from_secs(2), || 0.5);
        let (patience, start) = (Patience::with_delays(delays), Instant::now());
        let pauses: Vec<u128> = (0..8).map(|_| patience.after_failure_at(start).as_millis()).collect();
        assert_eq!(pauses, [0, 50, 100, 200, 400, 800, 1_600, 2_000]);
        let soon = start + Duration::from_secs(11);
        assert_eq!(patience.after_failure_at(soon).as_millis(), 2_000, "the pause itself does not count");
        assert_eq!(patience.after_failure_at(soon + Duration::from_secs(13)), Duration::ZERO);
    }
}
