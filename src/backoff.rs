//! How long to wait before trying to reach something again.
//!
//! The `backoff` crate is used as arithmetic only: it is unmaintained (RUSTSEC-2025-0012) and its jitter can exceed
//! its maximum. So its randomness is switched off, and the jitter is made here, of a source that is given: the same
//! source gives the same delays.

use std::time::Duration;

use ::backoff::SystemClock;
use ::backoff::backoff::Backoff as _;
use ::backoff::exponential::{ExponentialBackoff, ExponentialBackoffBuilder};

use crate::clock::Clock;

/// Each delay is this many times the one before.
const GROWTH: f64 = 2.0;
/// A delay is moved by at most this share of itself, so that many who lost the same server do not return together.
const JITTER: f64 = 0.2;

/// Numbers in `0.0..1.0`.
type Random = Box<dyn FnMut() -> f64 + Send + Sync>;

/// Growing delays between attempts to reach one thing.
pub struct Delays {
    curve: ExponentialBackoff<SystemClock>,
    delay_max: Duration,
    random: Random,
}

impl Delays {
    /// Delays from `first` on, doubling, each with ±20 % jitter and none longer than `delay_max`.
    ///
    /// `random` gives numbers in `0.0..1.0`.
    pub fn new(first: Duration, delay_max: Duration, random: impl FnMut() -> f64 + Send + Sync + 'static) -> Self {
        let curve = ExponentialBackoffBuilder::new()
            .with_initial_interval(first)
            .with_max_interval(delay_max)
            .with_multiplier(GROWTH)
            .with_randomization_factor(0.0)
            .with_max_elapsed_time(None)
            .build();
        Self { curve, delay_max, random: Box::new(random) }
    }

    /// The same, with the clock's randomness.
    #[must_use]
    pub fn between(first: Duration, delay_max: Duration, clock: &Clock) -> Self {
        Self::new(first, delay_max, random_of(clock))
    }

    /// Delays for a server that is away: 0.5 s at first, 30 s at most.
    #[must_use]
    pub fn for_server(clock: &Clock) -> Self {
        Self::between(Duration::from_millis(500), Duration::from_secs(30), clock)
    }

    /// Delays for a database that does not answer, or not as it should: 50 ms at first, 2 s at most, since all else waits
    /// for it.
    #[must_use]
    pub fn for_database(clock: &Clock) -> Self {
        Self::between(Duration::from_millis(50), Duration::from_secs(2), clock)
    }

    /// The time to wait before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        let base = self.curve.next_backoff().unwrap_or(self.delay_max);
        let moved = base.mul_f64(1.0 - JITTER + 2.0 * JITTER * (self.random)().clamp(0.0, 1.0));
        moved.min(self.delay_max)
    }

    /// It worked: the next failure is a first one again.
    pub fn reset(&mut self) {
        self.curve.reset();
    }
}

impl std::fmt::Debug for Delays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delays")
            .field("next", &self.curve.current_interval)
            .field("max", &self.delay_max)
            .finish_non_exhaustive()
    }
}

/// Numbers in `0.0..1.0`, of the clock's randomness.
fn random_of(clock: &Clock) -> impl FnMut() -> f64 + Send + Sync + 'static {
    let clock = clock.clone();
    move || {
        // The last four bytes of a version 7 UUID are random (RFC 9562 §5.7).
        let [.., a, b, c, d] = clock.new_id().into_bytes();
        f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn delays(random: f64) -> Delays {
        Delays::new(Duration::from_secs(1), Duration::from_secs(8), move || random)
    }

    fn seconds(mut delays: Delays) -> Vec<f64> {
        (0..6).map(|_| delays.next_delay().as_secs_f64()).collect()
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        assert_eq!(seconds(delays(0.5)), [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]);
        assert_eq!(seconds(delays(0.0)), [0.8, 1.6, 3.2, 6.4, 6.4, 6.4]);
    }

    #[test]
    fn after_success_they_start_again() {
        let mut delays = delays(0.5);
        for _ in 0..5 {
            delays.next_delay();
        }
        delays.reset();
        assert_eq!(delays.next_delay(), Duration::from_secs(1));
    }

    #[test]
    fn the_clocks_randomness_is_a_share() {
        let clock = Clock::system();
        let mut random = random_of(&clock);
        let shares: Vec<f64> = (0..100).map(|_| random()).collect();
        assert!(shares.iter().all(|share| (0.0..1.0).contains(share)), "{shares:?}");
        assert!(shares.iter().any(|share| *share < 0.5) && shares.iter().any(|share| *share >= 0.5), "{shares:?}");
    }

    proptest! {
        #[test]
        fn delays_stay_in_bounds(first_ms in 1_u64..60_000, max_ms in 1_u64..600_000, random in -1.0_f64..2.0) {
            let longest = Duration::from_millis(max_ms.max(first_ms));
            let mut delays = Delays::new(Duration::from_millis(first_ms), longest, move || random);
            for _ in 0..40 {
                let delay = delays.next_delay();
                prop_assert!(delay <= longest && delay >= Duration::from_millis(first_ms).mul_f64(0.79));
            }
        }
    }
}
