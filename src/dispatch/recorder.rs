//! Writes down how attempts end, many in one commit, and gives claims back.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use metrics::{counter, histogram};
use tracing::{error, info, warn};

use super::attempt_end::AttemptResult;
use super::batcher::{Batcher, Gathering};
use super::context::Context;
use super::health::held_sender::hold_back;
use super::health::sender_hold::SenderGuard;
use super::load::unreadable;
use super::prepare::Prepared;
use super::record::{RecordInputs, record};
use crate::bisect::bisect;
use crate::failpoint::{self, Failpoint};
use crate::lifecycle::Pulse;
use crate::model::reason::ReasonCode;
use crate::model::state::OnUncertain;
use crate::policy::sender_trial::HoldReason;
use crate::store::{Claimed, DeliveryContext, Fence, NextState, Record, Recorded, Store, StoreError};
use crate::telemetry::{LoggedId, metric};
use crate::wake::Wakes;

/// A record holds up only its delivery's place in the lane, so a batch of records gathers longer than one of DATA
/// starts.
const RECORDS: Gathering = Gathering { enough: 64, pause: Duration::from_millis(5), most: 256 };
/// Claims are given back at once: others can use them.
const RELEASES: Gathering = Gathering { enough: 1, pause: Duration::ZERO, most: 256 };

/// The recorder of one worker; cheap to clone.
#[derive(Debug, Clone)]
pub struct Recorder {
    context: Arc<Context>,
    wakes: Wakes,
    /// Which senders are held.
    pub guard: Arc<SenderGuard>,
    records: Batcher<Record, Recorded>,
    releases: Batcher<Fence, ()>,
}

impl Recorder {
    /// Starts the tasks that write. They end when the last clone is gone and everything is written. `wakes` wakes
    /// the lane of a delivery that is due again at once.
    #[must_use]
    pub fn start(context: Arc<Context>, wakes: Wakes) -> Self {
        let (store, pulse) = (context.store.clone(), Arc::new(context.liveness.pulse("recorder")));
        let beats = Arc::clone(&pulse);
        let (records, _) =
            Batcher::start(RECORDS, pulse, move |records| write(store.clone(), Arc::clone(&beats), records));
        let (store, pulse) = (context.store.clone(), Arc::new(context.liveness.pulse("recorder of releases")));
        let beats = Arc::clone(&pulse);
        let (releases, _) =
            Batcher::start(RELEASES, pulse, move |fences| give_back(store.clone(), Arc::clone(&beats), fences));
        let guard = Arc::new(SenderGuard::new(context.store.clone(), &context.connections));
        Self { context, wakes, guard, records, releases }
    }

    /// What is to be written down of how an attempt ended; the future ends when it is durable. It holds nothing of
    /// the mail itself, so that memory and connection are free for the next one meanwhile.
    pub fn record(
        &self,
        on_uncertain: OnUncertain,
        claimed: &Claimed,
        delivery: &DeliveryContext,
        prepared: Option<&Prepared>,
        ended: &AttemptResult,
    ) -> impl Future<Output = ()> + Send + 'static {
        let clock = &self.context.clock;
        let inputs = RecordInputs {
            worker: self.context.worker,
            schedule: &self.context.schedule,
            on_uncertain,
            now: clock.now(),
            new_id: &|| clock.new_id(),
        };
        let mut record = record(claimed, delivery, prepared, ended, &inputs);
        let instead = prepared.and_then(|prepared| self.guard.instead(claimed, prepared, ended));
        let held = instead.is_some();
        let seen = prepared.and_then(|prepared| self.guard.seen(claimed, prepared, ended, held));
        record.next = instead.unwrap_or(record.next);
        log(claimed, delivery, prepared, ended, &record);
        let at_once = matches!(&record.next, NextState::Due(due) if due.due_at <= inputs.now);
        let (guard, isolation) = (Arc::clone(&self.guard), self.context.isolation.clone());
        let (records, delivery, lane) = (self.records.clone(), claimed.delivery, self.wakes.of(claimed.relay.as_str()));
        async move {
            failpoint::reach(Failpoint::BeforeRecord);
            let recorded = records.write(record).await;
            failpoint::reach(Failpoint::AfterRecord);
            if recorded != Some(Recorded::Done) {
                warn!(delivery.id = %delivery, "another worker has taken this delivery over");
            } else if at_once {
                lane.notify_one();
            }
            isolation.worker_lives();
            if let Some(seen) = seen {
                // Boxed: rare, and large.
                Box::pin(guard.observe(seen)).await;
            }
        }
    }

    /// Puts a delivery back whose sender is held; says whether it is.
    pub async fn holds(&self, claimed: &Claimed, prepared: &Prepared) -> bool {
        let Some(hold) = self.guard.holds_before(claimed, prepared).await else { return false };
        let class = if hold.reason == HoldReason::DailyLimit { ReasonCode::Deferred } else { ReasonCode::Refused };
        let next = hold_back(claimed, class, hold.description.clone(), self.context.clock.now());
        let record = Record { fence: claimed.fence(self.context.worker), attempt: None, next };
        let _ = self.records.write(record).await;
        true
    }

    /// Ends a delivery that cannot be read; gives it back if even that cannot be done now.
    pub async fn unreadable(&self, claimed: &Claimed, why: &str) {
        match unreadable(&self.context, claimed, why).await {
            Ok(record) => {
                error!(delivery.id = %claimed.delivery, tenant = %LoggedId(claimed.tenant.as_str()), "a delivery cannot be loaded: {why}");
                let _ = self.records.write(record).await;
            }
            Err(error) => {
                warn!("failed to end a delivery that cannot be loaded: {error}");
                self.release(claimed).await;
            }
        }
    }

    /// Gives a delivery back that was not sent.
    pub async fn release(&self, claimed: &Claimed) {
        let _ = self.releases.write(claimed.fence(self.context.worker)).await;
        self.wakes.of(claimed.relay.as_str()).notify_one();
    }
}

