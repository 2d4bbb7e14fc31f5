//! Claims due deliveries for a lane, fairest first and no more than it can soon send, and has their mails prepared.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::claim_stage::ClaimStage;
use super::context::Context;
use super::health::relay_gate::{Passage, RelayGate};
use super::limits::claims_ahead::ClaimsAhead;
use super::limits::express_turns::ExpressTurns;
use super::limits::parked::Parked;
use super::limits::slots::Slots;
use super::liveness::isolation::{Isolated, LaneIsolation, SuspectLook};
use super::load::load;
use super::looks::Looks;
use super::owned::Owned;
use super::ready::Ready;
use super::recorder::Recorder;
use crate::failpoint::{self, Failpoint};
use crate::relay::RelayConfig;
use crate::store::{Claimed, StoreError};

/// How long an idle lane waits for a wake-up before it looks by itself: other processes do not wake this one.
const IDLE_LOOK: Duration = Duration::from_millis(500);

/// Claims for one lane until it is told to stop.
pub struct ClaimLoop {
    /// What all lanes share.
    pub context: Arc<Context>,
    /// The lane's relay.
    pub relay: Arc<RelayConfig>,
    /// Whether it may send.
    pub gate: Arc<RelayGate>,
    /// Writes down what cannot be prepared.
    pub recorder: Recorder,
    /// The one delivery in flight that a worker died with.
    pub isolation: LaneIsolation,
    /// To the slots.
    pub ready: mpsc::Sender<Ready>,
    /// Places in flight: some mails are composed, and some recorded, while others are on the wire.
    pub places: Arc<Semaphore>,
    /// How many there are.
    pub places_all: u32,
    /// How many slots may work.
    pub slots: Arc<Slots>,
    /// How many more than that may be in flight.
    pub ahead: Arc<ClaimsAhead>,
    /// Places for mails that are made or wait for a slot: no more are in memory beside those on the wire.
    pub waiting: Arc<Semaphore>,
    /// What waits for memory without a place: no more is claimed of its tenants.
    pub parked: Arc<Parked>,
    /// Something may have become due.
    pub wake: Arc<Notify>,
    /// The worker drains.
    pub stop: CancellationToken,
}

impl ClaimLoop {
    /// Claims until it is told to stop, then waits for what is being prepared.
    pub async fn run(&self) {
        let pulse = self.context.liveness.pulse(format!("lane {}", self.relay.name));
        let preparing = TaskTracker::new();
        let mut looks = Looks::new();
        let mut isolation = SuspectLook::default();
        let mut express = ExpressTurns::default();
        while let Some(places) = self.stop.run_until_cancelled(pulse.during(self.room())).await {
            looks.begin(self.parked.left_out());
            let begun = Instant::now();
            match self.claim(&places, &mut looks, &mut isolation, &mut express).await {
                Ok((claimed, _)) if claimed.is_empty() => {
                    self.ahead.claimed(false);
                    drop(places);
                    looks.found(&claimed);
                    let look = if looks.left_out().is_empty() { Duration::ZERO } else { begun.elapsed() };
                    pulse.during(self.idle(look, isolation.found)).await;
                }
                Ok((claimed, alone)) => {
                    failpoint::reach(Failpoint::AfterClaim);
                    self.ahead.claimed(claimed.len() >= places.num_permits());
                    looks.found(&claimed);
                    self.start(&preparing, claimed, alone, places);
                }
                Err(error) => {
                    drop(places);
                    warn!(relay = %self.relay.name, "failed to claim deliveries: {error}");
                    let again = pulse.during(self.context.store.wait_to_try_again());
                    self.stop.run_until_cancelled(again).await;
                }
            }
        }
        preparing.close();
        pulse.during(preparing.wait()).await;
        pulse.done();
    }

