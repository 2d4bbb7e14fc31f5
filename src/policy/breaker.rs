//! When a relay is left alone, and when it is tried again.
//!
//! Pure: signals in, trips out. The state itself is a row that all workers share (`store::relay_state`), so one
//! worker's bad luck is every worker's knowledge, and a pause survives a restart.

use std::collections::VecDeque;
use std::time::Duration;

use super::schedule::step;
use crate::clock::Timestamp;

/// What one transaction shows about the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerSignal {
    /// It answered a transaction by neither of the next two.
    Worked,
    /// It accepted a message.
    Accepted,
    /// It refused one, as it may refuse every sender.
    Refused,
    /// It could not be used: connect, TLS, banner, EHLO, a login that it wants and we have not, or a fresh connection
    /// that broke before DATA.
    Unavailable,
    /// It took DATA and did not answer.
    Uncertain,
}

/// Why the breaker opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerTrip {
    /// Five times in a row.
    Unavailable,
    /// Half or more of at least twenty within a minute.
    FailureRate,
    /// Three in a row took DATA and did not answer.
    Uncertain,
    /// A delivery of the trial found it unavailable: one is enough, since the breaker was about to close.
    TrialUnavailable,
    /// A delivery of the trial took DATA and was not answered.
    TrialUncertain,
}

impl BreakerTrip {
    /// The reason as people read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "the relay was unavailable 5 times in a row",
            Self::FailureRate => "half or more of the last minute's attempts found the relay unavailable",
            Self::Uncertain => "3 messages in a row were handed over and not answered",
            Self::TrialUnavailable => "a delivery that tried the relay again found it unavailable",
            Self::TrialUncertain => "a message that tried the relay again was handed over and not answered",
        }
    }
}

impl BreakerTrip {
    /// Why the breaker opens again when a delivery of the trial ends so; `None` if the relay works.
    #[must_use]
    pub const fn of_trial(signal: BreakerSignal) -> Option<Self> {
        match signal {
            BreakerSignal::Worked | BreakerSignal::Accepted | BreakerSignal::Refused => None,
            BreakerSignal::Unavailable => Some(Self::TrialUnavailable),
            BreakerSignal::Uncertain => Some(Self::TrialUncertain),
        }
    }
}

const UNAVAILABLE_IN_A_ROW: u32 = 5;
const UNCERTAIN_IN_A_ROW: u32 = 3;
const WINDOW: Duration = Duration::from_mins(1);
const WINDOW_SIGNALS_MIN: usize = 20;
/// More signals than this in the window add nothing to what the rate says.
const WINDOW_SIGNALS_MAX: usize = 1_000;

/// Counts one worker's signals about one relay.
#[derive(Debug, Default)]
pub struct Breaker {
    unavailable_in_a_row: u32,
    uncertain_in_a_row: u32,
    /// When, and whether it failed.
    window: VecDeque<(Timestamp, bool)>,
    failures_in_window: usize,
}

impl Breaker {
    /// Takes a signal in; says whether the breaker opens by it. After a trip the counts start anew.
    pub fn observe(&mut self, signal: BreakerSignal, now: Timestamp) -> Option<BreakerTrip> {
        self.count(signal, now);
        let trip = self.trip();
        if trip.is_some() {
            *self = Self::default();
        }
        trip
    }

    fn count(&mut self, signal: BreakerSignal, now: Timestamp) {
        match signal {
            BreakerSignal::Worked | BreakerSignal::Accepted | BreakerSignal::Refused => {
                (self.unavailable_in_a_row, self.uncertain_in_a_row) = (0, 0);
            }
            BreakerSignal::Unavailable => self.unavailable_in_a_row += 1,
            BreakerSignal::Uncertain => {
                self.unavailable_in_a_row = 0;
                self.uncertain_in_a_row += 1;
            }
        }
        let failed = signal == BreakerSignal::Unavailable;
        self.window.push_back((now, failed));
        self.failures_in_window += usize::from(failed);
        let begin = now.minus(WINDOW);
        while let Some((when, failed)) = self.window.front().copied() {
            if when >= begin && self.window.len() <= WINDOW_SIGNALS_MAX {
                break;
            }
            self.window.pop_front();
            self.failures_in_window -= usize::from(failed);
        }
    }

