//! Puts the parts together: the only module that knows every other.

mod broker;
mod first_contact;
mod gauges;
mod listeners;
mod observability;
mod protection;
mod roles;
mod service;
mod zero;

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use broker::broker;
pub use listeners::Listeners;
pub use observability::Observability;
pub use protection::{Unprotected, unprotected};
pub use roles::Roles;
pub use service::Service;

use crate::api::ApiSettings;
use crate::clock::Clock;
use crate::compose::{InvalidTemplates, Templates};
use crate::config::{Config, DocumentsPlace, Retention};
use crate::console::{Console, ConsoleParts};
use crate::dispatch::{
    Buffers, Context, InFlight, Isolation, MemoryBudgets, Profiles, TemplateCache, Worker, WorkerEnd,
};
use crate::documents::{self, DocumentStore, InvalidStore, Options, S3Access};
use crate::intake::{DeliveryFactory, Intake};
use crate::lifecycle::{Liveness, keep_running};
use crate::model::ids::{RelayName, WorkerId};
use crate::model::state::OnUncertain;
use crate::model::verification::VerificationConfig;
use crate::operator::foresight::Foresight;
use crate::operator::fresh_link::FreshLink;
use crate::operator::people::People;
use crate::operator::portal_settings::PortalSettings;
use crate::operator::redrive::Redrive;
use crate::operator::resend::Resend;
use crate::policy::retry::Schedule;
use crate::portal::{PagePreview, Portal};
use crate::private_file;
use crate::relay::{Connector, InvalidRelay, RelayConfig};
use crate::secrets::{AddressKeys, AuditKeys, CredentialsKeys, KeyFileError, LinkKeys, SecretKeys};
use crate::sms::{InvalidSmsProvider, SmsDeadlines, SmsSender};
use crate::store::{ContactError, OpenError, RetentionTimes, Store, StoreError};
use crate::upkeep::sweeper::Sweeper;
use crate::wake::Wakes;

/// The parts that every command may need, made of the configuration.
#[derive(Debug, Clone)]
pub struct App {
    /// What was configured.
    pub config: Arc<Config>,
    /// The database.
    pub store: Store,
    pub documents: DocumentStore,
    /// Today's templates.
    pub templates: Arc<Templates>,
    /// What everything secret is derived from.
    pub secret_keys: Arc<SecretKeys>,
    /// The keys of portal tokens.
    pub link_keys: LinkKeys,
    /// What relay credentials are named with.
    pub credentials_keys: CredentialsKeys,
    /// Sends codes to customers' phones; none without a provider.
    pub sms: Option<SmsSender>,
    /// The lanes' bells.
    pub wakes: Wakes,
    /// Takes events in.
    pub intake: Intake,
    /// Puts dead letters back.
    pub redrive: Redrive,
    /// Sends invoices again.
    pub resend: Resend,
    /// Sends fresh links in place of expired ones.
    pub fresh_link: FreshLink,
    /// Whether the loops of this process turn.
    pub liveness: Liveness,
}

/// Who else may use the database at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessKind {
    /// This process sends: on SQLite no other may.
    Worker,
    /// This process looks, or changes rows beside a worker.
    Command,
}

