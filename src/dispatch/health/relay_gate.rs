//! Whether a lane may send now: its breaker, its credentials, and people's pause.
//!
//! The breaker's state is a row that all workers share. Each worker counts its own signals ([`Breaker`]) and opens the
//! breaker in that row when they trip. One worker at a time holds the lease to probe; the same worker then tries the
//! relay with 1, 2, 4, … deliveries before the breaker closes for all.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::breaker_row::{self, LEASE};
use super::credentials::Credentials;
use super::refusing;
use super::relay_trial::{RelayTrial, TrialNumber};
use crate::clock::{Clock, Timestamp};
use crate::dispatch::limits::parked::Parked;
use crate::dispatch::limits::slots::Slots;
use crate::model::ids::{RelayName, WorkerId};
use crate::model::reply::Phase;
use crate::model::state::BreakerState;
use crate::policy::breaker::{Breaker, BreakerSignal, BreakerTrip};
use crate::relay::{Connector, RelayUnavailable};
use crate::store::{RelayState, Store, StoreError};
use crate::telemetry::metric;

/// How often the shared row is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A relay that accepted a mail of another worker this long ago works.
const OTHERS_WORKED_WITHIN: Duration = Duration::from_secs(10);

/// What a lane may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Send.
    Free,
    /// Send so many, and see.
    Trial {
        /// Deliveries in flight at once.
        allowance: u32,
    },
    /// Send nothing: the breaker is open, another worker tries, the relay refuses this worker's credentials, or people
    /// paused it.
    Shut,
}

/// One lane's gate in one worker.
pub struct RelayGate {
    relay: RelayName,
    worker: WorkerId,
    store: Store,
    clock: Clock,
    connector: Arc<Connector>,
    /// A trial that has grown to so many is over.
    connections: u32,
    slots: Arc<Slots>,
    parked: Arc<Parked>,
    credentials: Credentials,
    passage: watch::Sender<Passage>,
    counts: Mutex<WindowCounts>,
}

#[derive(Debug, Default)]
struct WindowCounts {
    breaker: Breaker,
    /// Which mails are on the way, and which of them are the running trial's.
    trial: RelayTrial,
    /// The newest version of the shared row that was shown: an older one, read before it, says nothing any more.
    shown: i64,
    /// Why the breaker is to open, until the shared row says so: nothing passes meanwhile.
    trip: Option<BreakerTrip>,
}

/// A mail on its way through the gate.
pub struct Passing<'a> {
    gate: &'a RelayGate,
    trial: TrialNumber,
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        let now = self.gate.clock.now();
        self.gate.counts().trial.leave(self.trial, now);
    }
}

impl RelayGate {
    /// The gate of the lane whose relay `connector` reaches. Shut, until the shared row has been looked at.
    #[must_use]
    pub fn new(
        connector: Arc<Connector>,
        store: Store,
        worker: WorkerId,
        credentials: Credentials,
        slots: Arc<Slots>,
        parked: Arc<Parked>,
    ) -> Self {
        let config = connector.config();
        Self {
            relay: config.name.clone(),
            worker,
            clock: store.clock().clone(),
            store,
            connections: config.connections,
            slots,
            parked,
            credentials,
            passage: watch::Sender::new(Passage::Shut),
            counts: Mutex::default(),
            connector,
        }
    }

    /// What the lane may do now.
    #[must_use]
    pub fn passage(&self) -> Passage {
        *self.passage.borrow()
    }

