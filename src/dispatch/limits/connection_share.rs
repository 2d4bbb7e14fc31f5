//! This worker's share of one relay's connections, which the workers that send by it divide among themselves.
//!
//! Each lane has a row that says how many connections it uses, and looks at the rows of the others every second. A share
//! becomes smaller at once, and larger only by what the others have given back: so all together never use more
//! connections than the relay is configured with, also while workers come and go. A lane that does not look any more,
//! since its worker was killed, is not counted after [`ABSENT_AFTER`]; one that cannot look, since its worker or its
//! database stands still, gives its share up before.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::slots::Slots;
use crate::clock::Clock;
use crate::dispatch::context::Context;
use crate::dispatch::liveness::observer::Observer;
use crate::lifecycle::{Liveness, Pulse};
use crate::model::ids::{RelayName, WorkerId};
use crate::policy::connection_share::{OtherLanes, next_share};
use crate::store::{SharingLane, Store, StoreError};

/// How often a lane looks at the shares.
const LOOK: Duration = Duration::from_secs(1);
/// How soon it looks again after its share or its use has changed: others wait for what it has given back.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// A lane that has not looked for so long is not counted.
const ABSENT_AFTER: Duration = Duration::from_secs(7);
/// A share is valid for so long from the beginning of the last look.
const VALID_FOR: Duration = Duration::from_secs(6);
/// Without others it is valid for so long from the end of the last look at least: until after the next one has begun.
const LONE_VALID_FOR: Duration = Duration::from_secs(2);

/// The share of one lane in one worker.
pub struct ConnectionShare {
    relay: RelayName,
    /// Over all workers.
    connections: u32,
    worker: WorkerId,
    store: Store,
    clock: Clock,
    liveness: Liveness,
    /// Whose number is found out here.
    pub slots: Arc<Slots>,
}

impl ConnectionShare {
    /// Of `connections` to this relay over all workers. It has none until it has looked, unless there cannot be another
    /// worker.
    #[must_use]
    pub fn new(relay: RelayName, connections: u32, context: &Context) -> Self {
        let (store, clock) = (context.store.clone(), context.clock.clone());
        let share = if store.is_single_process() { connections } else { 0 };
        let slots = Arc::new(Slots::new(share, clock.clone()));
        Self { relay, connections, worker: context.worker, store, clock, liveness: context.liveness.clone(), slots }
    }

    /// Keeps the share up to date until the lane's slots have ended. When the worker drains it asks for none any more.
    pub async fn watch(&self, drains: &CancellationToken, ended: &CancellationToken) {
        if self.store.is_single_process() {
            return;
        }
        let pulse = self.liveness.pulse(format!("share of connections to {}", self.relay));
        ended.run_until_cancelled(self.keep_looking(&pulse, drains)).await;
        pulse.done();
    }

    async fn keep_looking(&self, pulse: &Pulse, drains: &CancellationToken) {
        let mut others = Others::default();
        let (mut shown, mut rest, mut is_failing) = (None, LOOK_AGAIN, false);
        loop {
            others.stand_in &= self.slots.yields();
            let asks = self.slots.asks() && !drains.is_cancelled() && !others.stand_in;
            match pulse.during(self.look_in_time(&mut others, asks)).await {
                Ok(now) => {
                    let now = (now, self.share());
                    rest = if shown == Some(now) { (rest * 2).min(LOOK) } else { LOOK_AGAIN };
                    (shown, is_failing) = (Some(now), false);
                }
                Err(error) => {
                    // No lane can look while the database is away, so standing still proves nothing.
                    others.observer.forget();
                    rest = LOOK_AGAIN;
                    if others.any && self.slots.is_expired() {
                        self.give_up();
                        rest = LOOK;
                    }
                    if !std::mem::replace(&mut is_failing, true) {
                        warn!(relay = %self.relay, "failed to divide the relay's connections among the workers: {error}");
                    }
                }
            }
            let resting = async {
                tokio::select! {
                    () = self.clock.sleep(rest) => {}
                    // What it does not use any more, others wait for.
                    () = drains.cancelled(), if asks => {}
                }
            };
            pulse.during(resting).await;
        }
    }

    /// Looks at the other lanes. If that takes longer than the share is valid, it is given up: the others may count this
    /// lane as absent. Without others the slots wait.
    async fn look_in_time(&self, others: &mut Others, asks: bool) -> Result<SharingLane, StoreError> {
        let any = others.any;
        let expired = async {
            match self.slots.valid_until().filter(|_| any) {
                Some(until) => self.clock.sleep(until.saturating_sub(self.clock.monotonic())).await,
                None => std::future::pending().await,
            }
        };
        // Boxed: it is large, and there is one a second.
        let mut looking = Box::pin(self.look(others, asks));
        tokio::select! {
            biased;
            looked = &mut looking => return looked,
            () = expired => self.give_up(),
        }
        looking.await
    }

