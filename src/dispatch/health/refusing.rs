//! A relay that refuses every sender: how that shows, and its trial. Pure.
//!
//! Its breaker is open like that of a relay that is away. A successful probe proves nothing here, since such a relay
//! does answer: so one delivery at a time is sent, in the lane's fair order among tenants, until the relay accepts one.

use std::time::Duration;

use tracing::info;

use crate::clock::Timestamp;
use crate::model::reply::Phase;
use crate::model::state::BreakerState;
use crate::policy::breaker::BreakerSignal;
use crate::policy::sender_trial::{HoldReason, trial_delay};
use crate::store::{RefusingRelay, RelayState, SenderHold};

/// If two senders are refused alike within so long a time, the relay may refuse every sender.
pub const TOGETHER: Duration = Duration::from_mins(5);

/// When the relay began to refuse the sender of `hold` or one of the others that it refuses alike; `None` if there is no
/// other one.
pub fn first_refusal_together(hold: &SenderHold, holds: &[SenderHold]) -> Option<Timestamp> {
    let alike = |other: &&SenderHold| {
        other.relay == hold.relay
            && other.sender != hold.sender
            && other.reason != HoldReason::DailyLimit
            && (other.phase, &other.code) == (hold.phase, &hold.code)
            && hold.held_since.since(other.held_since).max(other.held_since.since(hold.held_since)) <= TOGETHER
    };
    holds.iter().filter(alike).map(|other| other.first_refused_at.min(hold.first_refused_at)).min()
}

/// Whether the hold stands for what the relay answers to every sender.
pub fn is_part_of(hold: &SenderHold, refusing: &RefusingRelay) -> bool {
    hold.relay == refusing.relay
        && (hold.phase, &hold.code) == (refusing.phase, &refusing.code)
        && hold.reason != HoldReason::DailyLimit
}

/// The state of the relay after a trial that ended in `phase`; `None` if it was not open for refusing every sender.
///
/// An acceptance closes the breaker, and so does a reply in a later phase than the one in which every sender was
/// refused: that refusal no longer applies, whatever the later reply says. A relay that defers each recipient once
/// (greylisting) would otherwise be tried with one new recipient after the other.
pub fn after_trial(
    state: &RelayState,
    (signal, phase): (BreakerSignal, Option<Phase>),
    now: Timestamp,
) -> Option<RelayState> {
    state.refused_code.as_ref()?;
    let is_answer = matches!(signal, BreakerSignal::Worked | BreakerSignal::Refused);
    if signal == BreakerSignal::Accepted || (is_answer && phase > state.refused_phase) {
        info!(relay = %state.relay, "the relay no longer refuses every sender");
        return Some(state.clone().with_breaker_closed());
    }
    // Only a refusal lengthens the delay: any other reply may be about the recipient alone.
    let probes = state.probes + u32::from(signal == BreakerSignal::Refused);
    Some(RelayState {
        breaker: BreakerState::Open,
        probes,
        probe_at: Some(now.plus(trial_delay(HoldReason::SameWords, probes))),
        probe_worker: None,
        probe_until: None,
        allowance: 0,
        ..state.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::RelayName;

    #[test]
    fn an_acceptance_or_a_later_answer_closes_it() {
        let refusing = RelayState {
            breaker: BreakerState::HalfOpen,
            refused_phase: Some(Phase::Mail),
            refused_code: Some("550 5.7.1".to_owned()),
            ..RelayState::closed(RelayName::from("default"))
        };
        let after = |signal, phase| after_trial(&refusing, (signal, phase), Timestamp(0)).expect("it refused").breaker;
        let table = [
            (BreakerSignal::Accepted, Some(Phase::FinalDot), BreakerState::Closed),
            (BreakerSignal::Worked, Some(Phase::Rcpt), BreakerState::Closed),
            (BreakerSignal::Refused, Some(Phase::Rcpt), BreakerState::Closed),
            (BreakerSignal::Worked, Some(Phase::Mail), BreakerState::Open),
            (BreakerSignal::Refused, Some(Phase::Mail), BreakerState::Open),
            (BreakerSignal::Unavailable, None, BreakerState::Open),
        ];
        for (signal, phase, expected) in table {
            assert_eq!(after(signal, phase), expected, "{signal:?} at {phase:?}");
        }
        let well = RelayState::closed(RelayName::from("default"));
        assert_eq!(after_trial(&well, (BreakerSignal::Accepted, Some(Phase::FinalDot)), Timestamp(0)), None);
    }
}
