//! Which senders are held, because a relay refuses them.
//!
//! Each worker counts its own attempts ([`SenderRun`]); a trip is a committed row that all workers obey. A delivery of
//! a held sender goes back to its lane when its turn comes, and is not claimed again until the hold ends: by a trial
//! that works, by hand, or because the tenant has another sender.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::gauge;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::ended::Ended;
use super::prepare::Prepared;
use super::sender_run::{Answered, Refusal, SenderRun, SenderTrip};
use crate::class::Class;
use crate::clock::Timestamp;
use crate::compose;
use crate::ids::RelayName;
use crate::store::{BackToDue, Claimed, Next, SenderHold, Store, StoreError, TrippedAttempt};
use crate::telemetry::Masked;
use crate::telemetry::metric;
use crate::tenant::TenantProfile;

/// How often the shared rows are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Every so many looks, what no hold holds any more is let go.
const LOOKS_TO_LET_GO: u32 = 5;
/// How long after its beginning a hold is tried first; each later trial waits twice as long …
const TRIAL_FIRST: Duration = Duration::from_hours(1);
/// … up to this.
const TRIAL_MAX: Duration = Duration::from_hours(24);

/// A relay, and an envelope sender.
type Key = (RelayName, String);

/// The senders that one worker knows to be held, and what it counts.
#[derive(Debug)]
pub struct SenderGuard {
    store: Store,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    holds: HashMap<Key, Arc<SenderHold>>,
    runs: HashMap<Key, SenderRun>,
}

impl Known {
    fn is_empty(&self) -> bool {
        self.holds.is_empty() && self.runs.is_empty()
    }
}

/// An attempt, as far as it speaks of its sender.
#[derive(Debug)]
pub struct SeenAttempt {
    key: Key,
    accepted: bool,
    answered: Answered,
}