    /// Shows the other lanes what this one uses, looks at what they use, and takes the share that is this one's; returns
    /// what it has shown.
    async fn look(&self, others: &mut Others, asks: bool) -> Result<SharingLane, StoreError> {
        let began = self.clock.monotonic();
        // Others may have come meanwhile and taken what had expired.
        let was_expired = self.slots.is_expired();
        // It may be given up during the look.
        let current = || if was_expired { 0 } else { self.share() };
        // Slots that begin to work after this have seen the share.
        let connections = self.share().max(self.slots.at_work());
        let shown = SharingLane { worker: self.worker, connections, asks, looks: 0 };
        let (lanes, is_registered) = self.store.show_connections(&self.relay, shown).await?;
        if self.clock.monotonic().saturating_sub(began) >= VALID_FOR {
            // The others may have waited for the database as long as this one: that they stood still proves nothing.
            others.observer.forget();
        }
        let looks: Vec<_> = lanes.iter().map(|lane| (lane.worker, lane.looks)).collect();
        let absent = others.observer.observe(&looks, self.clock.monotonic());
        let is_absent =
            |lane: &SharingLane| absent.contains(&lane.worker) && looks.contains(&(lane.worker, lane.looks));
        let next = |lanes: &[SharingLane]| {
            let seen = self.seen(lanes.iter().filter(|lane| !is_absent(lane)));
            (if asks { next_share(self.connections, current(), seen) } else { 0 }, seen)
        };
        let (share, seen) = next(&lanes);
        others.note(seen, self.connections, self.slots.yields());
        // A worker that was declared dead has nothing.
        let share = match share {
            _ if !is_registered => 0,
            more if more > current() => self.take(|lanes| next(lanes).0.max(current()), others.any).await?,
            share => share,
        };
        // Before it is valid again: slots that wait for that see the new one.
        let before = self.share();
        self.slots.set_share(share);
        let valid_until = began + VALID_FOR;
        // Without others nobody has taken it during the look, however slow the database is.
        let valid_until =
            if others.any { valid_until } else { valid_until.max(self.clock.monotonic() + LONE_VALID_FOR) };
        self.slots.set_valid_until(Some(valid_until));
        if share != before {
            info!(relay = %self.relay, "this worker may use {share} of {} connections", self.connections);
        }
        Ok(shown)
    }

    /// Takes as large a share as `next` makes of what the others use, if there are any; returns it, or none if that took
    /// too long: the others may count this lane as absent.
    async fn take(&self, next: impl Fn(&[SharingLane]) -> u32 + Sync, any: bool) -> Result<u32, StoreError> {
        let began = Instant::now();
        let mut share = 0;
        let decide = |lanes: &[SharingLane]| {
            share = next(lanes);
            share.max(self.slots.at_work())
        };
        let is_taken = self.store.take_connections(&self.relay, self.worker, decide).await?;
        Ok(if is_taken && (!any || began.elapsed() < VALID_FOR) { share } else { 0 })
    }

    fn give_up(&self) {
        if self.share() > 0 {
            info!(relay = %self.relay, "the database is too slow, or away: this worker leaves the connections to others");
            self.slots.set_share(0);
        }
    }

    fn share(&self) -> u32 {
        *self.slots.share().borrow()
    }

    /// What these lanes come to. Workers' ids are in the order of their starts, by their machines' clocks.
    fn seen<'a>(&self, lanes: impl Iterator<Item = &'a SharingLane>) -> OtherLanes {
        let mut seen = OtherLanes::default();
        for lane in lanes {
            seen.connections = seen.connections.saturating_add(lane.connections);
            if lane.asks {
                *(if lane.worker < self.worker { &mut seen.older } else { &mut seen.younger }) += 1;
            }
        }
        seen
    }
}

/// What is known of the other lanes.
struct Others {
    observer: Observer,
    /// The last look has seen any.
    any: bool,
    /// They stand in for this one, which cannot send: it asks for no share.
    stand_in: bool,
}

impl Others {
    /// They stand in once as many ask as there are connections, so that one may have none, and for as long as one asks.
    fn note(&mut self, seen: OtherLanes, connections: u32, yields: bool) {
        self.any = seen != OtherLanes::default();
        let asking = seen.older + seen.younger;
        self.stand_in = yields && (asking >= connections || (self.stand_in && asking > 0));
    }
}

impl Default for Others {
    fn default() -> Self {
        Self { observer: Observer::new(ABSENT_AFTER), any: false, stand_in: false }
    }
}
