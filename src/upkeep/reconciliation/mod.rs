//! Does everything add up? What was published, what the database holds, and what the relay took, joined.
//!
//! The promise is that every event is in exactly one state and that nothing is sent twice by itself. [`audit`] reads
//! the database a page at a time, [`judge`] says of each row what is wrong with it, and the [`Reconciliation`] names
//! every event that breaks the promise. `doctor --ledger` shows it; tests that break things end with it.

pub mod evidence;
pub mod judge;

use serde::{Serialize, Serializer};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

pub use evidence::{Evidence, QueuedEvents, TakenMail};

use crate::model::ids::{EventKey, TenantId};
use crate::store::{Store, StoreError};
use evidence::TakenMails;

/// Rows of one page: what the reconciliation holds in memory does not grow with the database.
const PAGE: u32 = 500;

/// Findings that are named; of those above only the number is shown.
const FINDINGS_MAX: usize = 1_000;

/// What can be wrong.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum ReconciliationFault {
    /// Published, and neither in the queue nor in the database.
    Lost,
    /// Published and not in the database; a consumer or a queue that cannot be asked may hold it. All may be well.
    Unseen,
    /// No process acts next, and it has not ended.
    InNoState,
    /// Two would act next, or it has ended and a process still acts.
    InTwoStates,
    /// A place in a lane of a delivery that is not there.
    WithoutDelivery,
    /// A delivery of an event that had one, and no person wanted it.
    SecondDelivery,
    /// The relay took it more than once for one recipient, without a person's request.
    SentTwice,
    /// Sent with documents and recorded with a link, or the other way round, or another message.
    OtherDecision,
    /// Recorded as sent, and the relay never took it.
    NotTaken,
    /// The relay took it, and it is recorded as a state in which it would not be noticed.
    NotRecorded,
    /// An attempt was accepted, and the delivery is not sent.
    AcceptedNotSent,
    /// Uncertain, although its DATA never began.
    UncertainBeforeData,
    /// Dead, without an open dead letter: no list shows it.
    DeadUnseen,
    /// An open dead letter of what is not dead.
    SeenUndead,
    /// A count that is kept is not the true one.
    Miscounted,
    /// A row that holds an unreadable value.
    Unreadable,
    /// A person had an uncertain delivery sent again, and the relay has accepted both: no promise is broken, but the
    /// customer has two.
    AcceptedAndResent,
}

impl ReconciliationFault {
    /// The end of a sentence that begins with a number: "2 in no state".
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Lost => "published and nowhere",
            Self::Unseen => "published and not in the database yet",
            Self::InNoState => "in no state",
            Self::InTwoStates => "in two states",
            Self::WithoutDelivery => "in a lane without a delivery",
            Self::SecondDelivery => "made a second time",
            Self::SentTwice => "sent twice",
            Self::OtherDecision => "sent otherwise than recorded",
            Self::NotTaken => "recorded as sent, never taken by the relay",
            Self::NotRecorded => "taken by the relay, not recorded so",
            Self::AcceptedNotSent => "accepted by the relay, not recorded as sent",
            Self::UncertainBeforeData => "uncertain before their DATA began",
            Self::DeadUnseen => "dead without a dead letter",
            Self::SeenUndead => "with an open dead letter, though not dead",
            Self::Miscounted => "of the counts wrong",
            Self::Unreadable => "that cannot be read",
            Self::AcceptedAndResent => "accepted after they were sent again",
        }
    }
}

/// One thing that is wrong, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    #[serde(serialize_with = "spelled")]
    pub fault: ReconciliationFault,
    /// Whose invoice it is, if that is known.
    pub tenant: Option<TenantId>,
    /// The invoice's number, if that is known.
    pub invoice: Option<String>,
    /// What exactly, for people: names rows by their identifiers, never an address.
    pub detail: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over as it is")]
fn spelled<S: Serializer>(fault: &ReconciliationFault, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(fault)
}

/// What was looked at, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// Events that were looked at.
    pub events: u64,
    /// Deliveries that were looked at.
    pub deliveries: u64,
    /// Open dead letters that were looked at.
    pub open_letters: u64,
    /// What is wrong, [`FINDINGS_MAX`] at most.
    pub findings: Vec<Finding>,
    /// How much more is wrong than `findings` names.
    pub more: u64,
    /// What a person should know although nothing is wrong with it, [`FINDINGS_MAX`] at most.
    pub notices: Vec<Finding>,
}

