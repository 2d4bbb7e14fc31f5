//! Who makes a change, why, and from which network: what histories show and the audit log keeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value as Json;

use super::access::Principal;
use super::audit::AuditAction;
use super::claimed_key::ClaimedKey;

/// Somebody who makes a change.
#[derive(Debug, Clone)]
pub struct Actor {
    pub principal: Principal,
    /// Why, where the change itself asks for no reason.
    pub reason: Option<String>,
    /// The client's network (/24 of IPv4, /64 of IPv6); none of a command.
    pub network: Option<String>,
    /// The idempotency key of the request that asks for the change, if it has one.
    pub key: Option<ClaimedKey>,
    /// What this is a part of, where one act takes several transactions.
    bulk: Option<Arc<BulkAct>>,
}

/// One act in several transactions: the audit log has one entry for it, written by the first that changes something.
#[derive(Debug)]
struct BulkAct {
    /// What the act is, where it is made of changes of several kinds.
    named: Option<NamedAct>,
    recorded: AtomicBool,
}

/// What the audit log says of an act that is made of changes of several kinds, in place of what each of them is.
#[derive(Debug, PartialEq, Eq)]
pub struct NamedAct {
    pub action: AuditAction,
    /// Never erased: a fixed word, never a name that somebody chose.
    pub subject: &'static str,
    /// What goes with the erasure of whom it names.
    pub change: Option<Json>,
}

impl Actor {
    #[must_use]
    pub const fn new(principal: Principal) -> Self {
        Self { principal, reason: None, network: None, key: None, bulk: None }
    }

    /// Whoever runs a command: `name` says who, as histories show it.
    #[must_use]
    pub fn command_line(name: &str) -> Self {
        Self::new(Principal::command_line(name))
    }

    /// The same, with a reason.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }

    /// The same, from this network.
    #[must_use]
    pub fn from_network(self, network: impl Into<String>) -> Self {
        Self { network: Some(network.into()), ..self }
    }

    /// The same, from this network, if it is known.
    #[must_use]
    pub fn from_network_if_known(self, network: Option<&str>) -> Self {
        match network {
            Some(network) => self.from_network(network),
            None => self,
        }
    }

    /// The same, for a request under this idempotency key: its change marks the key as done.
    #[must_use]
    pub fn under_key(self, key: ClaimedKey) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The same, for a part of an act that leaves something to do: the request may be sent again under its key, and does the
    /// rest.
    #[must_use]
    pub fn without_key(&self) -> Self {
        Self { key: None, ..self.clone() }
    }

    /// As histories show it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.principal.name
    }

    /// Name and reason, where a history has one column for both.
    #[must_use]
    pub fn signature(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{}: {reason}", self.name()),
            None => self.name().to_owned(),
        }
    }

    /// The same, for one act in several transactions.
    #[must_use]
    pub fn in_one_act(&self) -> Self {
        match self.bulk {
            Some(_) => self.clone(),
            None => self.in_bulk(None),
        }
    }

    /// The same, for one act that is made of changes of several kinds.
    #[must_use]
    pub fn in_act(&self, act: NamedAct) -> Self {
        self.in_bulk(Some(act))
    }

    fn in_bulk(&self, named: Option<NamedAct>) -> Self {
        Self { bulk: Some(Arc::new(BulkAct { named, recorded: AtomicBool::new(false) })), ..self.clone() }
    }

    /// What the act is that this is a part of, where that has a name of its own.
    #[must_use]
    pub fn named_act(&self) -> Option<&NamedAct> {
        self.bulk.as_ref()?.named.as_ref()
    }

    /// Whether the audit log has the entry of the act that this is a part of.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.bulk.as_ref().is_some_and(|bulk| bulk.recorded.load(Ordering::Relaxed))
    }

    /// The audit log has it from now on.
    pub fn mark_recorded(&self) {
        if let Some(bulk) = &self.bulk {
            bulk.recorded.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::sha256::Sha256;

    #[test]
    fn one_act_is_recorded_once_and_single_changes_each() {
        let ada = Actor::command_line("ada").because("the relay is back");
        assert_eq!((ada.name(), ada.signature().as_str()), ("ada", "ada: the relay is back"));
        ada.mark_recorded();
        assert!(!ada.is_recorded(), "each change by itself");
        let act = ada.in_one_act();
        let part = act.clone().in_one_act();
        assert!(!part.is_recorded() && part.named_act().is_none());
        part.mark_recorded();
        assert!(act.is_recorded() && !ada.is_recorded() && !ada.in_one_act().is_recorded());
        let act = || NamedAct { action: AuditAction::CatalogueImported, subject: "catalogue", change: None };
        assert_eq!(ada.in_act(act()).in_one_act().named_act(), Some(&act()));
    }

    #[test]
    fn a_part_without_the_key_is_of_the_same_act() {
        let key = ClaimedKey { id: Sha256::of(b"key"), claim: Uuid::nil() };
        let act = Actor::command_line("ada").under_key(key).in_one_act();
        let part = act.without_key();
        assert_eq!((act.key, part.key), (Some(key), None));
        part.mark_recorded();
        assert!(act.is_recorded());
    }
}
