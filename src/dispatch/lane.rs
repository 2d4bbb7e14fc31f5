//! A lane: one relay's queue in one worker, with its own claims, connections, rate and circuit breaker.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

use super::batcher::{Batcher, Gathering};
use super::claim_loop::ClaimLoop;
use super::context::Context;
use super::health::credentials::Credentials;
use super::health::relay_gate::RelayGate;
use super::limits::claims_ahead::ClaimsAhead;
use super::limits::connection_share::ConnectionShare;
use super::limits::parked::Parked;
use super::limits::rate::Rate;
use super::permit::PermitBatcher;
use super::recorder::Recorder;
use super::send::SmtpWorkers;
use crate::lifecycle::keep_running;
use crate::model::ids::RelayName;
use crate::relay::Connector;
use crate::wake::Wakes;

/// Mails that are made or wait for a slot are a quarter of the slots, but at least so many: reading documents takes its
/// time.
const WAITING_MIN: usize = 16;
/// Deliveries in flight for each connection, at most: of four one is on the wire, one waits for it, one is being claimed
/// and composed, and one recorded.
const PLACES_PER_CONNECTION: u32 = 4;
/// How long a start of DATA waits for others.
const STARTS_PAUSE: Duration = Duration::from_millis(2);
/// The most starts of DATA that one commit permits.
const STARTS_MAX: usize = 256;

/// One relay's lane in one worker.
pub(super) struct Lane {
    pub(super) context: Arc<Context>,
    pub(super) connector: Arc<Connector>,
    pub(super) recorder: Recorder,
    pub(super) wakes: Wakes,
    pub(super) stop: CancellationToken,
    pub(super) cut: CancellationToken,
}

impl Lane {
    /// Sends until told to stop, then finishes what is on the wire.
    pub(super) async fn run(self) {
        let relay = Arc::new(self.connector.config().clone());
        let slots_all = usize::try_from(relay.connections.max(1)).expect("32 bits fit a usize");
        let (store, worker) = (self.context.store.clone(), self.context.worker);
        let sharing = ConnectionShare::new(relay.name.clone(), relay.connections.max(1), &self.context);
        let slots = Arc::clone(&sharing.slots);
        let keys = &self.context.credentials_keys;
        let credentials = Credentials::new(relay.name.clone(), &relay.url, keys, store.clone(), worker);
        let wake = self.wakes.of(relay.name.as_str());
        let parked = Arc::new(Parked::new(Arc::clone(&wake)));
        let gate = Arc::new(RelayGate::new(
            Arc::clone(&self.connector),
            store,
            worker,
            credentials,
            Arc::clone(&slots),
            Arc::clone(&parked),
        ));
        let drains = self.stop.clone();
        let isolation = self.context.isolation.of_lane();
        let (ready, queue) = mpsc::channel(slots_all);
        let recordings = TaskTracker::new();
        let connections = relay.connections.max(1);
        let places_all = connections.saturating_mul(PLACES_PER_CONNECTION);
        let ahead = Arc::new(ClaimsAhead::new(places_all - connections));
        let workers = Arc::new(SmtpWorkers {
            worker: self.context.worker,
            context: Arc::clone(&self.context),
            queue: Mutex::new(queue),
            connector: self.connector,
            gate: Arc::clone(&gate),
            rate: Rate::new(relay.rate, connections, slots.share(), self.context.clock.clone()),
            slots,
            ahead: Arc::clone(&ahead),
            starter: data_starter(&self.context, &relay.name, slots_all),
            recorder: self.recorder.clone(),
            recordings: recordings.clone(),
            buffers: self.context.buffers.clone(),
            clock: self.context.clock.clone(),
            stop: self.stop.clone(),
            cut: self.cut,
        });
        let claims = ClaimLoop {
            parked,
            wake,
            context: self.context,
            relay,
            gate: Arc::clone(&gate),
            recorder: self.recorder,
            isolation,
            ready,
            places: Arc::new(Semaphore::new(usize::try_from(places_all).expect("32 bits fit a usize"))),
            places_all,
            slots: sharing.slots.clone(),
            ahead,
            waiting: Arc::new(Semaphore::new((slots_all / 4).max(WAITING_MIN))),
            stop: self.stop.clone(),
        };

        let tasks = TaskTracker::new();
        for index in 0..slots_all {
            let workers = Arc::clone(&workers);
            tasks.spawn(async move {
                // A panic outside of a mail's own work costs a mail, which the heartbeat gives back, and no slot.
                while AssertUnwindSafe(workers.run_slot(index)).catch_unwind().await.is_err() {
                    error!(slot = index, "a slot panicked and begins anew");
                }
            });
        }
        tasks.spawn(async move { keep_running("lane", || claims.run()).await });
        tasks.spawn(async move { keep_running("gate", || gate.watch(self.stop.clone())).await });
        tasks.close();
        // A worker that drains leaves its connections to others one by one, until its last slot has ended.
        let slots_ended = CancellationToken::new();
        let sharing = tokio::spawn({
            let (drains, ended) = (drains, slots_ended.clone());
            async move { keep_running("share of connections", || sharing.watch(&drains, &ended)).await }
        });
        tasks.wait().await;
        slots_ended.cancel();
        let _ = sharing.await;
        recordings.close();
        recordings.wait().await;
    }
}

fn data_starter(context: &Context, relay: &RelayName, slots: usize) -> PermitBatcher {
    let store = context.store.clone();
    // Half of the slots wait while the other half is on the wire.
    let gathering = Gathering { enough: (slots / 2).clamp(1, STARTS_MAX), pause: STARTS_PAUSE, most: STARTS_MAX };
    let pulse = Arc::new(context.liveness.pulse(format!("starts of lane {relay}")));
    let (starter, _) = Batcher::start(gathering, pulse, move |starts: Vec<_>| {
        let store = store.clone();
        async move {
            match store.permit_data(&starts).await {
                Ok(answers) => answers.into_iter().map(Some).collect(),
                Err(error) => {
                    tracing::warn!("failed to record the start of DATA: {error}");
                    vec![None; starts.len()]
                }
            }
        }
    });
    starter
}
