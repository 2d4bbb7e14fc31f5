//! A outbox of dead letters in memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::clock::{Clock, Timestamp};
use invoice_dispatcher::model::ids::{DeadLetterId, DeliveryId};
use invoice_dispatcher::model::incoming::IntakeUnavailable;
use invoice_dispatcher::model::outbox::{DeadLetterOutbox, PendingDeadLetter};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::reply::Phase;

use super::broker::until;

/// The dead letters of a scenario, as the database would have them.
#[derive(Clone, Default)]
pub(crate) struct MemoryOutbox(Arc<Mutex<MemoryOutboxState>>);

#[derive(Default)]
struct MemoryOutboxState {
    letters: BTreeMap<DeadLetterId, (PendingDeadLetter, bool, MirrorState)>,
    /// Concludes this letter right after it was handed out for publishing.
    concluded_on_the_way: Option<DeadLetterId>,
    leased_to_another: bool,
    asked_for_the_lease: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MirrorState {
    Pending,
    Published,
    Removed,
}

impl MemoryOutbox {
    /// Adds open dead letters that are pending; returns their ids.
    pub(crate) fn add(&self, count: u128) -> Vec<DeadLetterId> {
        let mut state = self.0.lock().unwrap();
        let first = state.letters.len() as u128 + 1;
        (first..first + count)
            .map(|number| {
                let letter = dead_letter(number);
                let id = letter.id;
                state.letters.insert(id, (letter, true, MirrorState::Pending));
                id
            })
            .collect()
    }

    pub(crate) fn conclude(&self, ids: &[DeadLetterId]) {
        let mut state = self.0.lock().unwrap();
        for id in ids {
            state.letters.get_mut(id).expect("a letter").1 = false;
        }
    }

    pub(crate) fn conclude_on_the_way(&self, id: DeadLetterId) {
        self.0.lock().unwrap().concluded_on_the_way = Some(id);
    }

    /// Another copy of these will be published.
    pub(crate) fn forget_published(&self, ids: &[DeadLetterId]) {
        let mut state = self.0.lock().unwrap();
        for id in ids {
            state.letters.get_mut(id).expect("a letter").2 = MirrorState::Pending;
        }
    }

    /// These are dead for something else now.
    pub(crate) fn change_causes(&self, ids: &[DeadLetterId]) {
        let mut state = self.0.lock().unwrap();
        for id in ids {
            let (letter, _, mirror) = state.letters.get_mut(id).expect("a letter");
            letter.class = ReasonCode::InvalidRecipient;
            letter.last_failed_at = Timestamp(120_000);
            *mirror = MirrorState::Pending;
        }
    }

    pub(crate) fn lease_to_another(&self, leased: bool) {
        self.0.lock().unwrap().leased_to_another = leased;
    }

    pub(crate) fn asked_for_the_lease(&self) -> usize {
        self.0.lock().unwrap().asked_for_the_lease
    }

    pub(crate) async fn until_asked_for_the_lease(&self, times: usize) {
        until("the lease is asked for", async || self.0.lock().unwrap().asked_for_the_lease >= times).await;
    }

    pub(crate) fn count(&self, mirror: MirrorState) -> usize {
        self.0.lock().unwrap().letters.values().filter(|(_, _, state)| *state == mirror).count()
    }

    pub(crate) async fn until(&self, mirror: MirrorState, count: usize) {
        until(&format!("{count} dead letters are {mirror:?}"), async || self.count(mirror) == count).await;
    }
}

impl DeadLetterOutbox for MemoryOutbox {
    async fn hold_mirror_lease(&self, _lease: Duration) -> Result<bool, IntakeUnavailable> {
        let mut state = self.0.lock().unwrap();
        state.asked_for_the_lease += 1;
        Ok(!state.leased_to_another)
    }

    async fn release_mirror_lease(&self) -> Result<(), IntakeUnavailable> {
        Ok(())
    }

