//! Looks after what no lane looks after: times that come, waits that end, deliveries that no worker can send.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::unserved_relays::UnservedRelays;
use crate::clock::Clock;
use crate::compose::Templates;
use crate::intake::{Intake, Parsed};
use crate::lifecycle::{Liveness, Pulse};
use crate::operator::redrive::Redrive;
use crate::store::{RetentionTimes, Store, StoreError};
use crate::wake::Wakes;

/// How often due times are looked at: a retry may be late by so much.
const ROUND: Duration = Duration::from_millis(500);

/// Every so many rounds what may wait longer is looked at too.
const SLOW_ROUNDS: u32 = 10;

/// How often what is kept too long is forgotten.
const FORGET_EVERY: Duration = Duration::from_mins(10);

/// How often the end of the audit log is logged.
const LOG_HEAD_EVERY: Duration = Duration::from_hours(1);

/// Rows that one statement moves.
const ROWS_MAX: u32 = 1_000;

/// So many batches become due in one round.
const ENQUEUE_ROUNDS_MAX: u32 = 20;

/// The sweeper of one worker; any number of them may sweep one database.
pub struct Sweeper {
    /// The database.
    pub store: Store,
    /// Time.
    pub clock: Clock,
    /// Whether the loops turn.
    pub liveness: Liveness,
    /// The templates of today.
    pub templates: Arc<Templates>,
    /// Takes events in whose customer has come.
    pub intake: Intake,
    /// Puts dead letters back whose cause is gone.
    pub redrive: Redrive,
    /// How long what is kept.
    pub retention: RetentionTimes,
    /// Lanes to wake.
    pub wakes: Wakes,
    /// This process sends. One without any relay gives up no delivery of a relay that no worker serves: it is
    /// configured later.
    pub sends: bool,
    /// The worker drains.
    pub stop: CancellationToken,
}

/// What a sweeper remembers from one round to the next.
#[derive(Debug, Default)]
struct SweepState {
    /// Relays that no worker serves.
    unserved: UnservedRelays,
    /// When it last forgot, by the monotonic clock.
    forgotten: Option<Duration>,
    /// When it last logged where the audit log ends, by the monotonic clock.
    head_logged: Option<Duration>,
    /// Every customer's verification keys are made by today's rules.
    keys_are_new: bool,
}

impl Sweeper {
    /// Sweeps until it is told to stop.
    pub async fn run(&self) {
        let pulse = self.liveness.pulse("sweeper");
        let mut seen = SweepState::default();
        for round in 0_u32.. {
            if let Err(error) = self.round(round, &mut seen, &pulse).await {
                warn!("the sweeper failed, and runs again: {error}");
                let again = pulse.during(self.store.wait_to_try_again());
                if self.stop.run_until_cancelled(again).await.is_none() {
                    break;
                }
            }
            if self.stop.run_until_cancelled(pulse.during(self.clock.sleep(ROUND))).await.is_none() {
                break;
            }
        }
        pulse.done();
    }

    /// Beats between its steps: each is bounded by itself.
    async fn round(&self, round: u32, seen: &mut SweepState, pulse: &Pulse) -> Result<(), StoreError> {
        self.enqueue_ready(pulse).await?;
        if round.is_multiple_of(SLOW_ROUNDS) {
            self.expire().await?;
            pulse.beat();
            self.look_at_waiting_events().await?;
            pulse.beat();
            self.auto_redrive().await?;
            pulse.beat();
            self.store.hold_paused_tenants(ROWS_MAX).await?;
            pulse.beat();
            self.renew_keys(seen, pulse).await?;
            if self.sends {
                self.follow_relays(&mut seen.unserved).await?;
            }
        }
        pulse.beat();
        let now = self.clock.monotonic();
        if seen.forgotten.is_none_or(|last| now.saturating_sub(last) >= FORGET_EVERY) {
            // Also if it fails: the next round would run into the same at once.
            seen.forgotten = Some(now);
            // A process of another version may have written meanwhile.
            seen.keys_are_new = false;
            self.forget().await?;
            pulse.beat();
        }
        if seen.head_logged.is_none_or(|last| now.saturating_sub(last) >= LOG_HEAD_EVERY) {
            seen.head_logged = Some(now);
            let head = self.store.audit_head().await?;
            info!(audit.head = %head, "the audit log ends with entry {head}; `doctor --audit {head}` compares");
        }
        Ok(())
    }

    /// Gives places to what has become due, batch after batch; the rest of the sweeper's work comes in between.
    async fn enqueue_ready(&self, pulse: &Pulse) -> Result<(), StoreError> {
        for _ in 0..ENQUEUE_ROUNDS_MAX {
            let enqueued = self.store.enqueue_ready(ROWS_MAX).await?;
            pulse.beat();
            if enqueued > 0 {
                self.wakes.wake_all();
            }
            if enqueued < usize::try_from(ROWS_MAX).expect("32 bits fit a usize") || self.stop.is_cancelled() {
                break;
            }
        }
        Ok(())
    }

    /// Says first which templates are in use here, so that these are not forgotten.
    async fn forget(&self) -> Result<(), StoreError> {
        let templates = &self.templates;
        self.store.save_template_version(templates.version(), &templates.sources()).await?;
        self.store.forget(&self.retention, ROWS_MAX).await.map(drop)
    }

    async fn expire(&self) -> Result<(), StoreError> {
        let expired = self.store.expire(ROWS_MAX).await?;
        if !expired.is_empty() {
            warn!(
                count = expired.len(),
                "deliveries expired before they could be sent; deliveries list --state expired names them"
            );
        }
        Ok(())
    }

    /// Events whose customer came, or was waited for long enough.
    async fn look_at_waiting_events(&self) -> Result<(), StoreError> {
        let waiting = self.store.ready_waiting_events(ROWS_MAX).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        let batch: Vec<Parsed> = waiting.into_iter().map(Parsed::waiting).collect();
        self.intake.take(&batch).await?;
        Ok(())
    }

    /// Dead letters whose tenant, customer or phone number has come. An upsert does it at once; this one looks after
    /// upserts whose process ended.
    async fn auto_redrive(&self) -> Result<(), StoreError> {
        self.redrive.auto_redrive(ROWS_MAX).await.map(drop)
    }

    /// Keys of customers that other rules have made: of an upgrade that changed them. A few batches a round.
    async fn renew_keys(&self, seen: &mut SweepState, pulse: &Pulse) -> Result<(), StoreError> {
        for _ in 0..ENQUEUE_ROUNDS_MAX {
            if seen.keys_are_new || self.stop.is_cancelled() {
                break;
            }
            seen.keys_are_new = self.store.renew_verification_keys(ROWS_MAX).await? < u64::from(ROWS_MAX);
            pulse.beat();
        }
        Ok(())
    }

    /// Deliveries whose tenant has another relay now, and those that no worker's relay can send.
    async fn follow_relays(&self, unserved: &mut UnservedRelays) -> Result<(), StoreError> {
        if self.store.follow_tenants_relays(ROWS_MAX).await? > 0 {
            self.wakes.wake_all();
        }
        let unknown = self.store.unknown_relays().await?;
        let unserved = unserved.look(&unknown, self.clock.monotonic());
        let given_up = self.store.give_up_relays(&unserved, ROWS_MAX).await?;
        if given_up > 0 {
            warn!(count = given_up, "deliveries are dead letters: no relay of their tenant's name is configured");
        }
        Ok(())
    }
}
