//! What a worker counts while it tries a relay again: which deliveries are the trial's. Pure.
//!
//! A delivery that was sent before the trial began may wait ten minutes for the relay's last reply. It does not belong to
//! the trial: it does not count against the trial's limit, and its outcome does not decide the trial.

use std::time::Duration;

use crate::clock::Timestamp;

/// A trial without a delivery for so long ends, and the breaker closes: the successful probe has to suffice.
pub const IDLE_MAX: Duration = Duration::from_mins(1);

/// Which of a worker's trials of one relay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrialNumber(u64);

/// A worker's emails on the way to one relay, by trial.
#[derive(Debug, Default)]
pub struct RelayTrial {
    /// The trial that runs, or the last one.
    number: TrialNumber,
    /// Deliveries of its running round that the relay answered.
    answered: u32,
    /// Emails on the way that passed since it began.
    passing: u32,
    /// Emails on the way that passed before.
    passing_before: u32,
    /// When it began, or when the last of its own was no longer on the way.
    idle_since: Option<Timestamp>,
}

impl RelayTrial {
    /// A trial begins: what is on the way now is not of it.
    pub fn begin(&mut self, now: Timestamp) {
        self.number.0 += 1;
        self.passing_before += std::mem::take(&mut self.passing);
        self.answered = 0;
        self.idle_since = Some(now);
    }

    /// An email passes; says with which trial.
    pub fn enter(&mut self) -> TrialNumber {
        self.passing += 1;
        self.number
    }

    /// It is not on the way any more.
    pub fn leave(&mut self, number: TrialNumber, now: Timestamp) {
        if self.is_running(number) {
            self.passing -= 1;
            self.idle_since = Some(now);
        } else {
            self.passing_before -= 1;
        }
    }

    /// Whether what passed with this trial speaks for the one that runs.
    pub fn is_running(&self, number: TrialNumber) -> bool {
        self.number == number
    }

    /// The relay answered one more of its deliveries; says whether that ends a round of so many.
    pub fn answered_all(&mut self, round: u32) -> bool {
        self.answered += 1;
        let is_over = self.answered >= round;
        if is_over {
            self.answered = 0;
        }
        is_over
    }

    /// Emails on the way that are its own.
    pub fn under_way(&self) -> u32 {
        self.passing
    }

    /// Emails on the way that are not of it.
    pub fn passing_before(&self) -> u32 {
        self.passing_before
    }

    /// Whether it has had nothing to send for [`IDLE_MAX`].
    pub fn is_idle(&self, now: Timestamp) -> bool {
        self.passing == 0 && self.idle_since.is_some_and(|since| now.since(since) >= IDLE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    #[test]
    fn what_passed_before_takes_no_place_and_says_nothing() {
        let mut trial = RelayTrial::default();
        let hanging = trial.enter();
        trial.begin(NOW);
        assert_eq!((trial.passing_before(), trial.under_way()), (1, 0));
        let tried = trial.enter();
        assert!(trial.is_running(tried) && !trial.is_running(hanging));
        trial.leave(hanging, NOW);
        assert_eq!((trial.passing_before(), trial.under_way()), (0, 1));
        trial.begin(NOW);
        trial.leave(tried, NOW);
        assert_eq!((trial.passing_before(), trial.under_way()), (0, 0));
    }

    #[test]
    fn rounds_are_counted_from_the_beginning_of_a_trial() {
        let mut trial = RelayTrial::default();
        trial.begin(NOW);
        assert!(trial.answered_all(1));
        assert!(!trial.answered_all(2));
        trial.begin(NOW);
        assert!(!trial.answered_all(2));
        assert!(trial.answered_all(2));
    }

    #[test]
    fn a_trial_is_idle_a_minute_after_its_last_delivery() {
        let later = |seconds| NOW.plus(Duration::from_secs(seconds));
        let mut trial = RelayTrial::default();
        trial.begin(NOW);
        assert!(!trial.is_idle(later(59)) && trial.is_idle(later(60)));
        let tried = trial.enter();
        assert!(!trial.is_idle(later(600)));
        trial.leave(tried, later(600));
        assert!(!trial.is_idle(later(659)) && trial.is_idle(later(660)));
    }
}