    async fn next_to_publish(&self, limit: usize) -> Result<Vec<PendingDeadLetter>, IntakeUnavailable> {
        let mut state = self.0.lock().unwrap();
        let pending = state.letters.values().filter(|(_, _, mirror)| *mirror == MirrorState::Pending);
        let pending: Vec<_> = pending.take(limit).map(|(letter, _, _)| letter.clone()).collect();
        if let Some(id) = state.concluded_on_the_way.filter(|id| pending.iter().any(|letter| letter.id == *id)) {
            state.letters.get_mut(&id).expect("a letter").1 = false;
        }
        Ok(pending)
    }

    async fn still_open(&self, ids: &[DeadLetterId]) -> Result<HashMap<DeadLetterId, Timestamp>, IntakeUnavailable> {
        let state = self.0.lock().unwrap();
        let known = ids.iter().filter_map(|id| state.letters.get(id));
        Ok(known.filter(|(_, open, _)| *open).map(|(letter, ..)| (letter.id, letter.last_failed_at)).collect())
    }

    async fn concluded(&self, ids: &[DeadLetterId]) -> Result<HashSet<DeadLetterId>, IntakeUnavailable> {
        let state = self.0.lock().unwrap();
        Ok(ids.iter().copied().filter(|id| state.letters.get(id).is_some_and(|(_, open, _)| !open)).collect())
    }

    async fn mark_published(&self, ids: &[DeadLetterId]) -> Result<(), IntakeUnavailable> {
        let mut state = self.0.lock().unwrap();
        for id in ids {
            state.letters.get_mut(id).expect("a letter").2 = MirrorState::Published;
        }
        Ok(())
    }

    async fn mark_removed(&self, ids: &[DeadLetterId]) -> Result<(), IntakeUnavailable> {
        let mut state = self.0.lock().unwrap();
        for id in ids {
            let letter = state.letters.get_mut(id).expect("a letter");
            if !letter.1 {
                letter.2 = MirrorState::Removed;
            }
        }
        Ok(())
    }

    async fn to_remove(&self) -> Result<Vec<DeadLetterId>, IntakeUnavailable> {
        let state = self.0.lock().unwrap();
        let concluded =
            state.letters.iter().filter(|(_, (_, open, mirror))| !open && *mirror == MirrorState::Published);
        Ok(concluded.map(|(id, _)| *id).collect())
    }

    async fn published_and_open(&self) -> Result<u64, IntakeUnavailable> {
        let state = self.0.lock().unwrap();
        let by_right = state.letters.values().filter(|(_, open, mirror)| *open && *mirror == MirrorState::Published);
        Ok(by_right.count() as u64)
    }

    async fn standing(&self) -> Result<HashSet<DeadLetterId>, IntakeUnavailable> {
        let state = self.0.lock().unwrap();
        let by_right = state.letters.iter().filter(|(_, (_, open, mirror))| *open && *mirror == MirrorState::Published);
        Ok(by_right.map(|(id, _)| *id).collect())
    }

    async fn publish_again(&self, ids: &[DeadLetterId]) -> Result<(), IntakeUnavailable> {
        let mut state = self.0.lock().unwrap();
        for id in ids {
            let letter = state.letters.get_mut(id).expect("a letter");
            if letter.1 && letter.2 == MirrorState::Published {
                letter.2 = MirrorState::Pending;
            }
        }
        Ok(())
    }
}

/// A dead letter, one of many.
fn dead_letter(number: u128) -> PendingDeadLetter {
    let clock = Clock::system();
    PendingDeadLetter {
        id: DeadLetterId(clock.new_id()),
        delivery_id: Some(DeliveryId(clock.new_id())),
        tenant_id: Some("acme".into()),
        invoice_number: Some(format!("R-{number}")),
        event_id: Some(format!("event-{number}")),
        class: ReasonCode::Refused,
        code: Some("554 5.7.1".into()),
        phase: Some(Phase::Rcpt),
        attempts: 3,
        first_failed_at: Timestamp(0),
        last_failed_at: Timestamp(60_000),
        fingerprint: "refused-rcpt-554-5.7.1".into(),
        hint: ReasonCode::Refused.hint().into(),
        body: Bytes::from(format!("body of {number}")),
    }
}