    /// Lets one mail pass, unless the gate is shut or a trial has as many on the way as it may: mails that were
    /// prepared before the trial began would all follow the first.
    pub fn pass(&self) -> Option<Passing<'_>> {
        let mut counts = self.counts();
        let is_open = match self.passage() {
            Passage::Shut => false,
            Passage::Free => true,
            Passage::Trial { allowance } => counts.trial.under_way() < allowance,
        };
        is_open.then(|| Passing { gate: self, trial: counts.trial.enter() })
    }

    /// Messages in flight since before the running trial, perhaps for minutes: they do not count against its limit.
    pub fn passing_before_trial(&self) -> u32 {
        self.counts().trial.passing_before()
    }

    /// Waits until nothing may be sent.
    pub async fn shut(&self) {
        let mut passage = self.passage.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = passage.wait_for(|passage| *passage == Passage::Shut).await;
    }

    /// Waits until the lane may send.
    pub async fn passable(&self) -> Passage {
        let mut passage = self.passage.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        passage.wait_for(|passage| *passage != Passage::Shut).await.map_or(Passage::Shut, |passage| *passage)
    }

    /// Tells of every change from now on of what the lane may do.
    pub fn changes(&self) -> watch::Receiver<Passage> {
        self.passage.subscribe()
    }

    /// Until `stop`: adjusts the number of slots, reads the shared row every second, and probes when this worker holds
    /// the lease. A probe under way at `stop` is cut off; its lease ends when the worker deregisters.
    pub async fn watch(&self, stop: CancellationToken) {
        let watching = async {
            loop {
                self.slots.adjust();
                if let Err(error) = self.look().await {
                    warn!(relay = %self.relay, "failed to read the relay's state: {error}");
                }
                self.clock.sleep(LOOK).await;
            }
        };
        stop.run_until_cancelled(watching).await;
    }

    /// Takes in that the relay has refused this worker's credentials: nothing passes until it takes them.
    pub async fn credentials_refused(&self, unavailable: &RelayUnavailable) {
        // Before the database is asked: deliveries that wait for a slot must not log in meanwhile.
        self.set(Passage::Shut);
        if let Err(error) = self.credentials.refused(unavailable).await {
            warn!(relay = %self.relay, "failed to record refused credentials: {error}");
        }
    }

    /// The relay has turned a connection away with a reply, and no other connection of this worker shows that it works.
    /// If it accepts messages of other workers, it only limits connections: that does not count for the breaker, which
    /// is shared.
    pub async fn turned_away(&self, passing: &Passing<'_>) {
        let since = self.clock.now().minus(OTHERS_WORKED_WITHIN);
        match self.store.accepts_others(&self.relay, self.worker, since).await {
            Ok(true) => self.slots.crowded_out(),
            Ok(false) => self.signal(passing, BreakerSignal::Unavailable).await,
            Err(error) => {
                warn!(relay = %self.relay, "failed to read what the relay has accepted: {error}");
                self.signal(passing, BreakerSignal::Unavailable).await;
            }
        }
    }

    /// Takes in that the relay could not be used.
    pub async fn signal(&self, passing: &Passing<'_>, signal: BreakerSignal) {
        self.take_in(passing, signal, None).await;
    }

    /// Takes in what a transaction showed about the relay, which ended in this phase.
    pub async fn answered_at(&self, passing: &Passing<'_>, phase: Phase, signal: BreakerSignal) {
        self.take_in(passing, signal, Some(phase)).await;
    }

    async fn take_in(&self, passing: &Passing<'_>, signal: BreakerSignal, phase: Option<Phase>) {
        let now = self.clock.now();
        let (trip, is_of_trial) = {
            let mut counts = self.counts();
            (counts.breaker.observe(signal, now), counts.trial.is_running(passing.trial))
        };
        let passage = self.passage();
        let told = match (passage, trip) {
            // It was sent before the trial began: only the trial's own deliveries decide the trial.
            (Passage::Trial { .. }, _) if !is_of_trial => Ok(()),
            (Passage::Trial { allowance }, _) => match BreakerTrip::of_trial(signal) {
                None => self.answered(allowance, signal, phase).await,
                Some(trip) => self.open(trip).await,
            },
            (Passage::Free, Some(trip)) => self.open(trip).await,
            _ => Ok(()),
        };
        if let Err(error) = told {
            warn!(relay = %self.relay, "failed to write the relay's state: {error}");
        }
    }

    /// Reads the shared row and does what is this worker's to do.
    ///
    /// # Errors
    /// If the database is away; the gate stays as it is.
    pub async fn look(&self) -> Result<(), StoreError> {
        let trip = self.counts().trip;
        if let Some(trip) = trip {
            self.write_trip(trip).await?;
        }
        let state = self.store.relay_state(&self.relay).await?;
        let refused = self.credentials.look().await?;
        // Without a login it has no use for connections; workers with other credentials may have.
        self.slots.ask(!self.credentials.are_refused());
        if !self.credentials.are_refused() {
            self.connector.allow_login();
        }
        let now = self.clock.now();
        self.show(&mut self.counts(), &state, now);
        if state.paused {
            return Ok(());
        }
        if let Some(refused) = refused {
            if state.breaker == BreakerState::HalfOpen && self.is_mine(&state, now) {
                // Others may have credentials that it takes: they need not wait for the end of the lease.
                self.change(breaker_row::probed_at_once(state, now)).await?;
            }
            return self.credentials.try_again(&self.connector, refused).await;
        }
        if !self.slots.has_share() {
            if state.breaker == BreakerState::HalfOpen && self.is_mine(&state, now) {
                if self.counts().trial.under_way() > 0 {
                    // The relay may answer it yet: nobody else tries it meanwhile.
                    return self.keep_trial(state, now).await;
                }
                // Those that have connections try the relay.
                self.change(breaker_row::probed_at_once(state, now)).await?;
            } else if state.breaker == BreakerState::Open && state.probe_worker == Some(self.worker) {
                // Another worker has the share that this one could not use: it need not wait for the next probe.
                let state = breaker_row::probed_at_once(state, now);
                self.change(RelayState { probe_worker: None, ..state }).await?;
            }
            return Ok(());
        }
        if breaker_row::trial_is_abandoned(&state, now) {
            self.change(breaker_row::probed_at_once(state, now)).await?;
        } else if state.breaker == BreakerState::Open
            && breaker_row::probe_is_due(&state, now)
            // With the lease in hand and no probe under way, the last one's result could not be written.
            && (self.is_mine(&state, now)
                || self.store.take_probe(&self.relay, self.worker, now.plus(LEASE)).await?)
        {
            self.probe().await?;
        } else if self.is_mine(&state, now) && state.breaker == BreakerState::HalfOpen {
            self.keep_trial(state, now).await?;
        }
        Ok(())
    }

    /// Keeps the lease of this worker's trial while one of its mails is on the way. A trial that has nothing to send
    /// ends: the relay answers, and would stand as half-open until the next mail comes, however long that takes. Nor has
    /// one anything to send whose mails wait for memory.
    async fn keep_trial(&self, state: RelayState, now: Timestamp) -> Result<(), StoreError> {
        let (is_idle, is_under_way) = {
            let counts = self.counts();
            (counts.trial.is_idle(now), counts.trial.under_way() > 0)
        };
        if is_idle && (self.parked.any() || !self.store.has_ready(&self.relay).await?) {
            info!(relay = %self.relay, "the relay answers, and nothing was due to try it with: it is used again");
            self.change(state.with_breaker_closed()).await
        } else if is_under_way && state.probe_until.is_some_and(|until| until.since(now) < LEASE / 2) {
            self.change(RelayState { probe_until: Some(now.plus(LEASE)), ..state }).await
        } else {
            Ok(())
        }
    }

    /// Whether this worker holds the lease.
    fn is_mine(&self, state: &RelayState, now: Timestamp) -> bool {
        state.probe_worker == Some(self.worker) && state.probe_until.is_some_and(|until| until > now)
    }

    /// Writes the shared row unless another worker has meanwhile, and shows it.
    async fn change(&self, state: RelayState) -> Result<(), StoreError> {
        if self.store.change_breaker(&state).await? {
            let state = RelayState { version: state.version + 1, ..state };
            self.show(&mut self.counts(), &state, self.clock.now());
        }
        Ok(())
    }

    /// Sets the passage by the shared row.
    fn show(&self, counts: &mut WindowCounts, state: &RelayState, now: Timestamp) {
        if state.version < counts.shown || counts.trip.is_some() {
            return;
        }
        counts.shown = state.version;
        let passage = match state.breaker {
            _ if state.paused || self.credentials.are_refused() => Passage::Shut,
            BreakerState::Closed => Passage::Free,
            BreakerState::HalfOpen if self.is_mine(state, now) => Passage::Trial { allowance: state.allowance },
            BreakerState::HalfOpen | BreakerState::Open => Passage::Shut,
        };
        self.set(passage);
        let shown = match state.breaker {
            _ if state.paused => 3.0,
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open => 2.0,
        };
        gauge!(metric::BREAKER_STATE, "relay" => self.relay.to_string()).set(shown);
    }

    fn set(&self, passage: Passage) {
        let changed = self.passage.send_if_modified(|current| std::mem::replace(current, passage) != passage);
        if changed && passage == Passage::Free {
            self.slots.restore();
        }
    }

    async fn probe(&self) -> Result<(), StoreError> {
        // Idle connections may be all that the relay allows us: it would turn the probe away.
        self.slots.idle.close().await;
        let answer = self.connector.probe().await;
        let now = self.clock.now();
        let state = self.store.relay_state(&self.relay).await?;
        if state.breaker != BreakerState::Open || state.probe_worker != Some(self.worker) {
            return Ok(());
        }
        let state = match answer {
            Ok(()) => {
                self.slots.relay_answered();
                info!(relay = %self.relay, "the relay answers again; it is tried with one delivery");
                self.counts().trial.begin(now);
                breaker_row::half_open(state, now)
            }
            // The relay answers: others may have credentials that it takes, and this worker rests.
            Err(unavailable) if unavailable.auth_refused => {
                self.credentials_refused(&unavailable).await;
                breaker_row::probed_at_once(state, now)
            }
            Err(unavailable) => {
                let state = breaker_row::probed_later(state, unavailable.to_string(), now);
                // Another worker may reach it: where it has no share of the connections, it gets one for the next probe.
                self.slots.relay_failed();
                state
            }
        };
        self.change(state).await
    }

    /// The relay answered one more delivery of the trial.
    async fn answered(&self, allowance: u32, signal: BreakerSignal, phase: Option<Phase>) -> Result<(), StoreError> {
        if !self.counts().trial.answered_all(allowance) {
            return Ok(());
        }
        let now = self.clock.now();
        let state = self.store.relay_state(&self.relay).await?;
        if state.breaker != BreakerState::HalfOpen || state.probe_worker != Some(self.worker) {
            return Ok(());
        }
        if let Some(state) = refusing::after_trial(&state, (signal, phase), now) {
            return self.change(state).await;
        }
        let state = breaker_row::grown(state, allowance, self.connections, now);
        if state.breaker == BreakerState::Closed {
            info!(relay = %self.relay, "the relay works again");
        }
        self.change(state).await
    }

    /// Opens the breaker for all workers. This worker sends nothing until the shared row is written: while the database
    /// is unreachable, each look tries again.
    async fn open(&self, trip: BreakerTrip) -> Result<(), StoreError> {
        {
            let mut counts = self.counts();
            counts.trip = Some(trip);
            self.set(Passage::Shut);
        }
        self.write_trip(trip).await
    }

    /// Writes that the breaker is open, unless another worker has.
    async fn write_trip(&self, trip: BreakerTrip) -> Result<(), StoreError> {
        loop {
            let mut state = self.store.relay_state(&self.relay).await?;
            let now = self.clock.now();
            if state.breaker != BreakerState::Open {
                state = breaker_row::opened(&state, trip, now);
                if !self.store.change_breaker(&state).await? {
                    continue;
                }
                state.version += 1;
                warn!(relay = %self.relay, "the breaker opens: {}", trip.as_str());
            }
            let mut counts = self.counts();
            counts.trip = None;
            self.show(&mut counts, &state, now);
            return Ok(());
        }
    }

    fn counts(&self) -> MutexGuard<'_, WindowCounts> {
        self.counts.lock()
    }
}
