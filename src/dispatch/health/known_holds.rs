//! The holds and refusing relays that one worker knows of, as the shared rows stood at its last look.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use metrics::gauge;

use crate::model::ids::RelayName;
use crate::policy::sender_key::MailSender;
use crate::store::{RefusingRelay, SenderHold};
use crate::telemetry::metric;

#[derive(Debug, Default)]
pub(super) struct KnownHolds {
    holds: HashMap<RelayName, Vec<Arc<SenderHold>>>,
    refusing: HashMap<RelayName, Arc<RefusingRelay>>,
}

impl KnownHolds {
    /// The hold that the sender is under at this relay.
    pub(super) fn hold(&self, relay: &RelayName, sender: &MailSender) -> Option<Arc<SenderHold>> {
        self.holds.get(relay)?.iter().find(|hold| hold.holds(&sender.envelope, &sender.from)).cloned()
    }

    pub(super) fn holds_none(&self) -> bool {
        self.holds.is_empty()
    }

    /// That the relay refuses every sender, if it does.
    pub(super) fn refusing(&self, relay: &RelayName) -> Option<Arc<RefusingRelay>> {
        self.refusing.get(relay).cloned()
    }

    /// All of them, in no particular order.
    pub(super) fn all(&self) -> (Vec<Arc<SenderHold>>, Vec<Arc<RefusingRelay>>) {
        (self.holds.values().flatten().cloned().collect(), self.refusing.values().cloned().collect())
    }

    /// What the shared rows say now.
    pub(super) fn replace(&mut self, holds: Vec<SenderHold>, refusing: Vec<RefusingRelay>) {
        show(&self.holds, &holds);
        self.holds.clear();
        for hold in holds {
            self.holds.entry(hold.relay.clone()).or_default().push(Arc::new(hold));
        }
        self.refusing = refusing.into_iter().map(|relay| (relay.relay.clone(), Arc::new(relay))).collect();
    }

    pub(super) fn add(&mut self, hold: SenderHold) {
        let holds = self.holds.entry(hold.relay.clone()).or_default();
        if holds.iter().all(|known| known.sender != hold.sender) {
            holds.push(Arc::new(hold));
        }
    }

    pub(super) fn remove(&mut self, hold: &SenderHold) {
        if let Some(holds) = self.holds.get_mut(&hold.relay) {
            holds.retain(|known| known.sender != hold.sender);
        }
    }
}

/// Shows how many senders are held, also of relays where none is any more.
fn show(before: &HashMap<RelayName, Vec<Arc<SenderHold>>>, now: &[SenderHold]) {
    let mut counts: BTreeMap<&RelayName, f64> = before.keys().map(|relay| (relay, 0.0)).collect();
    for hold in now {
        *counts.entry(&hold.relay).or_default() += 1.0;
    }
    for (relay, count) in counts {
        gauge!(metric::SENDER_HELD, "relay" => relay.to_string()).set(count);
    }
}
