//! How many deliveries a lane claims ahead of its connections.
//!
//! What is claimed is sent in the order of its claims: a tenant's only invoice, or a person's resend, waits behind all
//! that this worker has claimed before. So no more is claimed than keeps the connections busy. How much that is depends
//! on the relay, the documents and the database, and is found out: one more when a connection has waited for a message
//! although others were due, half as many when a message has waited for a connection.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// A message may wait so long for a connection: enough to claim and compose others meanwhile.
const WAIT_MAX: Duration = Duration::from_millis(250);
/// A connection may wait for a message for this part of the time that its last one took.
const STARVED_PART: u32 = 25;

/// The deliveries that one lane of one worker claims ahead.
#[derive(Debug)]
pub struct ClaimsAhead {
    count_max: u32,
    state: Mutex<ClaimsAheadState>,
}

#[derive(Debug)]
struct ClaimsAheadState {
    count: u32,
    /// Since when claims have found as many as were asked for.
    due_since: Option<Instant>,
}

impl ClaimsAhead {
    /// At least one, and `count_max` at most.
    #[must_use]
    pub fn new(count_max: u32) -> Self {
        Self { count_max: count_max.max(1), state: Mutex::new(ClaimsAheadState { count: 1, due_since: None }) }
    }

    /// How many are claimed ahead now.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.state.lock().count
    }

    /// How a claim ended.
    pub fn claimed(&self, more_is_due: bool) {
        let mut state = self.state.lock();
        state.due_since = if more_is_due { state.due_since.or_else(|| Some(Instant::now())) } else { None };
    }

    /// A connection has waited for its next message, after one that took so long.
    pub fn connection_waited(&self, waited: Duration, last_took: Duration) {
        let mut state = self.state.lock();
        let Some(due) = state.due_since.map(|since| since.elapsed()) else { return };
        // Not the time in which nothing was due.
        if waited.min(due).saturating_mul(STARVED_PART) > last_took {
            state.count = (state.count + 1).min(self.count_max);
        }
    }

    /// A composed message has waited for a connection.
    pub fn message_waited(&self, waited: Duration) {
        if waited > WAIT_MAX {
            let mut state = self.state.lock();
            state.count = (state.count / 2).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_fast_relay_has_many_claimed_ahead_and_a_slow_one_few() {
        let ahead = ClaimsAhead::new(12);
        ahead.connection_waited(ms(5), ms(1));
        assert_eq!(ahead.count(), 1, "nothing else is due");
        ahead.claimed(true);
        ahead.connection_waited(ms(60_000), ms(60_000));
        assert_eq!(ahead.count(), 1, "it waited for something to be due");
        for _ in 0..20 {
            // However little time has passed since more is due.
            ahead.connection_waited(ms(5), Duration::ZERO);
            ahead.message_waited(ms(20));
        }
        assert_eq!(ahead.count(), 12);
        for (waited, expected) in [(250, 12), (251, 6), (2_000, 3), (2_000, 1), (2_000, 1)] {
            ahead.message_waited(ms(waited));
            assert_eq!(ahead.count(), expected);
        }
        ahead.state.lock().due_since = Instant::now().checked_sub(ms(1_000));
        // To claim one takes 50 ms: little beside two seconds for each message.
        ahead.connection_waited(ms(50), ms(2_000));
        assert_eq!(ahead.count(), 1);
        ahead.connection_waited(ms(50), ms(200));
        assert_eq!(ahead.count(), 2);
        ahead.claimed(false);
        ahead.connection_waited(ms(50), ms(200));
        assert_eq!(ahead.count(), 2, "nothing is due any more");
    }

    #[test]
    fn the_minutes_between_two_batches_do_not_count() {
        let ahead = ClaimsAhead::new(12);
        for batch in 1..=3 {
            // The first claims find as many as were asked for. Each connection has waited since the batch before.
            ahead.claimed(true);
            ahead.claimed(true);
            for _ in 0..4 {
                ahead.connection_waited(ms(300_000), ms(100_000));
            }
            assert_eq!(ahead.count(), 1, "batch {batch}");
            // The last claim finds fewer, and all later ones none.
            ahead.claimed(false);
        }
        let due_for = |milliseconds| {
            ahead.state.lock().due_since = Instant::now().checked_sub(ms(milliseconds));
        };
        due_for(10);
        ahead.connection_waited(ms(300_000), ms(100_000));
        assert_eq!(ahead.count(), 1, "to claim and compose takes a moment");
        due_for(10_000);
        ahead.connection_waited(ms(300_000), ms(100_000));
        assert_eq!(ahead.count(), 2, "it has waited for long although more was due");
    }
}