    /// Waits until the lane may send and has room to claim.
    ///
    /// Not for each place by itself: under load that would be a claim for every mail. Not for half of what is claimed ahead
    /// either: then the connections wait for what is claimed next (measured at 4 connections: a fifth fewer mails a second).
    async fn room(&self) -> OwnedSemaphorePermit {
        let mut slots = self.slots.limit();
        loop {
            // Before the look: a change right after it wakes the wait for the trial.
            let mut changes = self.gate.changes();
            if *slots.borrow_and_update() == 0 {
                // The sender lives as long as the slots, so waiting cannot fail.
                let _ = slots.changed().await;
                continue;
            }
            let (wanted, closed) = match self.gate.passable().await {
                Passage::Trial { allowance } => match self.room_of_trial(allowance, 0) {
                    0 => {
                        self.trial_moves(allowance, changes).await;
                        continue;
                    }
                    wanted => (wanted, 0),
                },
                _ => (self.claim_min(), self.places_closed()),
            };
            let mut room = tokio::select! {
                room = Arc::clone(&self.places).acquire_many_owned(wanted + closed) => {
                    room.expect("the places are never closed")
                }
                // More or fewer places count. The senders live as long as slots and gate, so waiting cannot fail.
                _ = slots.changed() => continue,
                _ = changes.changed() => continue,
            };
            // It may have waited for minutes: what the lane may do now counts.
            match self.gate.passage() {
                Passage::Free => {
                    let rest = self.places.available_permits();
                    let more =
                        u32::try_from(rest).ok().and_then(|n| Arc::clone(&self.places).try_acquire_many_owned(n).ok());
                    if let Some(more) = more {
                        room.merge(more);
                    }
                    let closed = usize::try_from(self.places_closed()).expect("32 bits fit a usize");
                    if room.num_permits() > closed {
                        drop(room.split(closed));
                        return room;
                    }
                }
                Passage::Trial { allowance } if self.room_of_trial(allowance, wanted) >= wanted => return room,
                Passage::Trial { .. } | Passage::Shut => {}
            }
        }
    }

    /// How many of the places in flight are not to be used now.
    fn places_closed(&self) -> u32 {
        match u32::try_from(*self.slots.limit().borrow()).unwrap_or(u32::MAX) {
            0 => self.places_all,
            slots => self.places_all.saturating_sub(slots.saturating_add(self.ahead.count())),
        }
    }

    /// How many places must be free before it claims: a third of what is claimed ahead.
    fn claim_min(&self) -> u32 {
        (self.ahead.count() / 3).max(1)
    }

    /// How many more deliveries a trial has room for, beside the places in hand that are not used yet. Deliveries that
    /// have hung at the relay since before take none: a trial that an operator asked for would else wait for them, up
    /// to ten minutes.
    fn room_of_trial(&self, allowance: u32, in_hand: u32) -> u32 {
        let free = u32::try_from(self.places.available_permits()).unwrap_or(0);
        let without_place = *self.parked.without_place().borrow();
        let in_flight = self.places_all.saturating_sub(free).saturating_sub(in_hand) + without_place;
        allowance.saturating_add(self.gate.passing_before_trial()).saturating_sub(in_flight)
    }

    /// Waits until the trial ends or grows, or one of its deliveries has ended: not every end is the relay's answer.
    async fn trial_moves(&self, allowance: u32, mut changes: watch::Receiver<Passage>) {
        let allowance = allowance.saturating_add(self.gate.passing_before_trial());
        let mut without_place = self.parked.without_place();
        let free_places = (self.places_all + 1 + *without_place.borrow_and_update()).saturating_sub(allowance);
        tokio::select! {
            // The senders live as long as gate and claims, so waiting cannot fail.
            _ = changes.changed() => {}
            _ = without_place.changed() => {}
            _ = self.places.acquire_many(free_places), if free_places <= self.places_all => {}
        }
    }

    /// Claims a suspect, if it is time, and as many others as there are places.
    async fn claim(
        &self,
        places: &OwnedSemaphorePermit,
        looks: &mut Looks,
        isolation: &mut SuspectLook,
        express: &mut ExpressTurns,
    ) -> Result<(Vec<Claimed>, Option<Isolated>), StoreError> {
        let limit = u32::try_from(places.num_permits()).unwrap_or(u32::MAX);
        let Some((suspect, alone)) = self.claim_suspect(isolation).await? else {
            return Ok((self.claim_due(limit, looks, express).await?, None));
        };
        let mut claimed = vec![suspect];
        if limit > 1 {
            // The suspect is claimed all the same.
            match self.claim_due(limit - 1, looks, express).await {
                Ok(more) => claimed.extend(more),
                Err(error) => warn!(relay = %self.relay.name, "failed to claim deliveries: {error}"),
            }
        }
        Ok((claimed, Some(alone)))
    }

