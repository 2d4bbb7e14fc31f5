//! What all lanes of a worker share.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::attempt_end::AttemptResult;
use super::cache::profiles::Profiles;
use super::cache::templates::TemplateCache;
use super::limits::buffers::Buffers;
use super::liveness::in_flight::InFlight;
use super::liveness::isolation::Isolation;
use crate::clock::Clock;
use crate::compose::{self, Templates};
use crate::documents::DocumentStore;
use crate::event::InvoiceData;
use crate::lifecycle::Liveness;
use crate::model::ids::{RelayName, WorkerId};
use crate::model::reason::ReasonCode;
use crate::model::state::Decision;
use crate::model::verification::VerificationConfig;
use crate::policy::decision::Plan;
use crate::policy::retry::Schedule;
use crate::secrets::{CredentialsKeys, LinkKeys};
use crate::store::Store;

/// Of the mails that are made or wait for a connection, a lane has so many bytes in memory, or one mail: enough that no
/// connection waits, and large mails do not pile up.
const AHEAD_BYTES_MAX: u64 = 4 << 20;

/// What all lanes of a worker share.
#[derive(Debug)]
pub struct Context {
    /// This run of this process.
    pub worker: WorkerId,
    /// The database.
    pub store: Store,
    pub documents: DocumentStore,
    /// The templates of today, and those that older deliveries were made with.
    pub templates: TemplateCache,
    /// Tenants' profiles, parsed once.
    pub profiles: Profiles,
    /// The keys of portal tokens.
    pub link_keys: LinkKeys,
    /// What relay credentials are named with.
    pub credentials_keys: CredentialsKeys,
    /// The portal's address, without a slash at its end.
    pub portal_url: String,
    /// What customers can be verified by.
    pub verification: VerificationConfig,
    /// When to try again.
    pub schedule: Schedule,
    /// Time.
    pub clock: Clock,
    /// Connections of each relay, over all workers.
    pub connections: HashMap<RelayName, u32>,
    /// Memory for mails in flight, by relay.
    pub memory: MemoryBudgets,
    /// What this worker knows that it owns.
    pub in_flight: InFlight,
    /// Buffers for messages.
    pub buffers: Buffers,
    /// The deliveries in flight that a worker died with.
    pub isolation: Isolation,
    /// Whether the loops turn.
    pub liveness: Liveness,
}

impl Context {
    /// Waits until the relay's lane has memory for a mail with these documents, and takes it. A link is small: it does
    /// not wait behind documents that fill the memory, or that the store is slow to give.
    pub async fn memory_for(&self, relay: &RelayName, data: &InvoiceData, plan: Plan) -> MailMemory {
        match plan.decision() {
            Decision::Attach => {
                let documents = data.documents.as_slice();
                // The documents once as they are and once as encoded.
                let bytes = documents.iter().map(|document| document.size).sum::<u64>();
                self.memory.of(relay).take(bytes + compose::encoded_bytes(documents)).await
            }
            Decision::Link => MailMemory::default(),
        }
    }

    /// The templates of `version`.
    ///
    /// # Errors
    /// If the version is neither today's nor in the database, or the database is away.
    pub async fn templates(&self, version: &str) -> Result<Arc<Templates>, AttemptResult> {
        if let Some(templates) = self.templates.get(version) {
            return Ok(templates);
        }
        let sources = self
            .store
            .template_sources(version)
            .await
            .map_err(|error| AttemptResult::before(ReasonCode::Dependency, error.to_string()))?
            .ok_or_else(|| {
                AttemptResult::before(ReasonCode::Internal, format!("no templates of version {version} are stored"))
            })?;
        let templates = Templates::from_sources(&sources).map_err(|error| {
            AttemptResult::before(ReasonCode::Internal, format!("templates of version {version}: {error}"))
        })?;
        Ok(self.templates.add(version, templates))
    }
}

/// Each lane's share of a worker's memory for mails in flight.
///
/// Equal shares that no other lane can take: a relay that takes mails and does not answer holds its own lane's memory
/// for as long as it likes, and no other's.
#[derive(Debug)]
pub struct MemoryBudgets(HashMap<RelayName, LaneMemory>);

