//! Sign-ins that let nobody in, on their way to the audit log.
//!
//! They are noted while the answer is made, in memory, and written by a task of their own: an answer that waited for the log
//! would show by its time whose address somebody has. How many are noted is bounded; what is not yet written when a process
//! is killed is lost, as is what it was about to answer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use strum::IntoStaticStr;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::refusals::{RefusedTries, SignInRefusals};
use crate::clock::Timestamp;
use crate::model::access::{Principal, PrincipalKind};
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::store::{NewAuditEntry, Store, StoreError, UnknownSignIns};

/// Entries that wait for the database. Accounts are tried 20 times an hour and then once a minute: these are many accounts,
/// or a database that is away for long.
const ENTRIES_MAX: usize = 1_000;
/// Networks whose tries of unknown accounts wait for it; those of all further ones are counted as of no known network.
const NETWORKS_MAX: usize = 1_000;
/// How often it is looked whether refusals are to be written that were only counted.
const LOOK: Duration = Duration::from_mins(1);
/// How long a database that takes nothing is left alone.
const PAUSE: Duration = Duration::from_secs(5);

/// Where somebody was to prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub(super) enum SignInStep {
    /// The password of a sign-in.
    Password,
    /// The code of one.
    Code,
    /// The old password, for another one.
    PasswordChange,
    /// A code of the app, for new recovery codes.
    RecoveryCodes,
}

/// What became of a try that let nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VainTry {
    /// Password or code were compared, and wrong.
    Failed(SignInStep),
    /// Nothing was compared, or could have been right.
    Refused,
}

/// Keeps what let nobody in until it is written. The same one when cloned.
#[derive(Debug, Clone)]
pub(super) struct SignInJournal(Arc<JournalState>);

#[derive(Debug)]
struct JournalState {
    store: Store,
    notes: Mutex<NotedSignIns>,
    noted: Notify,
}

#[derive(Debug, Default)]
struct NotedSignIns {
    entries: VecDeque<PendingEntry>,
    refusals: SignInRefusals,
    unknown: BTreeMap<(Timestamp, Option<String>), TryCounts>,
    /// Entries that found no place.
    lost: u64,
}

/// An entry of the audit log that is to be written.
#[derive(Debug, Clone)]
struct PendingEntry {
    action: AuditAction,
    /// The account, which is all that is known of who tried.
    who: Actor,
    change: Json,
    at: Timestamp,
}

#[derive(Debug, Clone, Copy, Default)]
struct TryCounts {
    failed: u64,
    refused: u64,
}

impl SignInJournal {
    pub(super) fn new(store: Store) -> Self {
        Self(Arc::new(JournalState { store, notes: Mutex::default(), noted: Notify::new() }))
    }

    /// Notes a try of an account, or of an address that nobody has. Waits for nothing.
    pub(super) fn note(&self, account: Option<&Principal>, network: Option<&str>, tried: VainTry) {
        let now = self.0.store.now();
        let mut notes = self.0.notes.lock();
        match account {
            Some(account) => notes.of_account(account, network, tried, now),
            None => notes.of_nobody(network, tried, now),
        }
        drop(notes);
        self.0.noted.notify_one();
    }

    /// Writes what is noted until `end`; then what is left, and returns.
    pub(super) async fn keep(&self, end: CancellationToken) {
        loop {
            let noted = async {
                tokio::select! {
                    () = self.0.noted.notified() => {}
                    () = sleep(LOOK) => {}
                }
            };
            let is_last = end.run_until_cancelled(noted).await.is_none();
            let written = self.write(is_last).await;
            let lost = std::mem::take(&mut self.0.notes.lock().lost);
            if lost > 0 {
                warn!("sign-ins that failed and are not in the audit log, for too many waited to be written: {lost}");
            }
            match written {
                Err(error) if is_last => {
                    warn!("failed to write sign-ins that let nobody in to the audit log; they are lost: {error}");
                }
                Err(error) => {
                    warn!("failed to write sign-ins that let nobody in to the audit log; it is tried again: {error}");
                    let _ = end.run_until_cancelled(sleep(PAUSE)).await;
                    self.0.noted.notify_one();
                }
                Ok(()) => {}
            }
            if is_last {
                return;
            }
        }
    }

