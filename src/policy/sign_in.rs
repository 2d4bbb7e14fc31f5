//! How often a sign-in may be tried: by account and network, by account, by network. Pure.
//!
//! No number of failures locks an account: whoever knows its address could shut its owner out. After too many from anywhere
//! it is slowed down instead, and not at all for a network from which its owner has signed in before.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::model::access::{Role, SessionStage};

/// So many failures within a time, and the next try waits until the oldest of them is that old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryLimit {
    pub failures: u32,
    pub within: Duration,
}

/// Of one account from one network.
pub const PAIR_LIMIT: TryLimit = TryLimit { failures: 5, within: Duration::from_mins(15) };
/// Of one network, whatever the accounts.
pub const NETWORK_LIMIT: TryLimit = TryLimit { failures: 50, within: Duration::from_hours(1) };
/// Of one account from anywhere; then it is slowed down to one try in [`SLOW_TRIES`].
pub const ACCOUNT_LIMIT: TryLimit = TryLimit { failures: 20, within: Duration::from_hours(1) };
/// How far tries are apart then.
pub const SLOW_TRIES: Duration = Duration::from_mins(1);

/// The failures that may matter to one try, the newest first; of each kind as many as its limit counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignInFailures {
    /// Of this account from this network.
    pub pair: Vec<Timestamp>,
    /// Of this account.
    pub account: Vec<Timestamp>,
    /// Of this network.
    pub network: Vec<Timestamp>,
    /// The account's owner has signed in from this network before.
    pub is_known_network: bool,
}

impl TryLimit {
    fn waits_until(self, newest_first: &[Timestamp], now: Timestamp) -> Option<Timestamp> {
        let until = newest_first.get(self.failures as usize - 1)?.plus(self.within);
        (now < until).then_some(until)
    }
}

impl SignInFailures {
    /// Until when the next try has to wait.
    #[must_use]
    pub fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let slowed = ACCOUNT_LIMIT.waits_until(&self.account, now).filter(|_| !self.is_known_network);
        let next_slow = slowed.and_then(|_| self.account.first()).map(|newest| newest.plus(SLOW_TRIES));
        let next_slow = next_slow.filter(|until| now < *until);
        let limits =
            [PAIR_LIMIT.waits_until(&self.pair, now), NETWORK_LIMIT.waits_until(&self.network, now), next_slow];
        limits.into_iter().flatten().max()
    }
}

/// Who has set up an app is asked for its code, whatever the role; who has not must do so if the role asks for it.
#[must_use]
pub fn after_password(has_totp: bool, role: Role, roles_with_totp: &[Role]) -> SessionStage {
    match (has_totp, roles_with_totp.contains(&role)) {
        (true, _) => SessionStage::Code,
        (false, true) => SessionStage::Enrol,
        (false, false) => SessionStage::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp(second * 1_000)
    }

    /// `count` failures, `apart` seconds from each other, the last one at `last`.
    fn failures(count: i64, apart: i64, last: i64) -> Vec<Timestamp> {
        (0..count).map(|n| at(last - n * apart)).collect()
    }

    #[test]
    fn five_failures_of_an_account_from_a_network_in_a_quarter_of_an_hour_are_enough() {
        let pair = |count, last| SignInFailures { pair: failures(count, 10, last), ..SignInFailures::default() };
        assert_eq!(pair(0, 0).waits_until(at(0)), None);
        assert_eq!(pair(4, 1_000).waits_until(at(1_000)), None);
        // The fifth but newest was at 960.
        assert_eq!(pair(5, 1_000).waits_until(at(1_000)), Some(at(1_860)));
        assert_eq!(pair(5, 1_000).waits_until(at(1_859)), Some(at(1_860)));
        assert_eq!(pair(5, 1_000).waits_until(at(1_860)), None);
    }

    #[test]
    fn an_account_is_slowed_down_and_never_locked() {
        let account = |last, is_known_network| SignInFailures {
            account: failures(20, 60, last),
            is_known_network,
            ..SignInFailures::default()
        };
        assert_eq!(account(10_000, false).waits_until(at(10_000)), Some(at(10_060)));
        assert_eq!(account(10_000, false).waits_until(at(10_060)), None, "one try a minute");
        assert_eq!(account(10_000, true).waits_until(at(10_000)), None, "its owner has been here before");
        let slower = SignInFailures { account: failures(20, 190, 10_000), ..SignInFailures::default() };
        assert_eq!(slower.waits_until(at(10_000)), None, "the twentieth is more than an hour old");
        let few = SignInFailures { account: failures(19, 1, 10_000), ..SignInFailures::default() };
        assert_eq!(few.waits_until(at(10_000)), None);
    }

    #[test]
    fn a_network_has_fifty_an_hour_whatever_the_accounts() {
        let network = |count, is_known_network| SignInFailures {
            network: failures(count, 1, 10_000),
            is_known_network,
            ..SignInFailures::default()
        };
        assert_eq!(network(49, false).waits_until(at(10_000)), None);
        for is_known in [false, true] {
            assert_eq!(network(50, is_known).waits_until(at(10_000)), Some(at(13_551)));
            assert_eq!(network(50, is_known).waits_until(at(13_551)), None);
        }
    }

    #[test]
    fn the_longest_wait_counts() {
        let all = SignInFailures {
            pair: failures(5, 1, 10_000),
            account: failures(20, 1, 10_000),
            network: failures(50, 1, 10_000),
            is_known_network: false,
        };
        assert_eq!(all.waits_until(at(10_000)), Some(at(13_551)));
    }

    #[test]
    fn a_role_that_asks_for_an_app_gets_one_before_all_else() {
        let asking = [Role::Admin];
        assert_eq!(after_password(false, Role::Admin, &asking), SessionStage::Enrol);
        assert_eq!(after_password(false, Role::Viewer, &asking), SessionStage::Open);
        assert_eq!(after_password(true, Role::Admin, &asking), SessionStage::Code);
        assert_eq!(after_password(true, Role::Viewer, &[]), SessionStage::Code, "whoever has one uses it");
    }
}
