//! What all lanes of a worker share.

use std::collections::HashMap;
use std::sync::Arc;

use super::attempt_end::AttemptResult;
use super::cache::profiles::Profiles;
use super::cache::templates::TemplateCache;
use super::limits::buffers::Buffers;
use super::limits::memory::{MailMemory, MemoryBudgets};
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

    /// Waits until another mail of this relay's lane can be made: few of those that are large may wait for a connection.
    pub async fn may_be_made(&self, relay: &RelayName, memory: &mut MailMemory) {
        self.memory.of(relay).ahead(memory).await;
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
