//! How long to wait before the database is asked again for what it has just failed to do.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The first pause between two failures, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// After so long without a failure the next one is a first one.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

/// Failures of one process at one database.
#[derive(Debug, Default)]
pub(in crate::store) struct Patience(Mutex<Option<RecentFailure>>);

#[derive(Debug, Clone, Copy)]
struct RecentFailure {
    at: Instant,
    pause: Duration,
}

impl Patience {
    /// Notes a failure; says how long to wait: not at all after one by itself, then longer and longer.
    pub(in crate::store) fn after_failure(&self) -> Duration {
        self.after_failure_at(Instant::now())
    }

    fn after_failure_at(&self, at: Instant) -> Duration {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = match *last {
            Some(failure) if at < failure.at + failure.pause + FORGOTTEN_AFTER => {
                (failure.pause * 2).clamp(PAUSES.0, PAUSES.1)
            }
            _ => Duration::ZERO,
        };
        *last = Some(RecentFailure { at, pause });
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_nothing_has_failed_for_a_while() {
        let (patience, start) = (Patience::default(), Instant::now());
        let pauses: Vec<u128> = (0..8).map(|_| patience.after_failure_at(start).as_millis()).collect();
        assert_eq!(pauses, [0, 50, 100, 200, 400, 800, 1_600, 2_000]);
        let soon = start + Duration::from_secs(11);
        assert_eq!(patience.after_failure_at(soon).as_millis(), 2_000, "the pause itself does not count");
        assert_eq!(patience.after_failure_at(soon + Duration::from_secs(13)), Duration::ZERO);
    }
}
