//! The gauges that the database knows: asked now and then, never by a scrape.

use std::time::Duration;

use metrics::gauge;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::store::{DeliveryState, Settled, Store, StoreError};
use crate::telemetry::metric;

/// How often they are read.
const EVERY: Duration = Duration::from_secs(15);

/// Reads the gauges of one database.
#[derive(Debug)]
pub struct Gauges {
    store: Store,
    /// Whether messages leave for a broker at all.
    has_broker: bool,
}

impl Gauges {
    /// The gauges of this database, whose messages leave for a broker or do not.
    #[must_use]
    pub fn new(store: Store, has_broker: bool) -> Self {
        Self { store, has_broker }
    }

    /// Keeps them up to date until `stop`.
    pub async fn keep(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.read().await {
                debug!("failed to read the gauges: {error}");
            }
            if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
                return;
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and no count comes near 2^52")]
    async fn read(&self) -> Result<(), StoreError> {
        let now = self.store.now();
        for (state, count) in self.store.state_counts().await? {
            gauge!(metric::DELIVERIES, "state" => state.as_str()).set(count as f64);
            if state == DeliveryState::Settled(Settled::Uncertain) {
                gauge!(metric::UNCERTAIN).set(count as f64);
            }
        }
        for (relay, oldest) in self.store.due_oldest().await? {
            gauge!(metric::DUE_OLDEST_SECONDS, "relay" => relay.to_string()).set(now.since(oldest).as_secs_f64());
        }
        for (class, count) in self.store.open_dead_letters().await? {
            gauge!(metric::DEAD_LETTERS, "class" => class.as_str()).set(count as f64);
        }
        let oldest = self.store.oldest_dead_letter().await?;
        gauge!(metric::DEAD_LETTER_OLDEST_SECONDS).set(oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64()));
        if self.has_broker {
            let oldest = self.store.outbox_oldest().await?;
            gauge!(metric::OUTBOX_OLDEST_SECONDS).set(oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64()));
        }
        Ok(())
    }
}
