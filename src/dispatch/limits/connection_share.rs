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
/// Without others it is valid at least until another look that takes as long as the last one may have ended: that begins
/// within [`LOOK`].
const LONE_VALID_FOR: Duration = Duration::from_secs(2);
/// A look that takes longer, or twice as long as the last one, is broken off.
const LOOK_LIMIT: Duration = VALID_FOR;
/// Longer than any look takes: before that the database's own deadlines end it.
const LOOK_LIMIT_MAX: Duration = Duration::from_mins(2);

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
                // It has taken its time already.
                Ok(None) => continue,
                Ok(Some(now)) => {
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

    /// Looks at the other lanes; `None` if that says nothing, and the lane is to look again. A share that expires during
    /// the look is given up if there are others, which may count this lane as absent; if there are none the slots wait. What
    /// takes too long is broken off: it may be this one connection to the database that is dead.
    async fn look_in_time(&self, others: &mut Others, asks: bool) -> Result<Option<SharingLane>, StoreError> {
        let (any, limit) = (others.any, others.look_limit);
        let expiring = async {
            // Without others that is said once.
            if let Some(until) = self.slots.valid_until()
                && (any || !self.slots.is_expired())
            {
                self.clock.deadline(until.saturating_sub(self.clock.monotonic())).await;
                self.expire(any);
            }
            std::future::pending::<()>().await;
        };
        let looked = {
            // Boxed: it is large, and there is one a second.
            let looking = Box::pin(self.look(others, asks));
            tokio::select! {
                biased;
                looked = looking => Some(looked?),
                () = expiring => None,
                () = self.clock.deadline(limit) => None,
            }
        };
        if looked.is_none() {
            others.broke_off();
        }
        Ok(looked.flatten())
    }

    /// Shows the other lanes what this one uses, looks at what they use, and takes the share that is this one's; returns
    /// what it has shown, if that confirms the share.
    async fn look(&self, others: &mut Others, asks: bool) -> Result<Option<SharingLane>, StoreError> {
        let began = self.clock.monotonic();
        let mut shown_at = began;
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
            more if more > current() => {
                shown_at = self.clock.monotonic();
                self.take(|lanes| next(lanes).0.max(current()), others.any).await?
            }
            share => share,
        };
        // Before it is valid again: slots that wait for that see the new one.
        let before = self.share();
        self.slots.set_share(share);
        let took = self.clock.monotonic().saturating_sub(began);
        let is_confirmed = others.looked(took);
        let mut valid_until = shown_at + VALID_FOR;
        if is_confirmed && !others.any {
            valid_until = valid_until.max(began + 2 * took + LONE_VALID_FOR);
        }
        self.slots.set_valid_until(Some(valid_until));
        if share != before {
            info!(relay = %self.relay, "this worker may use {share} of {} connections", self.connections);
        }
        Ok(is_confirmed.then_some(shown))
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

    fn expire(&self, any: bool) {
        if any {
            self.give_up();
        } else if self.share() > 0 {
            info!(relay = %self.relay, "this worker or its database stood still: it begins no message before it has looked at the shares again");
        }
    }

    fn give_up(&self) {
        if self.share() > 0 {
            info!(relay = %self.relay, "this worker or its database stood still: it leaves the connections to others");
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
    /// How long the next look may take.
    look_limit: Duration,
    /// The last look took longer than a share is valid.
    was_slow: bool,
}

impl Others {
    /// They stand in once as many ask as there are connections, so that one may have none, and for as long as one asks.
    fn note(&mut self, seen: OtherLanes, connections: u32, yields: bool) {
        self.any = seen != OtherLanes::default();
        let asking = seen.older + seen.younger;
        self.stand_in = yields && (asking >= connections || (self.stand_in && asking > 0));
    }

    /// A look has ended; says whether it confirms the share. If others have come during a slow one, it may not have seen
    /// them: perhaps this worker was frozen. A second slow one in a row is the database's doing.
    fn looked(&mut self, took: Duration) -> bool {
        let is_slow = took >= VALID_FOR;
        self.look_limit = (2 * took).clamp(LOOK_LIMIT, LOOK_LIMIT_MAX);
        let was_slow = std::mem::replace(&mut self.was_slow, is_slow);
        self.any || !is_slow || was_slow
    }

    /// A look was broken off. No lane may have been able to look meanwhile, so standing still proves nothing.
    fn broke_off(&mut self) {
        self.observer.forget();
        self.look_limit = (2 * self.look_limit).min(LOOK_LIMIT_MAX);
        self.was_slow = true;
    }
}

impl Default for Others {
    fn default() -> Self {
        Self {
            observer: Observer::new(ABSENT_AFTER),
            any: false,
            stand_in: false,
            look_limit: LOOK_LIMIT,
            was_slow: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Duration = VALID_FOR;
    const FAST: Duration = Duration::from_millis(5);

    #[test]
    fn one_slow_look_confirms_nothing_without_others() {
        let mut others = Others::default();
        assert!(others.looked(FAST));
        assert!(!others.looked(SLOW), "others may have come meanwhile");
        assert!(others.looked(SLOW), "the database is slow");
        assert!(others.looked(FAST) && !others.looked(SLOW));
        others.any = true;
        assert!(others.looked(FAST) && others.looked(SLOW), "those that it has seen count for themselves");
    }

    #[test]
    fn a_look_may_take_twice_as_long_as_the_last_one() {
        let mut others = Others::default();
        others.looked(FAST);
        assert_eq!(others.look_limit, LOOK_LIMIT);
        others.broke_off();
        assert_eq!(others.look_limit, 2 * LOOK_LIMIT);
        assert!(others.looked(SLOW + FAST), "the one before was slow, too");
        assert_eq!(others.look_limit, 2 * (SLOW + FAST));
        (0..9).for_each(|_| others.broke_off());
        assert_eq!(others.look_limit, LOOK_LIMIT_MAX);
        others.looked(FAST);
        assert_eq!(others.look_limit, LOOK_LIMIT);
    }
}
