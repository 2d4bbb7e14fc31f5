//! Requests that are refused for their token: each is counted, and the log hears of them once a minute.

use std::time::Duration;

use metrics::counter;
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::telemetry::metric;

/// A guesser could otherwise fill the disk.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// What is still to be said of refused requests.
#[derive(Debug)]
pub(super) struct RefusedTokens {
    clock: Clock,
    unsaid: Mutex<Unsaid>,
}

#[derive(Debug, Default)]
struct Unsaid {
    count: u64,
    /// When the log heard of some last, by the monotonic clock.
    said_at: Option<Duration>,
}

impl RefusedTokens {
    /// None so far.
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, unsaid: Mutex::default() }
    }

    /// One more.
    pub(super) fn count(&self) {
        counter!(metric::API_UNAUTHORISED).increment(1);
        if let Some(count) = self.due() {
            tracing::warn!(
                count,
                "requests without a token, or with a wrong one, that the API refused: {count}; if a client of ours sends \
                 them, give it a token of `tokens add`"
            );
        }
    }

    /// How many the log is to hear of now, if it is time.
    fn due(&self) -> Option<u64> {
        let now = self.clock.monotonic();
        let mut unsaid = self.unsaid.lock();
        unsaid.count += 1;
        if unsaid.said_at.is_some_and(|at| now.saturating_sub(at) < LOG_INTERVAL) {
            return None;
        }
        unsaid.said_at = Some(now);
        Some(std::mem::take(&mut unsaid.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn the_log_hears_of_the_first_and_then_once_a_minute() {
        let clock = Clock::manual(Timestamp(0));
        let refused = RefusedTokens::new(clock.clone());
        assert_eq!(refused.due(), Some(1));
        assert!((0..3_000).all(|_| refused.due().is_none()));
        clock.advance(LOG_INTERVAL);
        assert_eq!(refused.due(), Some(3_001));
    }
}
