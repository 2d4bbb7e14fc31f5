//! Which refused sign-ins become entries of the audit log. Pure.
//!
//! Nothing limits how often somebody is refused, so that not every refusal is an entry: of an account and a network the
//! first one is, and for the rest of a quarter of an hour they are counted. The next entry says how many there were.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::model::access::Principal;
use crate::model::ids::OperatorId;

/// Refusals of one account from one network are one entry within this time.
const WINDOW: Duration = Duration::from_mins(15);

/// Networks of one account that have entries of their own within that time; those of all further ones are counted together.
const NETWORKS_MAX: usize = 5;

/// Refusals that the audit log is to keep as one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RefusedTries {
    pub(super) account: Principal,
    /// None where it is not known, and for more networks than are kept apart.
    pub(super) network: Option<String>,
    /// Since the last entry.
    pub(super) times: u64,
    /// When the last of them was.
    pub(super) at: Timestamp,
}

/// What was refused lately.
#[derive(Debug, Default)]
pub(super) struct SignInRefusals {
    windows: HashMap<OperatorId, HashMap<Option<String>, RefusalWindow>>,
}

#[derive(Debug)]
struct RefusalWindow {
    account: Principal,
    began: Timestamp,
    /// Since the last entry.
    times: u64,
    last: Timestamp,
}

impl RefusalWindow {
    fn has_ended(&self, now: Timestamp) -> bool {
        now.since(self.began) >= WINDOW
    }
}

impl SignInRefusals {
    /// Counts one refusal; returns what is to be kept by now.
    pub(super) fn count(
        &mut self,
        operator: OperatorId,
        account: &Principal,
        network: Option<&str>,
        now: Timestamp,
    ) -> Option<RefusedTries> {
        let windows = self.windows.entry(operator).or_default();
        let own = network.map(str::to_owned);
        let key = if windows.contains_key(&own) || windows.len() < NETWORKS_MAX { own } else { None };
        let known = windows.get_mut(&key).filter(|window| !window.has_ended(now));
        if let Some(window) = known {
            window.times += 1;
            window.last = now;
            return None;
        }
        let window = RefusalWindow { account: account.clone(), began: now, times: 0, last: now };
        let before = windows.insert(key.clone(), window).map_or(0, |window| window.times);
        Some(RefusedTries { account: account.clone(), network: key, times: before + 1, at: now })
    }

    /// Forgets what has ended, or everything; returns what is to be kept of that.
    pub(super) fn take_ended(&mut self, now: Timestamp, everything: bool) -> Vec<RefusedTries> {
        let mut kept = Vec::new();
        for windows in self.windows.values_mut() {
            windows.retain(|network, window| {
                let has_ended = everything || window.has_ended(now);
                if has_ended && window.times > 0 {
                    let RefusalWindow { account, times, last, .. } = &*window;
                    let (account, network) = (account.clone(), network.clone());
                    kept.push(RefusedTries { account, network, times: *times, at: *last });
                }
                !has_ended
            });
        }
        self.windows.retain(|_, windows| !windows.is_empty());
        kept
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ADA: OperatorId = OperatorId(Uuid::from_u128(1));
    const HERE: Option<&str> = Some("192.0.2.0/24");

    fn at(minute: i64) -> Timestamp {
        Timestamp(minute * 60_000)
    }

    fn counted(refusals: &mut SignInRefusals, network: Option<&str>, minute: i64) -> Option<u64> {
        let account = Principal::command_line("ada@acme.example");
        refusals.count(ADA, &account, network, at(minute)).map(|tries| tries.times)
    }

    #[test]
    fn refusals_of_a_quarter_of_an_hour_are_one_entry() {
        let mut refusals = SignInRefusals::default();
        assert_eq!(counted(&mut refusals, HERE, 0), Some(1));
        for _ in 0..200 {
            assert_eq!(counted(&mut refusals, HERE, 14), None);
        }
        assert!(refusals.take_ended(at(14), false).is_empty());
        assert_eq!(counted(&mut refusals, HERE, 15), Some(201), "with those that were only counted");
        assert_eq!(counted(&mut refusals, HERE, 16), None);
        let ended = refusals.take_ended(at(30), false);
        assert_eq!(ended.iter().map(|tries| (tries.times, tries.at)).collect::<Vec<_>>(), [(1, at(16))]);
        assert_eq!(ended[0].network.as_deref(), HERE);
        assert!(refusals.windows.is_empty());
    }

    #[test]
    fn a_window_without_more_leaves_nothing() {
        let mut refusals = SignInRefusals::default();
        assert_eq!(counted(&mut refusals, HERE, 0), Some(1));
        assert!(refusals.take_ended(at(15), false).is_empty() && refusals.windows.is_empty());
        assert_eq!(counted(&mut refusals, HERE, 16), Some(1));
        assert_eq!(counted(&mut refusals, HERE, 16), None);
        assert_eq!(refusals.take_ended(at(16), true).len(), 1, "at the end of the process");
    }

    #[test]
    fn however_many_networks_try_few_entries_come_of_it() {
        let mut refusals = SignInRefusals::default();
        let entries =
            (0..1_000).filter_map(|n| counted(&mut refusals, Some(&format!("2001:db8:{n:x}::/64")), 0)).count();
        assert_eq!(entries, NETWORKS_MAX + 1);
        let rest = refusals.take_ended(at(15), false);
        assert_eq!(rest.iter().map(|tries| (tries.network.as_deref(), tries.times)).collect::<Vec<_>>(), [(None, 994)]);
    }
}