impl Reconciliation {
    /// Whether everything adds up.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.findings.is_empty() && self.more == 0
    }

    /// How often each fault was found among those that are named.
    #[must_use]
    pub fn by_fault(&self) -> Vec<(ReconciliationFault, usize)> {
        let number = |fault: ReconciliationFault| self.findings.iter().filter(|finding| finding.fault == fault).count();
        ReconciliationFault::VARIANTS
            .iter()
            .map(|fault| (*fault, number(*fault)))
            .filter(|(_, number)| *number > 0)
            .collect()
    }

    fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            if self.findings.len() < FINDINGS_MAX {
                self.findings.push(finding);
            } else {
                self.more += 1;
            }
        }
    }
}

/// Goes through everything that the database holds, beside what else is known; takes a while on a large database.
///
/// May run beside workers: what they are about to do is in some state at every moment.
///
/// # Errors
/// If the database does not answer.
pub async fn audit(store: &Store, evidence: &Evidence) -> Result<Reconciliation, StoreError> {
    let mut reconciliation = Reconciliation::default();
    add_published(&mut reconciliation, store, evidence).await?;
    add_events(&mut reconciliation, store).await?;
    add_deliveries(&mut reconciliation, store, evidence).await?;
    add_letters(&mut reconciliation, store).await?;
    reconciliation.add(store.lane_entries_without_delivery(PAGE).await?.into_iter().map(judge::stray));
    reconciliation.add(store.miscounted().await?.into_iter().map(|(concluded, by)| judge::miscounted(concluded, by)));
    Ok(reconciliation)
}

async fn add_published(
    reconciliation: &mut Reconciliation,
    store: &Store,
    evidence: &Evidence,
) -> Result<(), StoreError> {
    let mut missing = Vec::new();
    for part in evidence.published.chunks(PAGE as usize) {
        let known = store.known_events(part).await?;
        missing.extend(part.iter().filter(|(source, id)| !known.contains(&EventKey::new(source, id))));
    }
    let (unseen, lost): (Vec<Finding>, Vec<Finding>) = judge::published(&missing, &evidence.queued)
        .into_iter()
        .partition(|finding| finding.fault == ReconciliationFault::Unseen);
    reconciliation.notices.extend(unseen.into_iter().take(FINDINGS_MAX));
    reconciliation.add(lost);
    Ok(())
}

async fn add_events(reconciliation: &mut Reconciliation, store: &Store) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = store.booked_events(after, PAGE).await?;
        if page.last.is_none() {
            return Ok(());
        }
        after = page.last;
        reconciliation.events += (page.rows.len() + page.unreadable.len()) as u64;
        reconciliation.add(page.rows.iter().filter_map(judge::event));
        reconciliation
            .add(page.unreadable.iter().map(|(event, why)| judge::unreadable(&format!("event {event}"), why)));
    }
}

async fn add_deliveries(
    reconciliation: &mut Reconciliation,
    store: &Store,
    evidence: &Evidence,
) -> Result<(), StoreError> {
    let mut taken = evidence.taken.as_deref().map(TakenMails::of);
    let mut after = None;
    loop {
        let page = store.booked_deliveries(after, PAGE).await?;
        if page.last.is_none() {
            break;
        }
        after = page.last;
        reconciliation.deliveries += (page.rows.len() + page.unreadable.len()) as u64;
        reconciliation.add(page.unreadable.iter().map(|(id, why)| judge::unreadable(&format!("delivery {id}"), why)));
        for delivery in &page.rows {
            reconciliation.add(judge::delivery(delivery));
            let room = FINDINGS_MAX.saturating_sub(reconciliation.notices.len());
            reconciliation.notices.extend(judge::twice_by_a_resend(delivery).into_iter().take(room));
            if let Some(taken) = &mut taken {
                reconciliation.add(judge::taken(delivery, &taken.of_delivery(delivery)));
            }
        }
    }
    reconciliation.add(taken.iter().flat_map(TakenMails::unserved).map(judge::stranger));
    Ok(())
}

async fn add_letters(reconciliation: &mut Reconciliation, store: &Store) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = store.booked_letters(after, PAGE).await?;
        if page.last.is_none() {
            return Ok(());
        }
        after = page.last;
        reconciliation.open_letters += (page.rows.len() + page.unreadable.len()) as u64;
        reconciliation.add(page.rows.iter().filter_map(judge::letter));
        reconciliation
            .add(page.unreadable.iter().map(|(id, why)| judge::unreadable(&format!("dead letter {id}"), why)));
    }
}
