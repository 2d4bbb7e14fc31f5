//! A relay's rate, divided among the workers as its connections are.

use std::time::Duration;

use tokio::sync::{Mutex, watch};

use crate::clock::Clock;

/// Lets so many messages a second through.
#[derive(Debug)]
pub struct Rate {
    /// Over all workers.
    per_second: Option<f64>,
    /// The relay's connections, of which this worker has a share.
    connections: u32,
    share: watch::Receiver<u32>,
    clock: Clock,
    /// When the last turn was, by the clock's monotonic time. Who waits for the next one holds the lock: turns come in the
    /// order in which they were asked for.
    last: Mutex<Option<Duration>>,
}

impl Rate {
    /// `per_second` over all workers; this one's part is as its `share` of the connections. Without a rate nothing waits.
    #[must_use]
    pub fn new(per_second: Option<f64>, connections: u32, share: watch::Receiver<u32>, clock: Clock) -> Self {
        Self { per_second, connections, share, clock, last: Mutex::default() }
    }

    /// Waits for this worker's next turn; without a share there is none.
    pub async fn turn(&self) {
        let Some(per_second) = self.per_second else { return };
        let mut last = self.last.lock().await;
        let mut share = self.share.clone();
        let (due, interval) = loop {
            let interval = interval(per_second, *share.borrow_and_update(), self.connections);
            let turn = async {
                let interval = match interval {
                    Some(interval) => interval,
                    None => std::future::pending().await,
                };
                let now = self.clock.monotonic();
                let due = last.map_or(now, |last| last.saturating_add(interval));
                self.clock.sleep(due.saturating_sub(now)).await;
                (due, interval)
            };
            tokio::select! {
                turn = turn => break turn,
                // The sender lives as long as the lane's slots, so waiting cannot fail.
                _ = share.changed() => {}
            }
        };
        // A timer is late by up to a millisecond or more: counted from when the turn was due, the rate is kept all the
        // same. What was not used for longer is not made up for.
        let now = self.clock.monotonic();
        *last = Some(if now.saturating_sub(due) < interval { due } else { now });
    }
}

/// The time between two messages; none without a share.
fn interval(per_second: f64, share: u32, connections: u32) -> Option<Duration> {
    (share > 0)
        .then(|| Duration::try_from_secs_f64(f64::from(connections) / f64::from(share) / per_second))
        .map(|interval| interval.unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::clock::Timestamp;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn rate(per_second: f64, connections: u32) -> (Rate, watch::Sender<u32>, Clock) {
        let (share, clock) = (watch::Sender::new(connections), Clock::manual(Timestamp(0)));
        (Rate::new(Some(per_second), connections, share.subscribe(), clock.clone()), share, clock)
    }

    /// How many turns come within `time`, looked at every millisecond.
    fn turns_within(rate: &Rate, clock: &Clock, time: Duration) -> usize {
        let mut turns = 0;
        let mut waiting = Box::pin(rate.turn());
        for _ in 0..time.as_millis() {
            while (&mut waiting).now_or_never().is_some() {
                turns += 1;
                waiting = Box::pin(rate.turn());
            }
            clock.advance(ms(1));
        }
        turns
    }

    #[tokio::test]
    async fn turns_come_at_the_rate_of_the_share() {
        let (rate, share, clock) = rate(10.0, 4);
        assert_eq!(turns_within(&rate, &clock, ms(1_000)), 10);
        share.send_replace(1);
        assert_eq!(turns_within(&rate, &clock, ms(4_000)), 10);
    }

    #[tokio::test]
    async fn a_share_that_changes_counts_for_who_waits_already() {
        let (rate, share, clock) = rate(1.0, 1);
        rate.turn().await;
        let mut waiting = Box::pin(rate.turn());
        assert!((&mut waiting).now_or_never().is_none());
        share.send_replace(0);
        assert!((&mut waiting).now_or_never().is_none());
        clock.advance(Duration::from_mins(1));
        assert!((&mut waiting).now_or_never().is_none(), "without a share there is no turn");
        share.send_replace(1);
        assert!((&mut waiting).now_or_never().is_some(), "it has waited long enough");
        assert!(rate.turn().now_or_never().is_none(), "the minute without a turn is not made up for");
    }

    #[tokio::test]
    async fn who_does_not_wait_for_a_turn_uses_none_up() {
        let (rate, _share, clock) = rate(1.0, 1);
        rate.turn().await;
        clock.advance(ms(500));
        assert!(rate.turn().now_or_never().is_none());
        clock.advance(ms(500));
        assert!(rate.turn().now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_timer_that_is_late_costs_nothing() {
        let (rate, _share, clock) = rate(100.0, 1);
        rate.turn().await;
        clock.advance(ms(15));
        assert!(rate.turn().now_or_never().is_some());
        clock.advance(ms(5));
        assert!(rate.turn().now_or_never().is_some());
        assert!(rate.turn().now_or_never().is_none());
    }

    #[tokio::test]
    async fn without_a_rate_nothing_waits() {
        let share = watch::Sender::new(0);
        let rate = Rate::new(None, 4, share.subscribe(), Clock::manual(Timestamp(0)));
        assert!(rate.turn().now_or_never().is_some());
    }
}
