//! Why a relay does not send, in the same words everywhere.

use crate::cli::terminal::format::{count, relative};
use crate::clock::Timestamp;
use crate::model::state::BreakerState;
use crate::store::{RefusedCredentials, RelayState};

/// Where the breaker stands and why, if it is not closed and there is something to say.
pub(in crate::cli) fn health(state: &RelayState) -> Option<String> {
    match state.breaker {
        BreakerState::Closed => None,
        BreakerState::Open => state.reason.clone(),
        // Why it was opened is past: it answers again.
        BreakerState::HalfOpen => {
            let allowance = usize::try_from(state.allowance.max(1)).unwrap_or(usize::MAX);
            Some(format!("being tried with {}", count(allowance, "delivery")))
        }
    }
}

/// That a relay refuses credentials: whose, since when, and what comes next.
pub(in crate::cli) fn credentials_refused(refused: &RefusedCredentials, now: Timestamp) -> String {
    let RefusedCredentials { relay, user, reply, refused_at, try_at, .. } = refused;
    let next = if *try_at <= now { "now".to_owned() } else { relative(*try_at, now) };
    format!(
        "refuses these credentials (user {user}, since {}): {reply}; next try {next}; `relays resume {relay}` tries at \
         once",
        relative(*refused_at, now)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::RelayName;

    #[test]
    fn a_trial_is_reported_as_a_trial_whatever_opened_the_breaker() {
        let closed = RelayState::closed(RelayName::from("default"));
        let open = RelayState { breaker: BreakerState::Open, reason: Some("it was away".to_owned()), ..closed.clone() };
        let trial = |allowance| RelayState { breaker: BreakerState::HalfOpen, allowance, ..open.clone() };
        assert_eq!(health(&closed), None);
        assert_eq!(health(&open).as_deref(), Some("it was away"));
        assert_eq!(health(&trial(1)).as_deref(), Some("being tried with 1 delivery"));
        assert_eq!(health(&trial(4)).as_deref(), Some("being tried with 4 deliveries"));
    }

    #[test]
    fn refused_credentials_name_user_time_and_remedy() {
        let refused = RefusedCredentials {
            relay: RelayName::from("default"),
            fingerprint: "abc".to_owned(),
            user: "mailer".to_owned(),
            reply: "535 5.7.8 wrong".to_owned(),
            refused_at: Timestamp(0),
            tries: 0,
            try_at: Timestamp(300_000),
            try_worker: None,
            try_until: None,
        };
        assert_eq!(
            credentials_refused(&refused, Timestamp(60_000)),
            "refuses these credentials (user mailer, since 60 s ago): 535 5.7.8 wrong; next try in 4 min; \
             `relays resume default` tries at once"
        );
    }
}