/// Writes until it is written: after a 250 only the write is repeated, never the send.
async fn write(store: Store, pulse: Arc<Pulse>, records: Vec<Record>) -> Vec<Recorded> {
    loop {
        // An outage is a turn like any other: it is tried again, and again.
        pulse.beat();
        match bisect(&records, StoreError::is_about_a_row, |part| write_once(&store, part)).await {
            Ok(results) => {
                return records.iter().zip(results).map(|(record, result)| refused_is_lost(record, result)).collect();
            }
            Err(error) => {
                error!("failed to record the results of deliveries; retrying: {error}");
                pulse.during(store.wait_to_try_again()).await;
            }
        }
    }
}

/// A panic is some record's fault, as a refusal is: the others are written without it.
async fn write_once(store: &Store, records: &[Record]) -> Result<Vec<Recorded>, StoreError> {
    AssertUnwindSafe(store.record(records)).catch_unwind().await.unwrap_or_else(|_| {
        counter!(metric::PANICS, "loop" => "recorder").increment(1);
        Err(StoreError::Unreadable("the dispatcher panicked over it; its log tells more".to_owned()))
    })
}

/// A record that the database refuses leaves its row `sending`; the heartbeat makes it due or uncertain.
fn refused_is_lost(record: &Record, result: Result<Recorded, StoreError>) -> Recorded {
    result.unwrap_or_else(|refusal| {
        error!(delivery.id = %record.fence.delivery, "the database refuses how a delivery ended: {refusal}");
        Recorded::Lost
    })
}

async fn give_back(store: Store, pulse: Arc<Pulse>, fences: Vec<Fence>) -> Vec<()> {
    while let Err(error) = store.release(&fences).await {
        warn!("failed to give claims back: {error}");
        pulse.during(store.wait_to_try_again()).await;
    }
    vec![(); fences.len()]
}

/// Counts and logs how an attempt ended.
fn log(
    claimed: &Claimed,
    delivery: &DeliveryContext,
    prepared: Option<&Prepared>,
    ended: &AttemptResult,
    record: &Record,
) {
    let relay = claimed.relay.to_string();
    let class = ended.class.into_str();
    if let Some(attempt) = &record.attempt {
        let phase = attempt.phase.map_or("", |phase| phase.into_str());
        counter!(metric::ATTEMPTS, "relay" => relay.clone(), "phase" => phase, "class" => class).increment(1);
        let took = attempt.ended_at.since(attempt.started_at).as_secs_f64();
        histogram!(metric::ATTEMPT_SECONDS, "relay" => relay, "class" => class).record(took);
    }
    let NextState::Concluded(conclusion) = &record.next else { return };
    if let Some(prepared) = prepared {
        let decision = prepared.decided.plan.decision().into_str();
        let reason = prepared.decided.reason.into_str();
        counter!(metric::DECISIONS, "decision" => decision, "reason" => reason).increment(1);
        if ended.class == ReasonCode::Accepted {
            let took = conclusion.at.since(delivery.snapshot_at).as_secs_f64();
            histogram!(metric::END_TO_END_SECONDS, "decision" => decision).record(took);
        }
    }
    let (number, tenant) = (LoggedId(&delivery.invoice.number), LoggedId(delivery.invoice.tenant.as_str()));
    if ended.class == ReasonCode::Accepted {
        info!(
            invoice.number = %number, delivery.id = %delivery.id, claim = claimed.claim,
            "invoice {number} of {tenant} sent"
        );
    } else {
        warn!(
            invoice.number = %number, delivery.id = %delivery.id, claim = claimed.claim, class,
            "invoice {number} of {tenant} is {}: {}", conclusion.concluded, ended.reason
        );
    }
}
