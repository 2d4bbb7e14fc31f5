//! When a held sender is tried again, and what the answer says.

use std::time::Duration;

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use super::schedule::step;
use super::sender_trip::is_bare;
use crate::model::reason::ReasonCode;

/// Why a sender is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum HoldReason {
    /// The relay refuses it.
    Refused,
    /// The relay rejects its recipients in the same words, which it may mean for the sender: or they are really gone.
    SameWords,
    /// It has sent what the relay allows in a day.
    DailyLimit,
}

/// How soon trials come, in minutes, each after the one before.
const MINUTES: [u64; 4] = [5, 15, 60, 120];
/// Where only words say so, it is more likely that the recipients are gone: good mail must not wait for them. So many …
const QUICK_TRIALS: u32 = 24;
/// … come so soon …
const QUICK_DELAY: Duration = Duration::from_secs(5);
/// … and all others so.
const QUICK_DELAY_MAX: Duration = Duration::from_secs(30);

/// What is held since the sender has sent what it may is tried sooner, at first: the limit may be an hour's, or the
/// answer meant its recipient, and then the others of the sender wait for nothing.
const LIMIT_DELAYS: [Duration; 6] = [
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
    Duration::from_hours(2),
];

/// How soon a trial is repeated that the relay put off.
pub const PUT_OFF: Duration = Duration::from_mins(5);

/// How long after `trials` refused ones the next trial is.
#[must_use]
pub fn trial_delay(reason: HoldReason, trials: u32) -> Duration {
    match reason {
        HoldReason::SameWords if trials < QUICK_TRIALS => QUICK_DELAY,
        HoldReason::SameWords => QUICK_DELAY_MAX,
        HoldReason::Refused => step(&MINUTES.map(Duration::from_mins), trials),
        HoldReason::DailyLimit => step(&LIMIT_DELAYS, trials),
    }
}

/// How many held senders of a relay with so many connections are tried at once. However many are held, the connections
/// are there for what is not.
#[must_use]
pub fn trials_at_once(connections: u32) -> u32 {
    (connections / 8).max(2).min((connections / 2).max(1))
}

/// How a relay answered a mail, as far as it speaks of the sender. `P` is the phase of the conversation, the earlier
/// the smaller.
#[derive(Debug, Clone, Copy)]
pub struct TrialEnd<'a, P> {
    /// Where the attempt ended; none if it was not made.
    pub phase: Option<P>,
    pub class: ReasonCode,
    /// The relay's codes; none if it did not answer.
    pub code: Option<&'a str>,
}

/// What a trial says of the hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialVerdict {
    /// The relay takes the sender: the hold ends.
    Taken,
    /// It does not.
    Refused,
    /// The relay put it off: it is asked once more.
    PutOff,
    /// There is no answer: another delivery is tried at once.
    Unanswered,
}

