//! The permit to start DATA: a committed row that says so, or no DATA.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::batcher::Batcher;
use crate::failpoint::{self, Failpoint};
use crate::relay::{BeforeData, Permit};
use crate::store::{DataStart, DataStarted};

/// Gathers the permits of all slots; `None` if the database is away.
pub type DataStarter = Batcher<DataStart, Option<DataStarted>>;

/// Asks for one delivery's permit.
#[derive(Debug)]
pub struct DataPermit<'a> {
    starter: &'a DataStarter,
    start: DataStart,
    /// What the database said last.
    pub answer: Answer,
    /// The start of DATA is recorded: only a record takes that back, and no release.
    pub started: bool,
    /// The database was asked, and may record the start even if nobody waits for its answer.
    pub asked: bool,
    /// Whether the socket has taken the final dot, for who watches from outside.
    pub handed_over: Arc<AtomicBool>,
}

/// What the database said to the request for a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It was not asked.
    Unasked,
    /// DATA may start.
    Started,
    /// The settings or the customer changed since the decision, or `expires_at` passed: decide again.
    Stale,
    /// The row is not ours any more.
    Lost,
    /// The database is away.
    Unavailable,
}

impl<'a> DataPermit<'a> {
    /// A permit that has not been asked for yet.
    pub fn new(starter: &'a DataStarter, start: DataStart) -> Self {
        Self { starter, start, answer: Answer::Unasked, started: false, asked: false, handed_over: Arc::default() }
    }
}

impl BeforeData for DataPermit<'_> {
    async fn permit(&mut self) -> Permit {
        // Asked anew after a reused connection broke before its 354: the settings may have changed meanwhile.
        failpoint::reach(Failpoint::BeforeDataStart);
        self.asked = true;
        self.answer = match self.starter.write(self.start.clone()).await {
            Some(Some(DataStarted::Started)) => Answer::Started,
            Some(Some(DataStarted::Stale)) => Answer::Stale,
            Some(Some(DataStarted::Lost)) => Answer::Lost,
            Some(None) | None => Answer::Unavailable,
        };
        self.started |= self.answer == Answer::Started;
        failpoint::reach(Failpoint::AfterDataStart);
        if self.answer == Answer::Started { Permit::Go } else { Permit::Withdraw }
    }

    fn handed_over(&mut self) {
        self.handed_over.store(true, Ordering::Relaxed);
    }
}
