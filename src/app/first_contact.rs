//! The start of `run`: a server that is not there yet is waited for, what only a person can mend is said at once.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::{App, AppError, ProcessKind};
use crate::backoff::Delays;
use crate::config::Config;
use crate::lifecycle::Readiness;
use crate::store::{ContactError, StoreError};

/// How often it is said again that the database is waited for: a single line is out of sight after an hour.
const SAID_EVERY: Duration = Duration::from_mins(1);

impl App {
    /// As [`App::open`], but a server that does not answer yet is waited for: servers start in any order. A file does not
    /// get better by waiting. `readiness` says meanwhile what is waited for.
    ///
    /// # Errors
    /// [`AppError`]; also for what waiting does not mend: a refused password, an unknown database, a fault of TLS.
    pub async fn open_when_reachable(
        config: Config,
        role: ProcessKind,
        readiness: &Readiness,
    ) -> Result<Self, AppError> {
        let app = Self::assemble(config, role).await?;
        if app.config.database.is_sqlite() {
            app.meet_database().await?;
            return Ok(app);
        }
        let mut said = WarningInterval::default();
        let mut delays = Delays::for_database(app.store.clock());
        while let Err(error) = app.try_to_meet().await {
            let AppError::Store(away @ StoreError::Unavailable(_)) = error else { return Err(error) };
            readiness.database(Err(away.to_string()));
            if said.is_due(Instant::now()) {
                warn!("waiting for the database: {away}");
            }
            sleep(delays.next_delay()).await;
        }
        if said.last.is_some() {
            info!("the database answers");
        }
        Ok(app)
    }

    async fn try_to_meet(&self) -> Result<(), AppError> {
        match self.store.first_contact().await {
            Ok(()) => self.meet_database().await,
            Err(ContactError::Store(error)) => Err(error.into()),
            Err(unmendable) => Err(unmendable.into()),
        }
    }
}

/// When it was said last that something is waited for.
#[derive(Debug, Default)]
struct WarningInterval {
    last: Option<Instant>,
}

impl WarningInterval {
    /// Whether it is to be said now; notes that it is.
    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.last.is_none_or(|last| now.duration_since(last) >= SAID_EVERY);
        if is_due {
            self.last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_at_once_and_then_every_minute() {
        let start = Instant::now();
        let mut said = WarningInterval::default();
        let due: Vec<u64> = (0..200).filter(|second| said.is_due(start + Duration::from_secs(*second))).collect();
        assert_eq!(due, [0, 60, 120, 180]);
    }
}