impl MemoryBudgets {
    /// So many bytes, divided among these relays.
    #[must_use]
    pub fn divided<'a>(bytes: u64, relays: impl ExactSizeIterator<Item = &'a RelayName>) -> Self {
        let share = bytes / u64::try_from(relays.len()).unwrap_or(u64::MAX).max(1);
        Self(relays.map(|relay| (relay.clone(), LaneMemory::new(share))).collect())
    }

    fn of(&self, relay: &RelayName) -> &LaneMemory {
        self.0.get(relay).expect("every lane's relay was given a share")
    }
}

/// One lane's memory.
#[derive(Debug)]
struct LaneMemory {
    in_flight: MemoryBudget,
    ahead: MemoryBudget,
}

impl LaneMemory {
    fn new(share: u64) -> Self {
        Self { in_flight: MemoryBudget::new(share), ahead: MemoryBudget::new(AHEAD_BYTES_MAX) }
    }

    async fn take(&self, bytes: u64) -> MailMemory {
        let ahead = self.ahead.take(bytes).await;
        MailMemory { _in_flight: Some(self.in_flight.take(bytes).await), ahead: Some(ahead) }
    }
}

/// A mail's share of its lane's memory; free when this is dropped.
#[derive(Debug, Default)]
pub struct MailMemory {
    _in_flight: Option<OwnedSemaphorePermit>,
    ahead: Option<OwnedSemaphorePermit>,
}

impl MailMemory {
    /// A connection has taken the mail: another one can be made in its place.
    pub fn no_longer_ahead(&mut self) {
        self.ahead = None;
    }
}

/// Memory for mails, given out in KiB.
#[derive(Debug)]
struct MemoryBudget {
    kibibytes: Arc<Semaphore>,
    all: u32,
}

impl MemoryBudget {
    fn new(bytes: u64) -> Self {
        let all = u32::try_from(bytes / 1024).unwrap_or(u32::MAX).clamp(1, u32::MAX >> 3);
        let permits = usize::try_from(all).expect("32 bits fit a usize");
        Self { kibibytes: Arc::new(Semaphore::new(permits)), all }
    }

    /// Waits until so many bytes are free, and takes them. One mail that needs more than there is takes all.
    async fn take(&self, bytes: u64) -> OwnedSemaphorePermit {
        let kibibytes = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).clamp(1, self.all);
        Arc::clone(&self.kibibytes).acquire_many_owned(kibibytes).await.expect("the budget is never closed")
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_lane_that_holds_all_of_its_share_leaves_the_others_theirs() {
        let [slow, other] = ["slow", "other"].map(RelayName::from);
        let budgets = MemoryBudgets::divided(20 * 1024, [&slow, &other].into_iter());
        let _held = budgets.of(&slow).take(10 * 1024).await;
        assert!(budgets.of(&slow).take(1).now_or_never().is_none());
        assert!(budgets.of(&other).take(10 * 1024).now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_waits_for_a_connection_is_bounded_and_what_is_on_the_wire_is_not_counted() {
        let memory = LaneMemory::new(100 * AHEAD_BYTES_MAX);
        let mut first = memory.take(AHEAD_BYTES_MAX).await;
        assert!(memory.take(1).now_or_never().is_none());
        first.no_longer_ahead();
        assert!(memory.take(2 * AHEAD_BYTES_MAX).now_or_never().is_some(), "one of any size");
    }

    #[tokio::test]
    async fn a_mail_larger_than_the_budget_waits_for_all_of_it() {
        let budget = MemoryBudget::new(10 * 1024);
        let small = budget.take(1).await;
        assert!(budget.take(1 << 40).now_or_never().is_none());
        drop(small);
        let large = budget.take(1 << 40).await;
        assert!(budget.take(1).now_or_never().is_none());
        drop(large);
        assert!(budget.take(1).now_or_never().is_some());
    }
}