impl SenderGuard {
    /// A guard that has counted nothing yet.
    pub fn new(store: Store) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// Looks at the shared rows until told to stop, and lets held senders be tried when it is time.
    pub async fn watch(&self, stop: CancellationToken) {
        for look in 0_u32.. {
            if let Err(error) = self.round(look).await {
                warn!("failed to look at held senders: {error}");
            }
            tokio::select! {
                () = self.store.clock().sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn round(&self, look: u32) -> Result<(), StoreError> {
        self.look().await?;
        let holds: Vec<_> = self.known().holds.values().cloned().collect();
        for hold in holds {
            if hold.trial_at <= self.store.now() {
                self.store.try_sender(&hold, trial_delay(hold.trials + 1)).await?;
            }
            if look.is_multiple_of(LOOKS_TO_LET_GO) {
                self.follow_tenants(&hold).await?;
            }
        }
        if look.is_multiple_of(LOOKS_TO_LET_GO) {
            self.store.let_senders_go().await?;
        }
        Ok(())
    }

    /// Reads the shared rows. What this worker counted before it learnt of a hold comes back too.
    async fn look(&self) -> Result<(), StoreError> {
        let holds = self.store.sender_holds().await?;
        let late: Vec<_> = {
            let mut known = self.known();
            tell(&known.holds, &holds);
            known.holds = holds.into_iter().map(|hold| (key(&hold), Arc::new(hold))).collect();
            let Known { holds, runs } = &mut *known;
            holds.values().filter_map(|hold| Some((Arc::clone(hold), runs.remove(&key(hold))?))).collect()
        };
        for (hold, run) in late {
            let refusal = Refusal { phase: hold.phase, code: hold.code.clone() };
            self.store.hold_sender(&hold, &tripped(&run.of(&refusal))).await?;
        }
        Ok(())
    }

    /// The words of the hold that keeps a delivery from being sent, if one does. A person's own wish goes through.
    pub async fn holds_before(&self, claimed: &Claimed, prepared: &Prepared) -> Option<String> {
        if self.known().holds.is_empty() {
            return None;
        }
        let holds = || {
            let hold = self.hold(&key_of(claimed, prepared))?;
            let may_try = claimed.express || hold.trial_delivery == Some(claimed.delivery);
            (!may_try).then(|| hold.words.clone())
        };
        holds()?;
        // It may have ended, or begun a trial, since the last look.
        if let Err(error) = self.look().await {
            warn!("failed to look at held senders: {error}");
        }
        holds()
    }

    /// The words of the hold of a sender that was refused once more. What the relay may hold already is not sent
    /// again by a hold's end.
    pub fn holds_after(&self, claimed: &Claimed, prepared: &Prepared, ended: &Ended) -> Option<String> {
        Refusal::of(ended).filter(|_| !claimed.may_be_out)?;
        Some(self.hold(&key_of(claimed, prepared))?.words.clone())
    }

    /// What of an attempt that ended speaks for or against its sender; of most attempts nothing does.
    pub fn seen(&self, claimed: &Claimed, prepared: &Prepared, ended: &Ended) -> Option<SeenAttempt> {
        let answered = ended.reply.is_some() && ended.phase.is_some_and(|phase| !phase.precedes_transaction());
        if !answered || claimed.may_be_out {
            return None;
        }
        let refusal = Refusal::of(ended);
        // Most senders are never refused, and cost nothing.
        if refusal.is_none() && self.known().is_empty() {
            return None;
        }
        let key = key_of(claimed, prepared);
        let (delivery, claim, attempts) = (claimed.delivery, claimed.claim, claimed.attempts);
        let accepted = ended.class == Class::Accepted;
        Some(SeenAttempt { key, accepted, answered: Answered { delivery, claim, attempts, refusal } })
    }

    /// Takes an attempt in, once its end is recorded.
    pub async fn observe(&self, seen: SeenAttempt) {
        let SeenAttempt { key, accepted, answered } = seen;
        let acted = match self.hold(&key) {
            Some(hold) if accepted => self.works_again(&hold).await,
            // The hold began while this end was being written down.
            Some(hold) if answered.refusal.is_some() => {
                self.store.hold_sender(&hold, &[tripped_by(&answered)]).await.map(drop)
            }
            Some(_) => Ok(()),
            None => match self.count(&key, answered) {
                Some(trip) => self.hold_sender(&key, &trip).await,
                None => Ok(()),
            },
        };
        if let Err(error) = acted {
            warn!(relay = %key.0, "failed to write that a sender is held: {error}");
        }
    }

    fn count(&self, key: &Key, answered: Answered) -> Option<SenderTrip> {
        let mut known = self.known();
        if answered.refusal.is_none() && !known.runs.contains_key(key) {
            return None;
        }
        let run = known.runs.entry(key.clone()).or_default();
        let trip = run.observe(answered);
        if run.is_clean() {
            known.runs.remove(key);
        }
        trip
    }

    async fn hold_sender(&self, key: &Key, trip: &SenderTrip) -> Result<(), StoreError> {
        let (relay, sender) = key;
        let SenderTrip { refusal, .. } = trip;
        let now = self.store.now();
        let hold = SenderHold {
            relay: relay.clone(),
            sender: sender.clone(),
            phase: refusal.phase,
            code: refusal.code.clone(),
            words: format!("the relay refuses its sender {sender} ({} to {})", refusal.code, refusal.phase),
            held_since: now,
            trials: 0,
            trial_at: now.plus(TRIAL_FIRST),
            trial_delivery: None,
        };
        let (hold, new) = self.store.hold_sender(&hold, &tripped(trip)).await?;
        if new {
            warn!(
                relay = %relay, phase = %hold.phase, code = hold.code,
                "the relay {relay} refuses the sender {}: its deliveries are held; relays list shows it", Masked(sender)
            );
        }
        let mut known = self.known();
        known.runs.remove(key);
        known.holds.insert(key.clone(), Arc::new(hold));
        Ok(())
    }

    async fn works_again(&self, hold: &SenderHold) -> Result<(), StoreError> {
        if self.store.release_sender(&hold.relay, &hold.sender).await? {
            info!(relay = %hold.relay, "the relay takes the sender {} again", Masked(&hold.sender));
        }
        self.known().holds.remove(&key(hold));
        self.store.let_senders_go().await.map(drop)
    }

    /// Held deliveries of a tenant that has another sender by now take it: waiting for the old one helps nobody.
    async fn follow_tenants(&self, hold: &SenderHold) -> Result<(), StoreError> {
        for changed in self.store.changed_profiles(hold).await? {
            let sender = serde_json::from_str::<TenantProfile>(&changed.body)
                .ok()
                .and_then(|profile| compose::envelope_sender(&profile).ok());
            if sender.is_some_and(|sender| sender.to_string() != hold.sender) {
                let freed = self.store.take_new_sender(hold, &changed).await?;
                info!(relay = %hold.relay, count = freed, "deliveries of {} take its new sender", changed.tenant);
            }
        }
        Ok(())
    }

    fn hold(&self, key: &Key) -> Option<Arc<SenderHold>> {
        let known = self.known();
        if known.holds.is_empty() { None } else { known.holds.get(key).cloned() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A delivery of a held sender waits on, and no attempt of it is consumed.
pub fn hold_back(claimed: &Claimed, class: Class, words: String, now: Timestamp) -> Next {
    Next::Due(Box::new(BackToDue {
        due_at: now,
        attempts: claimed.attempts,
        last_class: Some(class),
        last_reply: Some(words.clone()),
        first_failed_at: claimed.first_failed_at.or(Some(now)),
        missing_since: None,
        refused_for_size: claimed.refused_for_size,
        without_utf8: claimed.without_utf8,
        note: None,
        may_be_out: claimed.may_be_out,
        decision: None,
        message: None,
        held: Some(words),
        // Except where the relay may hold it: that is sent again as the same bytes, or not at all.
        anew: !claimed.may_be_out,
    }))
}

/// How long after trial number `trials` (from 1) the next one is.
fn trial_delay(trials: u32) -> Duration {
    TRIAL_FIRST.saturating_mul(1_u32.checked_shl(trials).unwrap_or(u32::MAX)).min(TRIAL_MAX)
}

fn key(hold: &SenderHold) -> Key {
    (hold.relay.clone(), hold.sender.clone())
}

fn key_of(claimed: &Claimed, prepared: &Prepared) -> Key {
    (claimed.relay.clone(), prepared.mail.envelope.sender.to_string())
}

const fn tripped_by(answered: &Answered) -> TrippedAttempt {
    TrippedAttempt { delivery: answered.delivery, claim: answered.claim, attempts: answered.attempts }
}

fn tripped(trip: &SenderTrip) -> Vec<TrippedAttempt> {
    trip.attempts.iter().map(tripped_by).collect()
}

/// Shows how many senders are held, also of relays where none is any more.
fn tell(before: &HashMap<Key, Arc<SenderHold>>, now: &[SenderHold]) {
    let mut counts: BTreeMap<&RelayName, f64> = before.keys().map(|(relay, _)| (relay, 0.0)).collect();
    for hold in now {
        *counts.entry(&hold.relay).or_default() += 1.0;
    }
    for (relay, count) in counts {
        gauge!(metric::SENDER_HELD, "relay" => relay.to_string()).set(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_become_rarer_up_to_a_day() {
        let hours = [1, 2, 3, 4, 5, 40].map(|trials| trial_delay(trials).as_secs() / 3_600);
        assert_eq!(hours, [2, 4, 8, 16, 24, 24]);
    }
}
