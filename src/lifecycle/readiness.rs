//! Whether the process can do its work: what `/readyz` says.

use tokio::sync::watch;

/// Where events come from, as far as readiness goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntakeReadiness {
    /// No broker is configured, or this process does not consume.
    Off,
    /// Events are taken from the broker.
    Consuming,
    /// Events are taken from the broker, but for those behind one message; says which. That is ready: the message is
    /// the same for every worker, and a person has to take it out.
    Hindered(String),
    /// Not consuming, on purpose; says why. That is ready: a restart would not help.
    Paused(String),
    /// Not consuming, against our will; says why.
    Broken(String),
}

/// What readiness is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadinessState {
    /// Why the database is not reached, if so.
    pub database: Result<(), String>,
    /// Where events come from.
    pub intake: IntakeReadiness,
    /// The process is about to end.
    pub draining: bool,
}

impl ReadinessState {
    /// Why the process is not ready; empty if it is.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let database = self.database.as_ref().err().map(|why| format!("the database is not reached: {why}"));
        let intake = match &self.intake {
            IntakeReadiness::Broken(why) => Some(format!("events are not consumed: {why}")),
            IntakeReadiness::Off
            | IntakeReadiness::Consuming
            | IntakeReadiness::Hindered(_)
            | IntakeReadiness::Paused(_) => None,
        };
        let draining = self.draining.then(|| "the process is ending".to_owned());
        [database, intake, draining].into_iter().flatten().collect()
    }
}

/// Whether the process is ready; shared between those who know and those who ask.
#[derive(Debug, Clone)]
pub struct Readiness(watch::Sender<ReadinessState>);

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Readiness {
    /// Not ready yet: the database was not reached, and nothing is consumed.
    #[must_use]
    pub fn new() -> Self {
        let database = Err("not tried yet".to_owned());
        Self(watch::Sender::new(ReadinessState { database, intake: IntakeReadiness::Off, draining: false }))
    }

    /// The database was reached, or not and why.
    pub fn database(&self, reached: Result<(), String>) {
        self.change(|state| state.database = reached);
    }

    /// What became of the intake.
    pub fn intake(&self, intake: IntakeReadiness) {
        self.change(|state| state.intake = intake);
    }

    /// The process is about to end.
    pub fn draining(&self) {
        self.change(|state| state.draining = true);
    }

    /// What is known now.
    #[must_use]
    pub fn now(&self) -> ReadinessState {
        self.0.borrow().clone()
    }

    /// Waits until `wanted` holds.
    pub async fn wait_for(&self, wanted: impl FnMut(&ReadinessState) -> bool) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(wanted).await;
    }

    fn change(&self, change: impl FnOnce(&mut ReadinessState)) {
        self.0.send_if_modified(|state| {
            let before = state.clone();
            change(state);
            *state != before
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_database_reached_and_consuming_or_not_on_purpose() {
        let why = || "because".to_owned();
        let cases = [
            (Ok(()), IntakeReadiness::Off, false, 0),
            (Ok(()), IntakeReadiness::Consuming, false, 0),
            (Ok(()), IntakeReadiness::Paused(why()), false, 0),
            (Ok(()), IntakeReadiness::Broken(why()), false, 1),
            (Err(why()), IntakeReadiness::Consuming, false, 1),
            (Ok(()), IntakeReadiness::Consuming, true, 1),
            (Err(why()), IntakeReadiness::Broken(why()), true, 3),
        ];
        for (database, intake, draining, reasons) in cases {
            let state = ReadinessState { database, intake, draining };
            assert_eq!(state.reasons().len(), reasons, "{state:?}");
        }
        assert_eq!(Readiness::new().now().reasons(), ["the database is not reached: not tried yet"]);
    }

    #[tokio::test]
    async fn who_waits_for_readiness_is_woken() {
        let readiness = Readiness::new();
        let waiter = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.wait_for(|state| state.reasons().is_empty()).await }
        });
        readiness.database(Ok(()));
        waiter.await.expect("no panic");
        readiness.draining();
        assert!(readiness.now().draining);
    }
}
