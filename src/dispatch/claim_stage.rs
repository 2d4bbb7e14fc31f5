//! Makes the mail of one claimed delivery: decides, waits for memory, composes, and hands it to the SMTP workers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, error};

use super::attempt_end::AttemptResult;
use super::context::Context;
use super::limits::memory::MailMemory;
use super::limits::parked::Parked;
use super::limits::slots::Slots;
use super::owned::{Owned, Place};
use super::prepare::{Draft, draft, prepare};
use super::ready::Ready;
use super::recorder::Recorder;
use crate::event;
use crate::model::reason::ReasonCode;
use crate::policy::decision::Plan;
use crate::relay::RelayConfig;
use crate::store::{Claimed, DeliveryContext};
use crate::telemetry::span;

/// How long a delivery waits for memory before it gives its place back: while the relay answers, large messages wait for
/// milliseconds.
const PATIENCE: Duration = Duration::from_millis(500);

/// After so long it is given back: until it is claimed again, people can cancel it, and it may have expired.
const PARKED_TIME_MAX: Duration = Duration::from_mins(5);

/// An express delivery is claimed again at once that is given back: not more often than this.
const EXPRESS_REST: Duration = Duration::from_secs(1);

/// What making one mail needs.
pub struct ClaimStage {
    /// What all lanes share.
    pub context: Arc<Context>,
    /// The lane's relay.
    pub relay: Arc<RelayConfig>,
    /// Writes down what cannot be prepared.
    pub recorder: Recorder,
    /// To the slots.
    pub ready: mpsc::Sender<Ready>,
    /// Places for mails that are made or wait for a slot.
    pub waiting: Arc<Semaphore>,
    /// What waits for memory without a place.
    pub parked: Arc<Parked>,
    /// How many slots may work.
    pub slots: Arc<Slots>,
    /// The worker drains.
    pub stop: CancellationToken,
}

impl ClaimStage {
    /// Makes the mail, or has recorded why there is none.
    pub async fn prepare(&self, owned: Owned, delivery: DeliveryContext) {
        let claimed = &owned.claimed;
        let span = span::attempt(
            claimed.delivery,
            (delivery.invoice.tenant.as_str(), &delivery.invoice.number),
            &self.relay.name,
            claimed.attempts + 1,
            || event::traceparent(&delivery.event_body),
        );
        self.prepare_in(&span, owned, delivery).instrument(span.clone()).await;
    }

    async fn prepare_in(&self, span: &Span, mut owned: Owned, delivery: DeliveryContext) {
        let mut waiting = Some(Arc::clone(&self.waiting).acquire_owned().await.expect("the places are never closed"));
        // A panic is this delivery's dead letter, not the worker's end.
        let drafted = catch_unwind(AssertUnwindSafe(|| draft(&self.context, &self.relay, &owned.claimed, &delivery)));
        let prepared = match unless_panicked(&owned.claimed, drafted) {
            Ok(draft) => {
                let Some(memory) = self.memory_in_time(&draft, &mut owned, &mut waiting).await else {
                    return self.recorder.release(&owned.claimed).await;
                };
                let work = prepare(&self.context, &self.relay, &owned.claimed, &delivery, draft, memory);
                unless_panicked(&owned.claimed, AssertUnwindSafe(work).catch_unwind().await)
            }
            Err(ended) => Err(ended),
        };
        match prepared {
            Ok(prepared) => {
                if prepared.decided.plan == Plan::Attach {
                    self.slots.documents_came();
                }
                let since = Instant::now();
                let ready = Ready { owned, delivery, prepared, waiting, since, span: span.clone() };
                // The receiver is closed: the worker drains.
                if let Err(unsent) = self.ready.send(ready).await {
                    self.recorder.release(&unsent.0.owned.claimed).await;
                }
            }
            Err(ended) => {
                if ended.class == ReasonCode::Dependency {
                    self.slots.documents_failed();
                }
                self.recorder.record(self.relay.on_uncertain, &owned.claimed, &delivery, None, &ended).await;
            }
        }
    }

    /// Waits for memory; `None` if the delivery is to be given back: it has waited for too long, or too many do, or the
    /// worker drains or has no share of the relay's connections.
    async fn memory_in_time(
        &self,
        draft: &Draft,
        owned: &mut Owned,
        waiting: &mut Option<OwnedSemaphorePermit>,
    ) -> Option<MailMemory> {
        let mut share = self.slots.share();
        let memory = async {
            let mut memory = self.memory_for(draft, owned, waiting).await?;
            self.context.may_be_made(&self.relay.name, &mut memory).await;
            Some(memory)
        };
        tokio::select! {
            biased;
            memory = memory => memory,
            () = self.stop.cancelled() => None,
            // The sender lives as long as the slots, so waiting cannot fail.
            _ = share.wait_for(|share| *share == 0) => None,
        }
    }

    /// Waits for memory. A delivery that waits long gives both of its places back meanwhile, so that others go on which
    /// need no memory: the row stays claimed. `None` if it has waited so for too long, or too many do.
    async fn memory_for(
        &self,
        draft: &Draft,
        owned: &mut Owned,
        waiting: &mut Option<OwnedSemaphorePermit>,
    ) -> Option<MailMemory> {
        let Owned { claimed, place, .. } = owned;
        let mut memory = pin!(self.context.memory_for(&self.relay.name, &draft.data, draft.decided.plan));
        // Behind one that has waited long, this one would, too.
        let patience = if self.parked.has(&claimed.tenant) { Duration::ZERO } else { PATIENCE };
        if let Ok(memory) = timeout(patience, memory.as_mut()).await {
            return Some(memory);
        }
        // Before the places are free: nothing more of this tenant is to be claimed for them.
        let Some(_parked) = self.parked.park(&claimed.tenant, claimed.express) else {
            if claimed.express {
                self.context.clock.sleep(EXPRESS_REST).await;
            }
            return None;
        };
        (*place, *waiting) = (Place::Parked, None);
        let memory = tokio::select! {
            memory = memory => memory,
            () = self.context.clock.sleep(PARKED_TIME_MAX) => return None,
        };
        // It must not wait for places: who holds them may wait for the memory that it has now.
        *place = Place::Without { _count: self.parked.goes_on() };
        *waiting = Arc::clone(&self.waiting).try_acquire_owned().ok();
        Some(memory)
    }
}

fn unless_panicked<T>(
    claimed: &Claimed,
    work: std::thread::Result<Result<T, AttemptResult>>,
) -> Result<T, AttemptResult> {
    work.unwrap_or_else(|_| {
        error!(delivery.id = %claimed.delivery, "failed to prepare a delivery: the dispatcher panicked");
        let why = "the dispatcher failed while composing; its log tells more";
        Err(AttemptResult::before(ReasonCode::Internal, why))
    })
}