    fn trip(&self) -> Option<BreakerTrip> {
        if self.unavailable_in_a_row >= UNAVAILABLE_IN_A_ROW {
            Some(BreakerTrip::Unavailable)
        } else if self.uncertain_in_a_row >= UNCERTAIN_IN_A_ROW {
            Some(BreakerTrip::Uncertain)
        } else if self.window.len() >= WINDOW_SIGNALS_MIN && self.failures_in_window * 2 >= self.window.len() {
            Some(BreakerTrip::FailureRate)
        } else {
            None
        }
    }
}

/// How long an open breaker waits before probe number `probes` (from 0).
#[must_use]
pub fn probe_delay(probes: u32) -> Duration {
    step(&[15, 30, 60, 120].map(Duration::from_secs), probes)
}

/// How long refused credentials are left alone before try number `tries` (from 0).
///
/// Slow: providers lock accounts that keep trying.
#[must_use]
pub fn login_delay(tries: u32) -> Duration {
    step(&[5, 15, 60].map(Duration::from_mins), tries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observe_all(breaker: &mut Breaker, signals: &[BreakerSignal]) -> Option<BreakerTrip> {
        signals.iter().fold(None, |trip, signal| trip.or(breaker.observe(*signal, Timestamp(0))))
    }

    #[test]
    fn opens_as_the_signals_say() {
        use BreakerSignal::{Unavailable, Uncertain, Worked};
        let alternating = [Worked, Unavailable].repeat(10);
        let one_in_three = [Worked, Worked, Unavailable].repeat(20);
        let table: &[(&[BreakerSignal], Option<BreakerTrip>)] = &[
            (&[Unavailable; 4], None),
            (&[Unavailable; 5], Some(BreakerTrip::Unavailable)),
            (&[Unavailable, Unavailable, Unavailable, Unavailable, Worked, Unavailable], None),
            (&[Uncertain; 2], None),
            (&[Uncertain; 3], Some(BreakerTrip::Uncertain)),
            (&[Uncertain, Uncertain, Worked, Uncertain], None),
            (&alternating[..19], None),
            (&alternating, Some(BreakerTrip::FailureRate)),
            (&one_in_three, None),
        ];
        for (signals, expected) in table {
            assert_eq!(observe_all(&mut Breaker::default(), signals), *expected, "{signals:?}");
        }
    }

    #[test]
    fn one_failed_trial_is_called_one_failed_trial() {
        for signal in [BreakerSignal::Unavailable, BreakerSignal::Uncertain] {
            let words = BreakerTrip::of_trial(signal).expect("the trial failed").as_str();
            assert!(words.starts_with("a ") && !words.contains("in a row"), "{words}");
        }
        assert_eq!(BreakerTrip::of_trial(BreakerSignal::Worked), None);
    }

    #[test]
    fn what_is_older_than_a_minute_is_forgotten() {
        let mut breaker = Breaker::default();
        for _ in 0..9 {
            breaker.observe(BreakerSignal::Unavailable, Timestamp(0));
            breaker.observe(BreakerSignal::Worked, Timestamp(0));
        }
        let later = Timestamp(61_000);
        assert_eq!(breaker.observe(BreakerSignal::Worked, later), None);
        assert_eq!(breaker.observe(BreakerSignal::Unavailable, later), None);
        assert_eq!(breaker.window.len(), 2);
    }

    #[test]
    fn probes_become_rarer() {
        let delays = |delay: fn(u32) -> Duration| [0, 1, 2, 3, 9].map(|number| delay(number).as_secs());
        assert_eq!(delays(probe_delay), [15, 30, 60, 120, 120]);
        assert_eq!(delays(login_delay), [300, 900, 3_600, 3_600, 3_600]);
    }
}
