//! The worker: all lanes of one process, its heartbeat, and the sweeper.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::context::Context;
use super::lane::Lane;
use super::liveness::heartbeat::HeartbeatLoop;
use super::recorder::Recorder;
use crate::intake::Intake;
use crate::lifecycle::keep_running;
use crate::operator::redrive::Redrive;
use crate::relay::Connector;
use crate::store::{Leaving, RetentionTimes, StoreError};
use crate::upkeep::sweeper::Sweeper;
use crate::wake::Wakes;

/// How long the ends of transfers that were cut off may take to be recorded.
const LAST_RECORDS: Duration = Duration::from_secs(2);
/// How long it may take to give back what is left, after that. A database that answers needs a moment; one that is
/// silent is not waited for, and the others take over what this worker has.
const LEAVING: Duration = Duration::from_secs(1);

/// From the drain's deadline on, so much later a worker has ended whatever the database does.
pub const LAST_STEPS: Duration = LAST_RECORDS.saturating_add(LEAVING);

/// Sends what is due, by every relay it knows, until it is told to stop.
pub struct Worker {
    /// What all lanes share.
    pub context: Arc<Context>,
    /// One for each relay.
    pub connectors: Vec<Arc<Connector>>,
    /// Takes waiting events in.
    pub intake: Intake,
    /// Puts dead letters back whose cause is gone.
    pub redrive: Redrive,
    /// How long what is kept.
    pub retention: RetentionTimes,
    /// The lanes' bells.
    pub wakes: Wakes,
    /// How long what is on the wire may take to end when the worker drains.
    pub drain_deadline: Duration,
}

/// Why a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerEnd {
    /// It was stopped.
    Stopped,
    /// The others declared it dead while it was suspended: start a new worker with a new id.
    CalledDead,
}

impl Worker {
    /// Runs until `stop`, then drains: nothing is claimed any more, what is on the wire ends, the rest is given back.
    /// At the drain's deadline transfers are cut off whose final dot is not handed over: the relay cannot hold them.
    /// [`LAST_STEPS`] after it this ends, also if the database is silent.
    ///
    /// # Errors
    /// If the database refuses what a worker starts with; while it is away it is waited for.
    pub async fn run(self, stop: CancellationToken) -> Result<WorkerEnd, StoreError> {
        let store = self.context.store.clone();
        let recorder = Recorder::start(Arc::clone(&self.context), self.wakes.clone());
        let heartbeat =
            HeartbeatLoop { context: Arc::clone(&self.context), recorder: recorder.clone(), wakes: self.wakes.clone() };
        let starting = store.insist(|| self.register(&heartbeat));
        match stop.run_until_cancelled(starting).await {
            Some(started) => started?,
            None => return Ok(WorkerEnd::Stopped),
        }

        // Lanes end first; the heart beats until they have.
        let lanes_stop = stop.child_token();
        let heart_stop = CancellationToken::new();
        let called_dead = lanes_stop.clone();
        let guard = Arc::clone(&recorder.guard);
        let mut heart = tokio::spawn({
            let stop = heart_stop.clone();
            async move { keep_running("heartbeat", || heartbeat.run(stop.clone(), called_dead.clone())).await }
        });
        let cut = CancellationToken::new();
        let tasks = self.start(&recorder, &lanes_stop, &cut);
        let watching = lanes_stop.clone();
        tasks.spawn(async move { keep_running("sender guard", || guard.watch(watching.clone())).await });
        drop(recorder);

        lanes_stop.cancelled().await;
        let end = Instant::now() + self.drain_deadline + LAST_STEPS;
        if tokio::time::timeout(self.drain_deadline, tasks.wait()).await.is_err() {
            cut.cancel();
            let _ = tokio::time::timeout(LAST_RECORDS, tasks.wait()).await;
        }
        heart_stop.cancel();
        if !stop.is_cancelled() {
            let _ = heart.await;
            return Ok(WorkerEnd::CalledDead);
        }
        let leaving = async {
            let _ = (&mut heart).await;
            self.leave().await;
        };
        if timeout_at(end, leaving).await.is_err() {
            heart.abort();
            info!("failed to deregister this worker in time; its peers will time it out");
        }
        Ok(WorkerEnd::Stopped)
    }

    /// Gives back what is not handed over, and says what is but was not answered.
    async fn leave(&self) {
        match self.context.store.leave(self.context.worker).await {
            Ok(Leaving { uncertain, .. }) if !uncertain.is_empty() => warn!(
                count = uncertain.len(),
                "mails were handed over and not answered when the worker had to end: they are uncertain; \
                 deliveries list --state uncertain names them"
            ),
            Ok(_) => {}
            Err(error) => info!("failed to deregister this worker; its peers will time it out: {error}"),
        }
    }

    /// Aligns the clock with the database's, registers this worker, and takes over from dead ones.
    async fn register(&self, heartbeat: &HeartbeatLoop) -> Result<(), StoreError> {
        let store = &self.context.store;
        store.align_clock().await?;
        let relays: Vec<_> = self.connectors.iter().map(|connector| connector.config().name.clone()).collect();
        store.register_worker(self.context.worker, &host_name(), &relays).await?;
        heartbeat.take_over_at_start().await
    }

    fn start(&self, recorder: &Recorder, stop: &CancellationToken, cut: &CancellationToken) -> TaskTracker {
        let tasks = TaskTracker::new();
        for connector in &self.connectors {
            let lane = Lane {
                context: Arc::clone(&self.context),
                connector: Arc::clone(connector),
                recorder: recorder.clone(),
                wakes: self.wakes.clone(),
                stop: stop.clone(),
                cut: cut.clone(),
            };
            tasks.spawn(lane.run());
        }
        let context = &self.context;
        let sweeper = Sweeper {
            store: context.store.clone(),
            clock: context.clock.clone(),
            liveness: context.liveness.clone(),
            templates: context.templates.today(),
            intake: self.intake.clone(),
            redrive: self.redrive.clone(),
            retention: self.retention,
            wakes: self.wakes.clone(),
            sends: true,
            stop: stop.clone(),
        };
        tasks.spawn(async move { keep_running("sweeper", || sweeper.run()).await });
        tasks.close();
        tasks
    }
}

/// The machine's name, for people who look at the list of workers.
fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "unknown".to_owned(), |name| name.trim().chars().take(255).collect())
}
