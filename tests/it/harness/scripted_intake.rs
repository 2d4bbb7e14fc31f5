//! An intake that does as it is told.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use invoice_dispatcher::model::incoming::{Incoming, IntakeUnavailable, TakesEvents};
use tokio::sync::{Semaphore, watch};

use super::broker::{soon, until};

/// An intake that remembers, and that fails or waits when it is told to.
#[derive(Clone)]
pub(crate) struct ScriptedIntake {
    taken: Arc<Mutex<Vec<Vec<Incoming>>>>,
    reachable: Arc<watch::Sender<bool>>,
    /// One permit for each batch that may pass.
    gate: Arc<Semaphore>,
    /// Batches that have come as far as the gate.
    arrived: Arc<watch::Sender<usize>>,
    /// Whether it was asked if the database answers.
    asked: Arc<watch::Sender<bool>>,
}

impl ScriptedIntake {
    pub(crate) fn new() -> Self {
        Self::behind(Semaphore::new(Semaphore::MAX_PERMITS))
    }

    /// Lets no batch pass until [`Self::let_pass`].
    pub(crate) fn closed() -> Self {
        Self::behind(Semaphore::new(0))
    }

    fn behind(gate: Semaphore) -> Self {
        Self {
            taken: Arc::default(),
            reachable: Arc::new(watch::Sender::new(true)),
            gate: Arc::new(gate),
            arrived: Arc::new(watch::Sender::new(0)),
            asked: Arc::new(watch::Sender::new(false)),
        }
    }

    pub(crate) fn set_reachable(&self, reachable: bool) {
        self.reachable.send_replace(reachable);
    }

    pub(crate) fn let_pass(&self, batches: usize) {
        self.gate.add_permits(batches);
    }

    /// Waits until a batch stands before the gate.
    pub(crate) async fn until_arrived(&self, batches: usize) {
        let mut arrived = self.arrived.subscribe();
        soon("a batch", arrived.wait_for(|count| *count >= batches)).await.expect("the intake lives");
    }

    /// Waits until a caller waits for the database.
    pub(crate) async fn until_asked(&self) {
        soon("a question", self.asked.subscribe().wait_for(|asked| *asked)).await.expect("the intake lives");
    }

    pub(crate) fn batches(&self) -> Vec<Vec<Incoming>> {
        self.taken.lock().unwrap().clone()
    }

    /// Everything taken in, in order.
    pub(crate) fn taken(&self) -> Vec<Incoming> {
        self.batches().concat()
    }

    /// The different bodies taken in.
    pub(crate) fn bodies(&self) -> HashSet<Bytes> {
        self.taken().into_iter().map(|incoming| incoming.body).collect()
    }

    pub(crate) async fn until_taken(&self, count: usize) {
        until(&format!("{count} different events are taken in"), async || self.bodies().len() >= count).await;
    }
}

impl TakesEvents for ScriptedIntake {
    async fn take_in(&self, batch: Vec<Incoming>) -> Result<(), IntakeUnavailable> {
        self.arrived.send_modify(|count| *count += 1);
        self.gate.acquire().await.expect("the gate is never closed for good").forget();
        if !*self.reachable.borrow() {
            return Err(IntakeUnavailable("told to be away".into()));
        }
        self.taken.lock().unwrap().push(batch);
        Ok(())
    }

    async fn wait_until_reachable(&self) {
        self.asked.send_replace(true);
        let mut reachable = self.reachable.subscribe();
        reachable.wait_for(|reachable| *reachable).await.expect("the intake lives");
    }
}
