//! Relays that mail waits for although no live worker is configured with them.
//!
//! While a new relay is rolled out, the first workers that know it may start minutes after the first tenant has moved
//! to it. So nothing is given up before it has been seen unknown for a while, by the observer's own clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::ids::RelayName;

/// So long no worker must serve a relay before what waits for it is given up.
const PATIENCE: Duration = Duration::from_mins(10);

/// Since when which relay is unserved, by one observer's monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct UnservedRelays(BTreeMap<RelayName, Duration>);

impl UnservedRelays {
    /// Takes note of the relays that are unserved at `now`; returns those that were so at every look for long enough.
    pub(crate) fn look(&mut self, unknown: &BTreeSet<RelayName>, now: Duration) -> Vec<RelayName> {
        self.0.retain(|relay, _| unknown.contains(relay));
        for relay in unknown {
            self.0.entry(relay.clone()).or_insert(now);
        }
        let since_long = self.0.iter().filter(|(_, since)| now.saturating_sub(**since) >= PATIENCE);
        since_long.map(|(relay, _)| relay.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_unknown_is_given_up() {
        let minutes = |minutes| Duration::from_mins(minutes);
        let set = |relays: &[&str]| relays.iter().map(|relay| RelayName::from(*relay)).collect::<BTreeSet<_>>();
        let mut unserved = UnservedRelays::default();
        for (unknown, now, given_up) in [
            (&["a"][..], 100, &[][..]),
            (&["a", "b"], 105, &[]),
            (&["a", "b"], 109, &[]),
            (&["a", "b"], 110, &["a"]),
            // A worker that knows `b` came and went.
            (&["a"], 112, &["a"]),
            (&["b"], 116, &[]),
            (&["b"], 125, &[]),
            (&["b"], 126, &["b"]),
            (&[], 200, &[]),
        ] {
            let expected: Vec<_> = set(given_up).into_iter().collect();
            assert_eq!(unserved.look(&set(unknown), minutes(now)), expected, "at {now}");
        }
    }
}
