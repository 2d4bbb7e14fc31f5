//! The permit to start DATA: a committed row that says so, or no DATA.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::batcher::Batcher;
use super::limits::slots::Slots;
use super::prepare::Prepared;
use crate::backoff::Delays;
use crate::clock::Clock;
use crate::failpoint::{self, Failpoint};
use crate::relay::{DataPermit, Permit};
use crate::store::{DataPermitAnswer, DataPermitRequest};

/// Gathers the permits of all slots; `None` if the database is away.
pub type PermitBatcher = Batcher<DataPermitRequest, Option<DataPermitAnswer>>;

/// A message that was composed longer ago is composed again before its DATA: its Date is not true any more.
const AGE_MAX: Duration = Duration::from_mins(5);

/// Whether a message has waited too long to be sent. One that repeats what was permitted before always keeps its Date.
pub fn is_outdated(prepared: &Prepared, clock: &Clock) -> bool {
    !prepared.repeats && clock.now().since(prepared.mail.date) > AGE_MAX
}

/// Asks for one delivery's permit.
#[derive(Debug)]
pub struct PermitRequest<'a> {
    starter: &'a PermitBatcher,
    start: DataPermitRequest,
    slots: &'a Slots,
    clock: &'a Clock,
    /// The mail, whose age counts; none if it goes out however old it is.
    ages: Option<&'a Prepared>,
    /// What the database said last.
    pub answer: PermitAnswer,
    /// The start of DATA is recorded: only a record takes that back, and no release.
    pub started: bool,
    /// The database was asked, and may record the start even if its answer is lost.
    pub asked: bool,
    /// Whether the socket has taken the final dot, for who watches from outside.
    pub handed_over: Arc<AtomicBool>,
}

/// What the database said to the request for a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermitAnswer {
    /// It was not asked.
    Unasked,
    /// It was not asked, because the message has grown too old meanwhile: compose it again.
    Outdated,
    /// It was not asked: while this worker stood still, others have taken its share of the relay's connections.
    ShareLost,
    /// DATA may start.
    Started,
    /// The settings or the customer changed since the decision, or `expires_at` passed: decide again.
    Stale,
    /// The delivery is held by now.
    Held,
    /// Another transaction has locked the tenant's settings or the customer, and does not end.
    Locked,
    /// The row is not ours any more.
    Lost,
    /// The database is away.
    Unavailable,
}

/// How often the question is repeated while settings or customer are locked, and the first and the longest pause before
/// that: transactions of ours end within these 0.6 s. The connection to the relay is blocked meanwhile, so the delivery is
/// put back if the lock lasts longer.
const LOCKED_REPEATS: u32 = 5;
const LOCKED_PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(320));

impl<'a> PermitRequest<'a> {
    /// A permit that has not been asked for yet.
    pub fn new(starter: &'a PermitBatcher, start: DataPermitRequest, slots: &'a Slots, clock: &'a Clock) -> Self {
        Self {
            starter,
            start,
            slots,
            clock,
            ages: None,
            answer: PermitAnswer::Unasked,
            started: false,
            asked: false,
            handed_over: Arc::default(),
        }
    }

    /// The same, unless the mail is too old by then.
    pub fn unless_outdated(self, prepared: &'a Prepared) -> Self {
        Self { ages: Some(prepared), ..self }
    }

    async fn ask(&self) -> PermitAnswer {
        match self.starter.write(self.start.clone()).await {
            Some(Some(DataPermitAnswer::Started)) => PermitAnswer::Started,
            Some(Some(DataPermitAnswer::Stale)) => PermitAnswer::Stale,
            Some(Some(DataPermitAnswer::Locked)) => PermitAnswer::Locked,
            Some(Some(DataPermitAnswer::Held)) => PermitAnswer::Held,
            Some(Some(DataPermitAnswer::Lost)) => PermitAnswer::Lost,
            Some(None) | None => PermitAnswer::Unavailable,
        }
    }
}

impl PermitRequest<'_> {
    async fn ask_again(&self) -> PermitAnswer {
        let mut delays = Delays::between(LOCKED_PAUSES.0, LOCKED_PAUSES.1, self.clock);
        for _ in 0..LOCKED_REPEATS {
            tokio::time::sleep(delays.next_delay()).await;
            match self.ask().await {
                PermitAnswer::Locked => {}
                answer => return answer,
            }
        }
        PermitAnswer::Locked
    }
}

impl DataPermit for PermitRequest<'_> {
    async fn permit(&mut self) -> Permit {
        // Asked anew after a reused connection broke before its 354: the settings may have changed meanwhile.
        failpoint::reach(Failpoint::BeforeDataStart);
        if !self.started && self.slots.is_expired() && !self.slots.is_confirmed().await {
            self.answer = PermitAnswer::ShareLost;
            return Permit::Withdraw;
        }
        // Once started, its Date is recorded, and it stays as it is.
        if !self.started && self.ages.is_some_and(|prepared| is_outdated(prepared, self.clock)) {
            self.answer = PermitAnswer::Outdated;
            return Permit::Withdraw;
        }
        self.asked = true;
        self.answer = self.ask().await;
        if self.answer == PermitAnswer::Locked {
            self.answer = self.ask_again().await;
        }
        self.started |= self.answer == PermitAnswer::Started;
        failpoint::reach(Failpoint::AfterDataStart);
        if self.answer == PermitAnswer::Started { Permit::Go } else { Permit::Withdraw }
    }

    fn handed_over(&mut self) {
        self.handed_over.store(true, Ordering::Relaxed);
    }
}