/// Why the parts cannot be put together; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The database, as long as it is not repaired.
    #[error(transparent)]
    Contact(#[from] ContactError),
    /// The database does not do what it is asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The schema is of another version.
    #[error("the database's schema is not this version's; run: invoice-dispatcher migrate")]
    Schema,
    /// The embedded document store.
    #[error("the folder {folder:?} for documents cannot be made ({cause}); make it, or set DOCUMENTS_URL")]
    Folder {
        /// Where it should be.
        folder: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    #[error(transparent)]
    Documents(#[from] InvalidStore),
    #[error(transparent)]
    Templates(#[from] InvalidTemplates),
    #[error(transparent)]
    Secrets(#[from] KeyFileError),
    #[error(transparent)]
    Sms(#[from] InvalidSmsProvider),
    /// A relay.
    #[error("the relay {relay} cannot be used as configured: {problem}")]
    Relay {
        relay: RelayName,
        /// What is wrong.
        problem: InvalidRelay,
    },
}

impl App {
    /// Opens everything. An embedded database is brought up to date; another one must be.
    ///
    /// # Errors
    /// [`AppError`], one sentence.
    pub async fn open(config: Config, role: ProcessKind) -> Result<Self, AppError> {
        let app = Self::assemble(config, role).await?;
        app.meet_database().await?;
        Ok(app)
    }

    /// Everything but the first contact with the database.
    async fn assemble(config: Config, role: ProcessKind) -> Result<Self, AppError> {
        documents::install_crypto_provider();
        let url = config.database.url.expose();
        let clock = Clock::system();
        let store = match role {
            ProcessKind::Worker => Store::open_sized(url, config.database.connections_max, clock).await?,
            ProcessKind::Command => Store::open_beside(url, clock).await?,
        };
        if config.database.is_sqlite()
            && let DocumentsPlace::Folder(folder) = &config.documents.place
        {
            // Embedded: what a newcomer would have to make by hand is made.
            private_file::create_folder(folder).map_err(|cause| AppError::Folder { folder: folder.clone(), cause })?;
        }
        Self::with_store(config, store)
    }

    /// Brings an embedded database up to date, and takes the database's time; another's schema must be this version's.
    async fn meet_database(&self) -> Result<(), AppError> {
        if self.config.database.is_sqlite() {
            self.store.migrate().await?;
        } else if !self.store.schema_is_current().await? {
            return Err(AppError::Schema);
        }
        self.store.align_clock().await?;
        Ok(self.announce_templates().await?)
    }

    /// Tells the database that these templates are in use, so that they are not forgotten.
    async fn announce_templates(&self) -> Result<(), StoreError> {
        self.store.save_template_version(self.templates.version(), &self.templates.sources()).await
    }

    /// The parts around a database that is open and up to date.
    ///
    /// # Errors
    /// [`AppError`], one sentence.
    pub fn with_store(config: Config, store: Store) -> Result<Self, AppError> {
        let resends = |relay: &&RelayConfig| relay.on_uncertain == OnUncertain::Resend;
        let resent_by = config.relays.values().filter(resends).map(|relay| relay.name.clone());
        let documents = open_documents(&config)?;
        let templates = Arc::new(open_templates(&config)?);
        let keys = match &config.secrets.keys {
            Some(keys) => keys.clone(),
            None => SecretKeys::load_or_generate(&config.secrets.file)?,
        };
        let store = store
            .with_outcomes(config.broker.publishes_outcomes())
            .with_resent_by(resent_by)
            .with_address_keys(AddressKeys::of(&keys))
            .with_audit_keys(AuditKeys::of(&keys))
            .with_answer_keys(&keys)
            // Another process may have the provider that this one does not know.
            .with_verification(VerificationConfig::with_sms_to(config.sms.calling_codes.iter().copied()));
        let link_keys = keys.link_keys();
        let wakes = Wakes::new(config.relays.keys().map(RelayName::as_str));
        let factory = Arc::new(DeliveryFactory {
            store: store.clone(),
            wakes: wakes.clone(),
            templates: Arc::clone(&templates),
            template_version: templates.version().to_owned(),
            link_key: link_keys.newest().fingerprint().to_owned(),
            customer_wait: config.waits.customer,
        });
        let foresight = Some(foresight(&config, &store, &documents));
        Ok(Self {
            sms: sms_sender(&config, store.clock())?,
            config: Arc::new(config),
            store,
            documents,
            templates,
            link_keys,
            credentials_keys: keys.credentials_keys(),
            secret_keys: Arc::new(keys),
            wakes,
            intake: Intake::new(Arc::clone(&factory), Arc::new(Redrive::new(Arc::clone(&factory)))),
            redrive: Redrive::new(Arc::clone(&factory)).looking_ahead(foresight.clone()),
            resend: Resend::new(Arc::clone(&factory)).looking_ahead(foresight.clone()),
            fresh_link: FreshLink::new(factory, foresight),
            liveness: Liveness::default(),
        })
    }

    /// The same parts for HTTP requests, with connections of their own to the database.
    #[must_use]
    pub fn for_visitors(&self) -> Self {
        let store = self.store.for_visitors();
        let factory = Arc::new(DeliveryFactory {
            store: store.clone(),
            wakes: self.wakes.clone(),
            templates: Arc::clone(&self.templates),
            template_version: self.templates.version().to_owned(),
            link_key: self.link_keys.newest().fingerprint().to_owned(),
            customer_wait: self.config.waits.customer,
        });
        let foresight = Some(foresight(&self.config, &store, &self.documents));
        Self {
            store,
            intake: Intake::new(Arc::clone(&factory), Arc::new(Redrive::new(Arc::clone(&factory)))),
            redrive: Redrive::new(Arc::clone(&factory)).looking_ahead(foresight.clone()),
            resend: Resend::new(Arc::clone(&factory)).looking_ahead(foresight.clone()),
            fresh_link: FreshLink::new(factory, foresight),
            ..self.clone()
        }
    }

    /// The customers' pages, on this store.
    #[must_use]
    pub fn portal(&self) -> Portal {
        Portal::new(
            Arc::clone(&self.config),
            self.store.clone(),
            self.documents.clone(),
            &self.secret_keys,
            self.sms.clone(),
            self.fresh_link.clone(),
        )
    }

    /// Adds and changes people and tokens.
    #[must_use]
    pub fn people(&self) -> People {
        People::new(self.store.clone(), self.config.console.url.clone())
    }

    fn portal_settings(&self) -> PortalSettings {
        PortalSettings::new(self.store.clone(), Arc::clone(&self.config), Arc::clone(&self.templates))
    }

    /// What the API works with, on this store.
    #[must_use]
    pub fn api(&self) -> ApiSettings {
        ApiSettings {
            store: self.store.clone(),
            intake: self.intake.clone(),
            redrive: self.redrive.clone(),
            resend: self.resend.clone(),
            people: self.people(),
            portal_settings: self.portal_settings(),
            documents: self.documents.clone(),
            templates: Arc::clone(&self.templates),
            link_keys: self.link_keys.clone(),
            portal_url: self.config.portal.url.as_str().trim_end_matches('/').to_owned(),
            wakes: self.wakes.clone(),
            verification: self.config.sms.verification(),
            trusted_proxies: self.config.http.trusted_proxies.clone(),
        }
    }

    /// The pages of those who run the dispatcher, on this store.
    #[must_use]
    pub fn console(&self) -> Console {
        Console::new(ConsoleParts {
            config: Arc::clone(&self.config),
            store: self.store.clone(),
            templates: Arc::clone(&self.templates),
            documents: self.documents.clone(),
            keys: &self.secret_keys,
            redrive: self.redrive.clone(),
            resend: self.resend.clone(),
            settings: self.portal_settings(),
            portal_preview: Arc::new(PagePreview),
        })
    }

    /// Sends what is due until `stop`, then drains. A worker that the others called dead starts anew.
    ///
    /// # Errors
    /// If a relay cannot be used as configured, or the database not at the start.
    pub async fn send(&self, stop: CancellationToken) -> Result<(), AppError> {
        let connectors = self.connectors()?;
        loop {
            let worker = Worker {
                context: Arc::new(self.context()),
                connectors: connectors.clone(),
                intake: self.intake.clone(),
                redrive: self.redrive.clone(),
                retention: self.retention(),
                wakes: self.wakes.clone(),
                drain_deadline: self.config.worker.shutdown_grace,
            };
            if worker.run(stop.clone()).await? == WorkerEnd::Stopped {
                return Ok(());
            }
        }
    }

    /// Where nothing is sent: takes in events whose customer has come, ends waits and forgets, until it is told to
    /// stop.
    pub async fn sweep(&self, stop: CancellationToken) {
        let sweeper = Sweeper {
            store: self.store.clone(),
            clock: self.store.clock().clone(),
            liveness: self.liveness.clone(),
            templates: Arc::clone(&self.templates),
            intake: self.intake.clone(),
            redrive: self.redrive.clone(),
            retention: self.retention(),
            wakes: self.wakes.clone(),
            sends: false,
            stop,
        };
        keep_running("sweeper", || sweeper.run()).await;
    }

    fn retention(&self) -> RetentionTimes {
        let Retention { bodies, deliveries, addresses } = self.config.retention;
        RetentionTimes { bodies, deliveries, addresses, ..RetentionTimes::default() }
    }

    /// A connector for each relay.
    ///
    /// # Errors
    /// [`AppError::Relay`].
    pub fn connectors(&self) -> Result<Vec<Arc<Connector>>, AppError> {
        self.config
            .relays
            .iter()
            .map(|(name, relay)| {
                Connector::new(relay.clone())
                    .map(Arc::new)
                    .map_err(|problem| AppError::Relay { relay: name.clone(), problem })
            })
            .collect()
    }

    /// What the lanes of one worker share; a new worker each time.
    #[must_use]
    pub fn context(&self) -> Context {
        let config = &self.config;
        Context {
            worker: WorkerId(self.store.clock().new_id()),
            store: self.store.clone(),
            documents: self.documents.clone(),
            templates: TemplateCache::new(Arc::clone(&self.templates)),
            profiles: Profiles::default(),
            link_keys: self.link_keys.clone(),
            credentials_keys: self.credentials_keys.clone(),
            portal_url: config.portal.url.as_str().trim_end_matches('/').to_owned(),
            verification: config.sms.verification(),
            schedule: Schedule { delays: config.retry.schedule.clone(), document_wait: config.waits.document },
            clock: self.store.clock().clone(),
            connections: config.relays.values().map(|relay| (relay.name.clone(), relay.connections)).collect(),
            memory: MemoryBudgets::divided(config.worker.bytes_in_flight_max, config.relays.keys()),
            in_flight: InFlight::default(),
            buffers: Buffers::default(),
            isolation: Isolation::new(self.store.clock().clone()),
            liveness: self.liveness.clone(),
        }
    }
}

/// Sends codes to customers' phones, if there is a provider.
fn sms_sender(config: &Config, clock: &Clock) -> Result<Option<SmsSender>, InvalidSmsProvider> {
    documents::install_crypto_provider();
    let sender = |provider| SmsSender::new(provider, SmsDeadlines::default(), clock.clone());
    config.sms.provider().map(sender).transpose()
}

/// What a person is shown before a mail is sent.
fn foresight(config: &Config, store: &Store, documents: &DocumentStore) -> Arc<Foresight> {
    let relays = config.relays.iter().map(|(name, relay)| (name.clone(), relay.message_bytes_max)).collect();
    Arc::new(Foresight::new(store.clone(), documents.clone(), relays, config.sms.verification()))
}

/// The operator's templates in place of the built-in ones.
pub(crate) fn open_templates(config: &Config) -> Result<Templates, InvalidTemplates> {
    match &config.templates.folder {
        Some(folder) => Templates::with_overrides(folder),
        None => Ok(Templates::builtin()),
    }
}

/// The store that the configuration names; not contacted yet.
pub(crate) fn open_documents(config: &Config) -> Result<DocumentStore, InvalidStore> {
    let documents = &config.documents;
    let url = match &documents.place {
        DocumentsPlace::Folder(folder) => format!("file:{}", folder.display()),
        DocumentsPlace::Bucket { name, prefix } => format!("s3://{name}/{prefix}"),
    };
    let credentials = documents.s3_credentials.as_ref();
    let s3 = S3Access {
        access_key_id: credentials.map(|keys| keys.access_key_id.clone()),
        secret_access_key: credentials.map(|keys| keys.secret_access_key.clone()),
        session_token: credentials.and_then(|keys| keys.session_token.clone()),
        region: Some(documents.s3_region.clone()),
        endpoint: documents.s3_endpoint.clone(),
    };
    DocumentStore::open(&url, &Options { s3, ..Options::default() })
}