/// What an attempt says of a hold for `reason` that began with an answer at `held_at`.
#[must_use]
pub fn judge<P: Copy + Ord>(reason: HoldReason, held_at: P, end: &TrialEnd<'_, P>) -> TrialVerdict {
    let Some(phase) = end.phase else { return TrialVerdict::Unanswered };
    // What was said before the phase in question says nothing about it, but for refusals of the sender.
    match end.class {
        ReasonCode::Accepted => TrialVerdict::Taken,
        _ if phase > held_at => TrialVerdict::Taken,
        _ if end.code.is_none() => TrialVerdict::Unanswered,
        ReasonCode::Refused => TrialVerdict::Refused,
        ReasonCode::Rejected if phase < held_at => TrialVerdict::Unanswered,
        ReasonCode::Rejected if end.code.is_some_and(is_bare) => TrialVerdict::Refused,
        ReasonCode::Rejected => TrialVerdict::Taken,
        // Limits are reported by 4xx and 5xx, and each is a deferral.
        ReasonCode::Deferred if reason == HoldReason::DailyLimit => TrialVerdict::Refused,
        ReasonCode::Deferred => TrialVerdict::PutOff,
        _ => TrialVerdict::Unanswered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_become_rarer() {
        let minutes = [0, 1, 2, 3, 40].map(|trials| trial_delay(HoldReason::Refused, trials).as_secs() / 60);
        assert_eq!(minutes, [5, 15, 60, 120, 120]);
        let limit = [0, 1, 2, 3, 4, 5, 40].map(|trials| trial_delay(HoldReason::DailyLimit, trials).as_secs());
        assert_eq!(limit, [30, 120, 300, 900, 3_600, 7_200, 7_200]);
        let words = |trials| trial_delay(HoldReason::SameWords, trials).as_secs();
        assert_eq!([0, 23, 24, 1_000].map(words), [5, 5, 30, 30]);
        assert_eq!((0..24).map(words).sum::<u64>(), 120);
    }

    #[test]
    fn trials_take_few_of_the_connections() {
        let at_once = [1, 2, 3, 4, 10, 16, 24, 64, 200].map(trials_at_once);
        assert_eq!(at_once, [1, 1, 1, 2, 2, 2, 3, 8, 25]);
    }

    #[test]
    fn a_trial_ends_the_hold_as_the_answer_says() {
        let (mail, rcpt, dot) = (1, 2, 3);
        let table = [
            (rcpt, Some(dot), ReasonCode::Accepted, Some("250 2.0.0"), TrialVerdict::Taken),
            (rcpt, Some(rcpt), ReasonCode::Refused, Some("550 5.7.1"), TrialVerdict::Refused),
            (rcpt, Some(mail), ReasonCode::Refused, Some("550 5.7.1"), TrialVerdict::Refused),
            (rcpt, Some(rcpt), ReasonCode::Rejected, Some("550 5.1.1"), TrialVerdict::Taken),
            (rcpt, Some(rcpt), ReasonCode::Rejected, Some("550"), TrialVerdict::Refused),
            (rcpt, Some(rcpt), ReasonCode::Deferred, Some("451 4.7.1"), TrialVerdict::PutOff),
            (rcpt, Some(rcpt), ReasonCode::Deferred, None, TrialVerdict::Unanswered),
            (rcpt, Some(dot), ReasonCode::Deferred, Some("451 4.7.1"), TrialVerdict::Taken),
            (rcpt, Some(dot), ReasonCode::Uncertain, None, TrialVerdict::Taken),
            (dot, Some(dot), ReasonCode::Uncertain, None, TrialVerdict::Unanswered),
            (dot, Some(rcpt), ReasonCode::Rejected, Some("550 5.1.1"), TrialVerdict::Unanswered),
            (dot, Some(rcpt), ReasonCode::Rejected, Some("550"), TrialVerdict::Unanswered),
            (dot, Some(dot), ReasonCode::Rejected, Some("550 5.1.1"), TrialVerdict::Taken),
            (mail, Some(rcpt), ReasonCode::Rejected, Some("550"), TrialVerdict::Taken),
            (rcpt, None, ReasonCode::RelayUnavailable, None, TrialVerdict::Unanswered),
            (rcpt, None, ReasonCode::DocumentMissing, None, TrialVerdict::Unanswered),
            (rcpt, Some(mail), ReasonCode::TooLarge, Some("552 5.3.4"), TrialVerdict::Unanswered),
        ];
        for (held_at, phase, class, code, expected) in table {
            let end = TrialEnd { phase, class, code };
            assert_eq!(judge(HoldReason::Refused, held_at, &end), expected, "{end:?} of a hold at {held_at}");
        }
        let limited = TrialEnd { phase: Some(rcpt), class: ReasonCode::Deferred, code: Some("550 5.4.5") };
        assert_eq!(judge(HoldReason::DailyLimit, rcpt, &limited), TrialVerdict::Refused);
    }
}
