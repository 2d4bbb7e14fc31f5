//! This worker's share of one relay's connections, settled with the other workers that send by it.
//!
//! Each lane has a row that says how many connections it uses, and looks at the rows of the others every second. A share
//! becomes smaller at once, and larger only by what the others have given back: so all together never use more
//! connections than the relay is configured with, also while workers come and go. A lane that does not look any more,
//! since its worker was killed, is not counted after [`ABSENT_AFTER`].

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::slots::Slots;
use crate::clock::Clock;
use crate::dispatch::context::Context;
use crate::dispatch::liveness::observer::Observer;
use crate::lifecycle::Liveness;
use crate::model::ids::{RelayName, WorkerId};
use crate::policy::connection_share::{OtherLanes, next_share};
use crate::store::{SharingLane, Store, StoreError};

/// How often a lane looks at the shares.
const LOOK: Duration = Duration::from_secs(1);
/// How soon it looks again after its share or its use has changed: others wait for what it has given back.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// A lane that has not looked for so long is not counted.
const ABSENT_AFTER: Duration = Duration::from_secs(4);

/// The share of one lane in one worker.
pub struct ConnectionShare {
    relay: RelayName,
    /// Over all workers.
    connections: u32,
    worker: WorkerId,
    store: Store,
    clock: Clock,
    liveness: Liveness,
    /// Whose number is settled here.
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

    /// Settles the share until the lane's slots have ended. When the worker drains it asks for none any more.
    pub async fn watch(&self, drains: &CancellationToken, ended: &CancellationToken) {
        if self.store.is_single_process() {
            return;
        }
        let pulse = self.liveness.pulse(format!("share of connections to {}", self.relay));
        let mut others = Observer::new(ABSENT_AFTER);
        let mut shown = None;
        let mut rest = LOOK_AGAIN;
        let mut is_failing = false;
        loop {
            let asks = self.slots.asks() && !drains.is_cancelled();
            let settled = pulse.during(self.settle(&mut others, asks)).await;
            if let Err(error) = &settled
                && !is_failing
            {
                warn!(relay = %self.relay, "failed to settle this worker's share of the relay's connections: {error}");
            }
            is_failing = settled.is_err();
            match settled {
                Ok(now) if shown == now => rest = (rest * 2).min(LOOK),
                Ok(now) => (shown, rest) = (now, LOOK_AGAIN),
                Err(_) => {
                    // No lane can look while the database is away, so standing still proves nothing.
                    others.forget();
                    rest = LOOK;
                }
            }
            let resting = pulse.during(async {
                tokio::select! {
                    () = self.clock.sleep(rest) => {}
                    // What it does not use any more, others wait for.
                    () = drains.cancelled(), if asks => {}
                }
            });
            if ended.run_until_cancelled(resting).await.is_none() {
                break;
            }
        }
        pulse.done();
    }

    /// Looks at the other lanes and takes the share that is this one's; returns what it shows the others.
    async fn settle(&self, observer: &mut Observer, asks: bool) -> Result<Option<SharingLane>, StoreError> {
        let current = *self.slots.share().borrow();
        let now = self.clock.monotonic();
        let mut next = current;
        let mut shown = None;
        let decide = |lanes: &[SharingLane], own: SharingLane| {
            let looks: Vec<_> = lanes.iter().map(|lane| (lane.worker, lane.looks)).collect();
            let absent = observer.observe(&looks, now);
            let others = lanes.iter().filter(|lane| lane.worker != self.worker && !absent.contains(&lane.worker));
            next = if asks { next_share(self.connections, current, seen_from(self.worker, others)) } else { 0 };
            // Slots that are at work after this have seen it.
            self.slots.set_share(next.min(current));
            let own = SharingLane { connections: next.max(self.slots.at_work()), asks, ..own };
            shown = Some(SharingLane { looks: 0, ..own });
            own
        };
        self.store.share_connections(&self.relay, self.worker, decide).await?;
        // It is committed: no other worker takes these.
        if next != current {
            self.slots.set_share(next);
            if asks {
                info!(relay = %self.relay, "this worker may use {next} of {} connections", self.connections);
            }
        }
        Ok(shown)
    }
}

/// Workers' ids are in the order of their starts.
fn seen_from<'a>(worker: WorkerId, others: impl Iterator<Item = &'a SharingLane>) -> OtherLanes {
    others.fold(OtherLanes::default(), |mut seen, lane| {
        seen.connections = seen.connections.saturating_add(lane.connections);
        if lane.asks {
            *(if lane.worker < worker { &mut seen.older } else { &mut seen.younger }) += 1;
        }
        seen
    })
}