    async fn claim_suspect(&self, look: &mut SuspectLook) -> Result<Option<(Claimed, Isolated)>, StoreError> {
        let now = self.context.clock.monotonic();
        if !look.is_due(now) {
            return Ok(None);
        }
        let Some(alone) = self.isolation.take() else { return Ok(None) };
        let suspect = self.context.store.claim_suspect(&self.relay.name, self.context.worker).await?;
        look.looked(now, suspect.is_some());
        Ok(suspect.map(|suspect| (suspect, alone)))
    }

    async fn claim_due(
        &self,
        limit: u32,
        looks: &mut Looks,
        express: &mut ExpressTurns,
    ) -> Result<Vec<Claimed>, StoreError> {
        let (store, relay, worker) = (&self.context.store, &self.relay.name, self.context.worker);
        let express_limit = express.limit(limit);
        let claimed = store.claim_due(relay, worker, limit, express_limit, looks.floor(), looks.left_out()).await?;
        express.note(limit, claimed.iter().filter(|claimed| claimed.express).count());
        Ok(claimed)
    }

    /// Waits until something may have become due. After a look that took so long to pass over what is left out, however
    /// much that is, no other one begins at once.
    async fn idle(&self, look: Duration, isolation: bool) {
        self.stop.run_until_cancelled(tokio::time::sleep(look)).await;
        let rest = (look * 10).clamp(IDLE_LOOK, IDLE_LOOK * 10);
        tokio::select! {
            () = self.wake.notified() => {}
            () = self.context.clock.sleep(rest) => {}
            () = self.isolation.free(), if isolation => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Has the mails of a claim prepared, side by side.
    fn start(
        &self,
        preparing: &TaskTracker,
        claimed: Vec<Claimed>,
        mut alone: Option<Isolated>,
        mut places: OwnedSemaphorePermit,
    ) {
        let owned: Vec<Owned> = claimed
            .into_iter()
            .map(|claimed| {
                let place = places.split(1).expect("no more was claimed than there are places");
                let alone = if claimed.takeovers > 0 { alone.take() } else { None };
                let in_flight = self.context.in_flight.guard(claimed.fence(self.context.worker));
                Owned::new(claimed, place, in_flight, alone)
            })
            .collect();
        let stage = Arc::new(ClaimStage {
            context: Arc::clone(&self.context),
            relay: Arc::clone(&self.relay),
            recorder: self.recorder.clone(),
            ready: self.ready.clone(),
            waiting: Arc::clone(&self.waiting),
            parked: Arc::clone(&self.parked),
            slots: Arc::clone(&self.slots),
            stop: self.stop.clone(),
        });
        let siblings = preparing.clone();
        preparing.spawn(async move {
            let deliveries: Vec<_> = owned.iter().map(|owned| owned.claimed.delivery).collect();
            let mut loaded = match load(&stage.context, &deliveries).await {
                Ok(loaded) => loaded,
                Err(error) => {
                    warn!(relay = %stage.relay.name, "failed to read claimed deliveries: {error}");
                    // They keep their places meanwhile, so that they are not claimed again at once.
                    stage.context.store.wait_to_try_again().await;
                    HashMap::new()
                }
            };
            for owned in owned {
                let stage = Arc::clone(&stage);
                match loaded.remove(&owned.claimed.delivery) {
                    Some(Ok(delivery)) => drop(siblings.spawn(async move { stage.prepare(owned, delivery).await })),
                    Some(Err(why)) => {
                        drop(siblings.spawn(async move { stage.recorder.unreadable(&owned.claimed, &why).await }));
                    }
                    None => stage.recorder.release(&owned.claimed).await,
                }
            }
        });
    }
}
