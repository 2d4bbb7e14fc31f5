//! Which workers live.
//!
//! A worker lives while its counter in the database moves. It is dead when the counter has stood still for
//! [`DEAD_AFTER`] of the *observer's own* monotonic time, with the database reachable throughout: so neither a wrong
//! clock nor an outage of the database kills a worker. The lanes that share a relay's connections observe each other in
//! the same way.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::ids::WorkerId;

/// How often a worker counts up.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long a counter may stand still.
pub const DEAD_AFTER: Duration = Duration::from_secs(30);

/// What one worker knows of the others.
#[derive(Debug)]
pub struct Observer {
    /// How long a counter may stand still.
    limit: Duration,
    /// The last counter seen of each worker, and when it was first seen.
    seen: HashMap<WorkerId, (i64, Duration)>,
}

impl Observer {
    /// Of workers whose counters may stand still for so long.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { limit, seen: HashMap::new() }
    }

    /// Takes the counters of all workers in; returns those that have stood still for too long. `now` is any monotonic time.
    pub fn observe(&mut self, beats: &[(WorkerId, i64)], now: Duration) -> Vec<WorkerId> {
        self.seen.retain(|worker, _| beats.iter().any(|(alive, _)| alive == worker));
        let mut dead = Vec::new();
        for (worker, count) in beats {
            let (last, since) = self.seen.entry(*worker).or_insert((*count, now));
            if last != count {
                (*last, *since) = (*count, now);
            } else if now.saturating_sub(*since) >= self.limit {
                dead.push(*worker);
            }
        }
        dead
    }

    /// The database was away: what stood still meanwhile proves nothing.
    pub fn forget(&mut self) {
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const fn worker(n: u128) -> WorkerId {
        WorkerId(Uuid::from_u128(n))
    }

    #[test]
    fn a_counter_that_stands_still_for_thirty_seconds_is_a_dead_worker() {
        let mut observer = Observer::new(DEAD_AFTER);
        for second in (0_u32..30).step_by(5) {
            let beats = [(worker(1), 7), (worker(2), i64::from(second))];
            assert!(observer.observe(&beats, Duration::from_secs(second.into())).is_empty());
        }
        let beats = [(worker(1), 7), (worker(2), 30)];
        assert_eq!(observer.observe(&beats, Duration::from_secs(30)), [worker(1)]);
    }

    #[test]
    fn an_outage_of_the_database_kills_nobody() {
        let mut observer = Observer::new(DEAD_AFTER);
        let beats = [(worker(1), 7)];
        assert!(observer.observe(&beats, Duration::ZERO).is_empty());
        observer.forget();
        assert!(observer.observe(&beats, Duration::from_mins(10)).is_empty());
        assert_eq!(observer.observe(&beats, Duration::from_mins(10) + DEAD_AFTER), [worker(1)]);
    }
}
