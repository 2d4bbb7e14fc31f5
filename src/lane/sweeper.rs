//! Looks after what no lane looks after: times that come, waits that end, deliveries nobody can send.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::context::Context;
use super::wakes::Wakes;
use crate::event;
use crate::ids::RelayName;
use crate::intake::{Intake, Parsed};
use crate::redrive::Redrive;
use crate::store::{EventState, RetentionTimes, StoreError};

/// How often due times are looked at: a retry may be late by so much.
const ROUND: Duration = Duration::from_millis(500);

/// Every so many rounds what may wait longer is looked at too.
const SLOW_ROUNDS: u32 = 10;

/// Every so many rounds what is kept too long is forgotten: every ten minutes.
const FORGET_ROUNDS: u32 = 1_200;

/// Rows that one statement moves.
const ROWS_MAX: u32 = 1_000;

/// The sweeper of one worker; any number of them may sweep one database.
pub struct Sweeper {
    /// What all lanes share.
    pub context: Arc<Context>,
    /// Takes events in whose customer has come.
    pub intake: Intake,
    /// Puts dead letters back whose cause is gone.
    pub redrive: Redrive,
    /// How long what is kept.
    pub retention: RetentionTimes,
    /// The relays that this worker knows.
    pub relays: Vec<RelayName>,
    /// Lanes to wake.
    pub wakes: Wakes,
    /// The worker drains.
    pub stop: CancellationToken,
}

impl Sweeper {
    /// Sweeps until it is told to stop.
    pub async fn run(self) {
        for round in 0_u32.. {
            if let Err(error) = self.round(round).await {
                warn!("failed to sweep: {error}");
                self.context.store.wait_to_try_again().await;
            }
            tokio::select! {
                () = self.context.clock.sleep(ROUND) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    async fn round(&self, round: u32) -> Result<(), StoreError> {
        if self.context.store.rank_ripe(ROWS_MAX).await? > 0 {
            self.wakes.wake_all();
        }
        if round.is_multiple_of(SLOW_ROUNDS) {
            self.expire().await?;
            self.look_at_waiting_events().await?;
            self.cure().await?;
            self.follow_relays().await?;
        }
        if round.is_multiple_of(FORGET_ROUNDS) {
            self.context.store.forget(&self.retention, ROWS_MAX).await?;
        }
        Ok(())
    }

    async fn expire(&self) -> Result<(), StoreError> {
        let expired = self.context.store.expire(ROWS_MAX).await?;
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
        let waiting = self.context.store.ripe_waiting_events(ROWS_MAX).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        let batch: Vec<Parsed> = waiting
            .into_iter()
            .map(|waiting| Parsed {
                event: event::parse(&waiting.body),
                body: waiting.body,
                via: waiting.via,
                redelivered: true,
                given_up: false,
                again: Some(EventState::Waiting),
            })
            .collect();
        self.intake.take(&batch).await?;
        Ok(())
    }

    /// Dead letters whose tenant, customer or phone number has come. An upsert does it at once; this one looks after
    /// upserts whose process ended.
    async fn cure(&self) -> Result<(), StoreError> {
        self.redrive.cure(ROWS_MAX).await.map(drop)
    }

    /// Deliveries whose tenant has another relay now, and those that no relay here can send.
    async fn follow_relays(&self) -> Result<(), StoreError> {
        if self.context.store.follow_tenants_relays(ROWS_MAX).await? > 0 {
            self.wakes.wake_all();
        }
        let given_up = self.context.store.give_up_unknown_relays(&self.relays, ROWS_MAX).await?;
        if given_up > 0 {
            warn!(count = given_up, "deliveries are dead letters: no relay of their tenant's name is configured");
        }
        Ok(())
    }
}
