//! What a relay's shared row says next: opened, probed, tried, closed. Pure.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::model::state::BreakerState;
use crate::policy::breaker::{BreakerTrip, probe_delay};
use crate::store::RelayState;

/// How long the lease to probe holds. While a mail of its trial is on the way it is renewed: a relay may take ten
/// minutes to answer the final dot.
pub const LEASE: Duration = Duration::from_mins(2);

/// Whether the relay is to be probed now.
pub fn probe_is_due(state: &RelayState, now: Timestamp) -> bool {
    state.probe_at.is_some_and(|at| at <= now)
}

/// The state of a relay whose breaker opens by `trip`.
pub fn opened(state: &RelayState, trip: BreakerTrip, now: Timestamp) -> RelayState {
    let probes = if state.breaker == BreakerState::HalfOpen { state.probes + 1 } else { 0 };
    RelayState {
        breaker: BreakerState::Open,
        reason: Some(trip.as_str().to_owned()),
        opened_at: state.opened_at.or(Some(now)),
        probes,
        probe_at: Some(now.plus(probe_delay(probes))),
        probe_worker: None,
        probe_until: None,
        allowance: 0,
        ..state.clone()
    }
}

/// The worker that tried the relay did not end its trial: it has stopped, or its lease ran out.
pub fn trial_is_abandoned(state: &RelayState, now: Timestamp) -> bool {
    state.breaker == BreakerState::HalfOpen && state.probe_until.is_none_or(|until| until <= now)
}

/// Open, and probed again as soon as a worker takes the lease.
pub fn probed_at_once(state: RelayState, now: Timestamp) -> RelayState {
    RelayState { breaker: BreakerState::Open, probe_at: Some(now), probe_until: None, ..state }
}

/// Open, after a probe that failed.
pub fn probed_later(state: RelayState, reason: String, now: Timestamp) -> RelayState {
    let probes = state.probes + 1;
    let probe_at = Some(now.plus(probe_delay(probes)));
    RelayState { probes, probe_at, probe_until: None, reason: Some(reason), ..state }
}

/// The relay answered the probe: its trial begins with one delivery.
pub fn half_open(state: RelayState, now: Timestamp) -> RelayState {
    let probe_until = Some(now.plus(LEASE));
    RelayState { breaker: BreakerState::HalfOpen, probe_at: None, probe_until, allowance: 1, ..state }
}

/// The relay answered all `allowance` deliveries of its trial: twice as many may go, or it is over.
pub fn grown(state: RelayState, allowance: u32, connections: u32, now: Timestamp) -> RelayState {
    if allowance.saturating_mul(2) > connections {
        state.with_breaker_closed()
    } else {
        RelayState { allowance: allowance * 2, probe_until: Some(now.plus(LEASE)), ..state }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::RelayName;

    #[test]
    fn a_trial_doubles_until_every_connection_works() {
        let closed = RelayState::closed(RelayName::from("default"));
        let now = Timestamp(1_000);
        let open = opened(
            &closed,
            BreakerTrip::of_trial(crate::policy::breaker::BreakerSignal::Unavailable).expect("it failed"),
            now,
        );
        assert!((open.breaker, open.opened_at) == (BreakerState::Open, Some(now)) && !probe_is_due(&open, now));
        let failed = probed_later(open.clone(), "connection refused".to_owned(), now);
        assert!(failed.probe_at > open.probe_at && failed.probes == 1, "each probe waits longer");
        let mut state = half_open(failed, now);
        for allowance in [1, 2, 4] {
            assert_eq!((state.breaker, state.allowance), (BreakerState::HalfOpen, allowance));
            assert!(!trial_is_abandoned(&state, now) && trial_is_abandoned(&state, now.plus(LEASE)));
            state = grown(state, allowance, 7, now);
        }
        assert_eq!(state.breaker, BreakerState::Closed, "8 would be more than its 7 connections");
    }
}
