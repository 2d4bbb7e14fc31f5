//! Publishes the outcomes of invoices to the billing system.
//!
//! The transaction that concludes a delivery leaves a row in the database; this task publishes it and then deletes it,
//! so an outage of the broker delays it and loses nothing. One worker is elected to do it: two would publish
//! everything twice. A crash between a confirm and the deletion publishes it twice all the same, under one `id`.

pub(super) mod outcome_event;

use crate::model::outbox::OutcomeOutbox;
use std::fmt;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::mirror::mirror_error::LEASE;
use super::publisher::{Outgoing, PublishError, Published, Publisher};
use super::topology::Topology;
use super::url::BrokerUrl;
use crate::backoff::Delays;
use crate::clock::Clock;
use crate::failpoint::{self, Failpoint};
use crate::model::incoming::IntakeUnavailable;
use crate::model::outbox::PendingOutcome;

/// Outcomes in one step of publishing.
const PUBLISH_COUNT_MAX: u32 = 1_000;
/// Between two looks for outcomes to publish.
const LOOK: Duration = Duration::from_secs(1);

/// How long publishing that has begun may take once the process stops. The broker confirms within milliseconds, unless
/// it is short of memory or away.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);

/// Publishes outcomes.
pub struct Outcomes<Outbox> {
    url: BrokerUrl,
    topology: Topology,
    outbox: Outbox,
    clock: Clock,
    /// The `source` of the events.
    source: String,
    /// Between attempts while something is away.
    delays: Delays,
    look: Duration,
    publisher: Publisher,
    /// What was said last about trouble, so that an outage is one line in the log.
    said: Option<String>,
}

/// Why outcomes could not be published. Every step may be repeated.
#[derive(Debug, thiserror::Error)]
enum OutcomesError {
    #[error(transparent)]
    Database(#[from] IntakeUnavailable),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error("a queue that is bound to exchange {exchange} does not take them")]
    Refused { exchange: String },
}

impl<Outbox> fmt::Debug for Outcomes<Outbox> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcomes").field("url", &self.url).field("source", &self.source).finish_non_exhaustive()
    }
}

impl<Outbox: OutcomeOutbox> Outcomes<Outbox> {
    /// A publisher of outcomes with this `source`, which does not run yet.
    pub fn new(url: BrokerUrl, topology: Topology, source: String, outbox: Outbox, clock: Clock) -> Self {
        let publisher = Publisher::new(url.clone(), topology.clone(), clock.clone());
        let delays = Delays::for_server(&clock);
        Self { url, topology, outbox, clock, source, delays, look: LOOK, publisher, said: None }
    }

    /// The same, which looks for outcomes this often.
    #[must_use]
    pub fn with_look(self, look: Duration) -> Self {
        Self { look, ..self }
    }

    /// The same with other delays while something is away.
    #[must_use]
    pub fn with_delays(self, delays: Delays) -> Self {
        Self { delays, ..self }
    }

    /// Publishes until `shutdown`. A step that is cut off may be repeated.
    pub async fn run(mut self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let pause = match self.round(&shutdown).await {
                Ok(()) => {
                    self.delays.reset();
                    self.said = None;
                    self.look
                }
                Err(trouble) => {
                    self.log(&trouble);
                    self.delays.next_delay()
                }
            };
            let _ = shutdown.run_until_cancelled(self.clock.sleep(pause)).await;
        }
        if let Err(away) = self.outbox.release_outcome_lease().await {
            tracing::debug!("failed to release the lease of the outcomes; it expires: {away}");
        }
        self.publisher.close().await;
    }

    /// Publishes all that waits, if this worker is the one to do it.
    async fn round(&self, shutdown: &CancellationToken) -> Result<(), OutcomesError> {
        while let Some(outcomes) = shutdown.run_until_cancelled(self.next_step()).await.transpose()? {
            if outcomes.is_empty() {
                break;
            }
            let is_over = async {
                shutdown.cancelled().await;
                self.clock.sleep(STOP_TIME_MAX).await;
            };
            // A stop between the first message and the deletion would publish them again: neither the rest of the
            // publishing nor the deletion is cut off by it.
            let published = tokio::select! {
                published = self.publish(outcomes) => published?,
                () = is_over => break,
            };
            self.forget(published).await?;
        }
        Ok(())
    }

    /// The next step of what waits. Nothing, if nothing waits or another worker is elected.
    async fn next_step(&self) -> Result<Vec<PendingOutcome>, OutcomesError> {
        if !self.outbox.hold_outcome_lease(LEASE).await? {
            return Ok(Vec::new());
        }
        Ok(self.outbox.next_outcomes(PUBLISH_COUNT_MAX).await?)
    }

    /// Publishes outcomes; returns what became of each.
    async fn publish(&self, outcomes: Vec<PendingOutcome>) -> Result<Vec<(PendingOutcome, Published)>, OutcomesError> {
        let messages: Vec<Outgoing> = outcomes.iter().map(|outcome| self.message(outcome)).collect();
        let published = self.publisher.publish(&messages).await?;
        Ok(outcomes.into_iter().zip(published).collect())
    }

    /// Deletes what the broker has; an error if it does not have all.
    async fn forget(&self, published: Vec<(PendingOutcome, Published)>) -> Result<(), OutcomesError> {
        failpoint::reach(Failpoint::AfterOutcomeConfirm);
        let (confirmed, refused): (Vec<_>, Vec<_>) =
            published.into_iter().partition(|(_, published)| *published == Published::Confirmed);
        let confirmed: Vec<PendingOutcome> = confirmed.into_iter().map(|(outcome, _)| outcome).collect();
        self.outbox.forget_outcomes(&confirmed).await?;
        if refused.is_empty() {
            Ok(())
        } else {
            Err(OutcomesError::Refused { exchange: self.topology.outcomes.clone() })
        }
    }

    fn message(&self, outcome: &PendingOutcome) -> Outgoing {
        Outgoing {
            exchange: self.topology.outcomes.clone(),
            routing_key: outcome.routing_key(),
            // A subscriber binds a queue; without one the broker drops the message.
            mandatory: false,
            properties: lapin::BasicProperties::default().with_content_type("application/cloudevents+json".into()),
            body: outcome.event(&self.source),
        }
    }

    fn log(&mut self, trouble: &OutcomesError) {
        let reason = trouble.to_string();
        if self.said.as_deref() != Some(&reason) {
            tracing::warn!(broker = %self.url, "outcomes wait in the database: {reason}");
            self.said = Some(reason);
        }
    }
}
