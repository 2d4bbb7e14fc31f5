//! When wrong answers to a verification lock it: by link, by customer, by network. Pure.

use std::time::Duration;

use crate::clock::Timestamp;

/// So many failures within a time, and no further answer is compared for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockRule {
    pub failures: u32,
    pub within: Duration,
    /// From the last of these failures.
    pub locks_for: Duration,
}

/// Of one link: whoever guesses with it.
pub const LINK_RULE: LockRule =
    LockRule { failures: 5, within: Duration::from_mins(15), locks_for: Duration::from_mins(15) };

/// Of one customer over all links and methods: 10 guesses a day, whoever has how many links.
pub const CUSTOMER_RULE: LockRule =
    LockRule { failures: 10, within: Duration::from_hours(24), locks_for: Duration::from_hours(24) };

/// Failures of one network within an hour before its answers are compared no more.
pub const NETWORK_FAILURES_MAX: u32 = 30;
/// The time within which they count.
pub const NETWORK_WINDOW: Duration = Duration::from_hours(1);

impl LockRule {
    /// Until when these failures, the newest first, lock. Nothing is counted while it is locked, so the newest decide.
    #[must_use]
    pub fn locked_until(&self, newest_first: &[Timestamp], now: Timestamp) -> Option<Timestamp> {
        let first = newest_first.get(self.failures as usize - 1)?;
        let last = newest_first.first()?;
        let until = last.plus(self.locks_for);
        (last.since(*first) < self.within && now < until).then_some(until)
    }

    /// Whether one more failure now would lock.
    #[must_use]
    pub fn next_one_locks(&self, newest_first: &[Timestamp], now: Timestamp) -> bool {
        let with_next: Vec<Timestamp> = std::iter::once(now).chain(newest_first.iter().copied()).collect();
        self.locked_until(&with_next, now).is_some()
    }

    /// How long a failure can matter.
    #[must_use]
    pub fn memory(&self) -> Duration {
        self.within + self.locks_for
    }
}

/// Until when a network with these failures, the newest first, has to wait.
#[must_use]
pub fn network_waits_until(newest_first: &[Timestamp], now: Timestamp) -> Option<Timestamp> {
    let oldest_that_counts = newest_first.get(NETWORK_FAILURES_MAX as usize - 1)?;
    let until = oldest_that_counts.plus(NETWORK_WINDOW);
    (now < until).then_some(until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i64) -> Timestamp {
        Timestamp(minute * 60_000)
    }

    /// The failures at these minutes, the newest first.
    fn failures(minutes: &[i64]) -> Vec<Timestamp> {
        minutes.iter().rev().map(|at| minute(*at)).collect()
    }

    #[test]
    fn five_failures_within_a_quarter_of_an_hour_lock_a_link_for_another() {
        let cases: [(&[i64], i64, Option<i64>); 9] = [
            (&[], 0, None),
            (&[0, 1, 2, 3], 3, None),
            (&[0, 1, 2, 3, 4], 4, Some(19)),
            (&[0, 1, 2, 3, 4], 18, Some(19)),
            (&[0, 1, 2, 3, 4], 19, None),
            (&[0, 4, 8, 12, 14], 14, Some(29)),
            (&[0, 4, 8, 12, 15], 15, None),
            (&[0, 4, 8, 12, 15, 16], 16, Some(31)),
            // After a lock it takes five new ones.
            (&[0, 1, 2, 3, 4, 19, 20, 21, 22], 22, None),
        ];
        for (minutes, now, expected) in cases {
            let until = LINK_RULE.locked_until(&failures(minutes), minute(now));
            assert_eq!(until, expected.map(minute), "{minutes:?} at {now}");
        }
        assert!(LINK_RULE.next_one_locks(&failures(&[0, 1, 2, 3]), minute(4)));
        assert!(!LINK_RULE.next_one_locks(&failures(&[0, 1, 2, 3]), minute(15)));
        assert!(!LINK_RULE.next_one_locks(&failures(&[0, 1, 2]), minute(3)));
    }

    #[test]
    fn ten_failures_in_a_rolling_day_lock_a_customer_until_a_day_after_the_tenth() {
        let hour = 60;
        let nine: Vec<i64> = (0..9).map(|n| n * hour).collect();
        let until = |last: i64, now| {
            let all: Vec<i64> = nine.iter().copied().chain([last]).collect();
            CUSTOMER_RULE.locked_until(&failures(&all), minute(now))
        };
        assert_eq!(until(23 * hour, 23 * hour), Some(minute(47 * hour)));
        assert_eq!(until(23 * hour, 47 * hour - 1), Some(minute(47 * hour)));
        assert_eq!(until(23 * hour, 47 * hour), None);
        assert_eq!(until(24 * hour, 24 * hour), None, "the first is a day old");
    }

    #[test]
    fn thirty_failures_an_hour_make_a_network_wait_until_the_first_is_an_hour_old() {
        let minutes: Vec<i64> = (0..30).collect();
        assert_eq!(network_waits_until(&failures(&minutes), minute(29)), Some(minute(60)));
        assert_eq!(network_waits_until(&failures(&minutes), minute(60)), None);
        assert_eq!(network_waits_until(&failures(&minutes[1..]), minute(29)), None);
    }
}