    /// What cannot be written stays noted.
    async fn write(&self, is_last: bool) -> Result<(), StoreError> {
        let JournalState { store, notes, .. } = &*self.0;
        notes.lock().take_ended(store.now(), is_last);
        loop {
            // One after the other: only this task takes any away.
            let Some(entry) = notes.lock().entries.front().cloned() else { break };
            let PendingEntry { action, who, change, at } = entry;
            let subject = who.principal.kind.id().map(|id| id.to_string()).unwrap_or_default();
            let entry = NewAuditEntry::new(action, &who).about(subject).with(change);
            store.audit_at(&entry, at).await?;
            notes.lock().entries.pop_front();
        }
        let unknown = std::mem::take(&mut notes.lock().unknown);
        let count = |((hour, network), tries): (&(Timestamp, Option<String>), &TryCounts)| UnknownSignIns {
            hour: *hour,
            network: network.clone(),
            failed: tries.failed,
            refused: tries.refused,
        };
        let counts: Vec<UnknownSignIns> = unknown.iter().map(count).collect();
        let counted = store.count_unknown_sign_ins(&counts).await;
        if counted.is_err() {
            let mut notes = notes.lock();
            for ((hour, network), tries) in unknown {
                notes.add(hour, network, tries);
            }
        }
        counted
    }
}

impl NotedSignIns {
    fn of_account(&mut self, account: &Principal, network: Option<&str>, tried: VainTry, now: Timestamp) {
        match (tried, account.kind) {
            (VainTry::Failed(step), _) => {
                let who = Actor::new(account.clone()).from_network_if_known(network);
                let change = json!({ "step": step.into_str() });
                self.push(PendingEntry { action: AuditAction::SignInFailed, who, change, at: now });
            }
            (VainTry::Refused, PrincipalKind::Operator(operator)) => {
                if let Some(tries) = self.refusals.count(operator, account, network, now) {
                    self.push(refused(tries));
                }
            }
            // Only operators sign in.
            (VainTry::Refused, _) => {}
        }
    }

    fn of_nobody(&mut self, network: Option<&str>, tried: VainTry, now: Timestamp) {
        let tries = match tried {
            VainTry::Failed(_) => TryCounts { failed: 1, refused: 0 },
            VainTry::Refused => TryCounts { failed: 0, refused: 1 },
        };
        self.add(UnknownSignIns::hour_of(now), network.map(str::to_owned), tries);
    }

    fn add(&mut self, hour: Timestamp, network: Option<String>, tries: TryCounts) {
        let key = (hour, network);
        let has_place = self.unknown.contains_key(&key) || self.unknown.len() < NETWORKS_MAX;
        let counted = self.unknown.entry(if has_place { key } else { (hour, None) }).or_default();
        counted.failed += tries.failed;
        counted.refused += tries.refused;
    }

    fn push(&mut self, entry: PendingEntry) {
        if self.entries.len() < ENTRIES_MAX {
            self.entries.push_back(entry);
        } else {
            self.lost += 1;
        }
    }

    fn take_ended(&mut self, now: Timestamp, everything: bool) {
        for tries in self.refusals.take_ended(now, everything) {
            self.push(refused(tries));
        }
    }
}

fn refused(tries: RefusedTries) -> PendingEntry {
    let RefusedTries { account, network, times, at } = tries;
    let who = Actor::new(account).from_network_if_known(network.as_deref());
    PendingEntry { action: AuditAction::SignInRefused, who, change: json!({ "times": times }), at }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::access::{Role, TenantScope};
    use crate::model::ids::OperatorId;

    const NOW: Timestamp = Timestamp(1_795_426_200_000);

    fn ada() -> Principal {
        let kind = PrincipalKind::Operator(OperatorId(Uuid::from_u128(1)));
        Principal { kind, name: "ada@acme.example".into(), role: Role::Admin, scope: TenantScope::All }
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut notes = NotedSignIns::default();
        for n in 0..3_000 {
            notes.of_account(&ada(), None, VainTry::Failed(SignInStep::Password), NOW);
            notes.of_account(&ada(), None, VainTry::Refused, NOW);
            notes.of_nobody(Some(&format!("2001:db8:{n:x}::/64")), VainTry::Refused, NOW);
        }
        assert_eq!((notes.entries.len(), notes.lost), (ENTRIES_MAX, 2_001));
        assert_eq!(notes.unknown.len(), NETWORKS_MAX + 1);
        assert_eq!(notes.unknown.values().map(|tries| tries.refused).sum::<u64>(), 3_000, "and none is lost");
        assert_eq!(notes.unknown[&(UnknownSignIns::hour_of(NOW), None)].refused, 2_000);
    }
}
