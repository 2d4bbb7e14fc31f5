//! The trial of a relay that refused everybody. Pure.
//!
//! Its breaker is open like that of a relay that is away, but that it answers proves nothing: one delivery at a time is
//! let through, in the lane's fair order among tenants, until the relay accepts one.

use tracing::info;

use super::breaker::Signal;
use crate::clock::Timestamp;
use crate::policy::sender_trial::{HoldReason, trial_delay};
use crate::store::{Breaker, RelayState};

/// The state of the relay after a trial; none, if it did not refuse everybody.
pub fn after_trial(state: &RelayState, signal: Signal, now: Timestamp) -> Option<RelayState> {
    state.refused_code.as_ref()?;
    if signal == Signal::Accepted {
        info!(relay = %state.relay, "the relay accepts mail again");
        return Some(RelayState {
            refused_phase: None,
            refused_code: None,
            probes: 0,
            probe_worker: None,
            probe_until: None,
            opened_at: None,
            reason: None,
            breaker: Breaker::Closed,
            allowance: 0,
            ..state.clone()
        });
    }
    // What is neither lengthens nothing: it may have been the recipient's own.
    let probes = state.probes + u32::from(signal == Signal::Refused);
    Some(RelayState {
        breaker: Breaker::Open,
        probes,
        probe_at: Some(now.plus(trial_delay(HoldReason::SameWords, probes))),
        probe_worker: None,
        probe_until: None,
        allowance: 0,
        ..state.clone()
    })
}
