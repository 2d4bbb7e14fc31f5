//! The gauges that the database knows: asked now and then, never by a scrape.

use std::time::Duration;

use metrics::gauge;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::store::{Store, StoreError};
use crate::telemetry::metric;

/// How often they are read.
const EVERY: Duration = Duration::from_secs(15);

/// Reads the gauges of one database.
#[derive(Debug)]
pub struct Gauges(Store);

impl Gauges {
    /// The gauges of this database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self(store)
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
        Ok(())
    }
}
