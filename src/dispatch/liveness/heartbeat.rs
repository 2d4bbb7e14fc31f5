//! Counts up while this worker lives, and takes over from workers that do not.

use std::sync::Arc;

use metrics::gauge;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::in_flight::Unknown;
use super::observer::{DEAD_AFTER, HEARTBEAT, Observer};
use crate::dispatch::attempt_end::AttemptResult;
use crate::dispatch::context::Context;
use crate::dispatch::load::load;
use crate::dispatch::recorder::Recorder;
use crate::model::ids::WorkerId;
use crate::model::reason::ReasonCode;
use crate::model::state::OnUncertain;
use crate::store::{Claimed, HeldRow, StoreError, TAKEOVERS_MAX, WorkerHeartbeat};
use crate::telemetry::metric;
use crate::wake::Wakes;

/// The heartbeat of one worker.
pub struct HeartbeatLoop {
    /// What all lanes share.
    pub context: Arc<Context>,
    /// Writes down what is given up.
    pub recorder: Recorder,
    /// What was taken over may be due.
    pub wakes: Wakes,
}

impl HeartbeatLoop {
    /// Beats until told to stop. Cancels `called_dead` if the others have given this worker up.
    pub async fn run(&self, stop: CancellationToken, called_dead: CancellationToken) {
        let pulse = self.context.liveness.pulse("heartbeat");
        let mut observer = Observer::new(DEAD_AFTER);
        let mut unknown = Unknown::default();
        let mut last_beat = self.context.clock.monotonic();
        loop {
            match self.beat(&mut observer, &mut unknown).await {
                Ok(true) => last_beat = self.context.clock.monotonic(),
                Ok(false) => {
                    error!("the other workers have timed this one out; it starts again under a new id");
                    called_dead.cancel();
                    break;
                }
                Err(error) => {
                    // No worker can beat while the database is away, so standing still proves nothing.
                    observer.forget();
                    warn!("failed to write the heartbeat: {error}");
                }
            }
            let age = self.context.clock.monotonic().saturating_sub(last_beat);
            gauge!(metric::WORKER_HEARTBEAT_AGE_SECONDS).set(age.as_secs_f64());
            if stop.run_until_cancelled(pulse.during(self.context.clock.sleep(HEARTBEAT))).await.is_none() {
                break;
            }
        }
        pulse.done();
    }

    /// Takes over what earlier runs left. On a database that one process owns, every other registered worker is dead.
    pub async fn take_over_at_start(&self) -> Result<(), StoreError> {
        if self.context.store.is_single_process() {
            for beat in self.context.store.workers().await? {
                if beat.worker != self.context.worker {
                    self.take_over(beat.worker).await?;
                }
            }
        }
        self.take_over_unregistered().await
    }

    /// Beats and looks after the others; says whether this worker still counts as alive.
    async fn beat(&self, observer: &mut Observer, unknown: &mut Unknown) -> Result<bool, StoreError> {
        self.context.store.align_clock().await?;
        let Some(beats) = self.context.store.beat(self.context.worker).await? else { return Ok(false) };
        let beats: Vec<(WorkerId, i64)> =
            beats.iter().map(|WorkerHeartbeat { worker, beats }| (*worker, *beats)).collect();
        let dead = observer.observe(&beats, self.context.clock.monotonic());
        for worker in dead {
            self.take_over(worker).await?;
        }
        self.take_over_unregistered().await?;
        self.give_back_unknown(unknown).await?;
        Ok(true)
    }

    /// Gives rows back that are this worker's although it never learnt of them, or could not record their end.
    async fn give_back_unknown(&self, unknown: &mut Unknown) -> Result<(), StoreError> {
        let held = self.context.store.held_by(self.context.worker).await?;
        let unknown = unknown.look(held, &self.context.in_flight);
        if unknown.is_empty() {
            return Ok(());
        }
        let (started, unstarted): (Vec<_>, Vec<_>) = unknown.into_iter().partition(|row| row.data_started);
        let fences = |rows: &[HeldRow]| rows.iter().map(|row| row.fence).collect::<Vec<_>>();
        let due = self.context.store.release(&fences(&unstarted)).await?;
        let uncertain = self.context.store.abandon(&fences(&started)).await?.len();
        warn!(due, uncertain, "released claims for which the database's answer was lost");
        self.wakes.wake_all();
        Ok(())
    }

    async fn take_over_unregistered(&self) -> Result<(), StoreError> {
        for worker in self.context.store.unregistered_workers().await? {
            self.take_over(worker).await?;
        }
        Ok(())
    }

    async fn take_over(&self, dead: WorkerId) -> Result<(), StoreError> {
        let taken = self.context.store.take_over(dead, self.context.worker).await?;
        info!(
            worker.id = %dead, due = taken.due.len(), uncertain = taken.uncertain.len(), resent = taken.resent.len(),
            given_up = taken.given_up.len(), "took over the deliveries of a dead worker"
        );
        self.give_up(&taken.given_up).await?;
        self.wakes.wake_all();
        Ok(())
    }

    /// Workers died with these again and again: they are to blame.
    async fn give_up(&self, claimed: &[Claimed]) -> Result<(), StoreError> {
        let ids: Vec<_> = claimed.iter().map(|claimed| claimed.delivery).collect();
        let guard = |claimed: &Claimed| self.context.in_flight.guard(claimed.fence(self.context.worker));
        let _in_flight: Vec<_> = claimed.iter().map(guard).collect();
        let mut loaded = load(&self.context, &ids).await?;
        let ended = AttemptResult::before(
            ReasonCode::Internal,
            format!("{TAKEOVERS_MAX} workers ended while they worked on it"),
        );
        for claimed in claimed {
            match loaded.remove(&claimed.delivery) {
                Some(Ok(delivery)) => self.recorder.record(OnUncertain::Wait, claimed, &delivery, None, &ended).await,
                Some(Err(why)) => self.recorder.unreadable(claimed, &why).await,
                None => {}
            }
        }
        Ok(())
    }
}
