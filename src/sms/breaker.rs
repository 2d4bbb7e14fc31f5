//! When the provider is not asked: after several faults of its own, for a while; then one message tries it.

use std::time::Duration;

use parking_lot::Mutex;

/// Faults in a row that open it.
const FAULTS_MAX: u32 = 3;
/// How long it is open at first; twice as long after each trial that fails …
const OPEN_AT_FIRST: Duration = Duration::from_secs(30);
/// … and never longer.
const OPEN_AT_MOST: Duration = Duration::from_mins(5);

/// Notes the faults of one provider, in this process.
#[derive(Debug, Default)]
pub(super) struct SmsBreaker(Mutex<BreakerNotes>);

#[derive(Debug, Default)]
struct BreakerNotes {
    /// Faults in a row.
    faults: u32,
    /// Until when nothing is sent, by the monotonic clock; some time ago while one message tries.
    open_until: Option<Duration>,
    /// How long it was opened for last.
    opened_for: Duration,
    /// A message is trying whether the provider works again.
    trial: bool,
}

/// The right to ask the provider once. Dropped without a verdict it changes nothing.
#[derive(Debug)]
pub(super) struct SmsPermit<'b> {
    breaker: &'b SmsBreaker,
    is_trial: bool,
}

impl SmsBreaker {
    /// Whether messages are not sent now.
    pub(super) fn is_open(&self, now: Duration) -> bool {
        let notes = self.0.lock();
        notes.open_until.is_some_and(|until| now < until || notes.trial)
    }

    /// Lets a message through; none while it is open. After its time, one alone.
    pub(super) fn permit(&self, now: Duration) -> Option<SmsPermit<'_>> {
        let mut notes = self.0.lock();
        let is_trial = match notes.open_until {
            None => false,
            Some(until) if now >= until && !notes.trial => true,
            Some(_) => return None,
        };
        notes.trial = is_trial;
        Some(SmsPermit { breaker: self, is_trial })
    }
}

impl SmsPermit<'_> {
    /// Says whether the provider failed.
    pub(super) fn conclude(self, is_fault: bool, now: Duration) {
        let mut notes = self.breaker.0.lock();
        if !is_fault {
            *notes = BreakerNotes::default();
            return;
        }
        notes.faults += 1;
        if self.is_trial || (notes.open_until.is_none() && notes.faults >= FAULTS_MAX) {
            let time = if self.is_trial { notes.opened_for * 2 } else { OPEN_AT_FIRST };
            notes.opened_for = time.min(OPEN_AT_MOST);
            notes.open_until = Some(now + notes.opened_for);
            notes.trial = false;
        }
    }
}

impl Drop for SmsPermit<'_> {
    fn drop(&mut self) {
        if self.is_trial {
            self.breaker.0.lock().trial = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn send(breaker: &SmsBreaker, seconds: u64, is_fault: bool) -> bool {
        let permit = breaker.permit(at(seconds));
        let sent = permit.is_some();
        if let Some(permit) = permit {
            permit.conclude(is_fault, at(seconds));
        }
        sent
    }

    #[test]
    fn three_faults_in_a_row_open_it_and_one_message_tries_again() {
        let breaker = SmsBreaker::default();
        for (second, is_fault) in [(0, true), (1, true), (2, false), (3, true), (4, true)] {
            assert!(send(&breaker, second, is_fault));
            assert!(!breaker.is_open(at(second)));
        }
        assert!(send(&breaker, 5, true) && breaker.is_open(at(5)));
        assert!(!send(&breaker, 34, false), "open for 30 s");
        assert!(!breaker.is_open(at(35)), "whoever comes now may try");
        let trial = breaker.permit(at(35)).expect("one alone");
        assert!(breaker.is_open(at(36)) && breaker.permit(at(36)).is_none());
        trial.conclude(true, at(37));
        assert!(!send(&breaker, 96, false), "open for 60 s");
        drop(breaker.permit(at(97)).expect("a trial"));
        assert!(send(&breaker, 98, true), "one that was broken off decides nothing");
        assert!(!send(&breaker, 217, false), "open for 120 s");
        assert!(send(&breaker, 218, false) && !breaker.is_open(at(218)));
        assert!(send(&breaker, 219, true) && send(&breaker, 219, true) && !breaker.is_open(at(219)));
    }

    #[test]
    fn it_is_never_open_for_longer_than_five_minutes() {
        let breaker = SmsBreaker::default();
        let mut now = 0;
        for _ in 0..20 {
            send(&breaker, now, true);
            now += 300;
        }
        assert!(!breaker.is_open(at(now)));
    }
}
