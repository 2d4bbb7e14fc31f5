//! The configuration: read once, from the environment first, then from `config.toml`, then from defaults.
//!
//! Unset means embedded, but never half: see `rules`. Everything that is wrong is reported at once, as [`Faults`], and
//! no text here shows a secret. `config.toml` at the root of the project documents every key; a test keeps it true.

mod address;
mod fault;
mod reader;
mod relays;
mod rules;
mod samples;
mod secret_file;
mod sms;
mod source;
mod stores;
mod unknown;
mod value;
mod web;
mod work;

use crate::telemetry::Log;
use std::collections::BTreeMap;
use std::path::Path;

pub use address::{BaseUrl, SecretUrl, is_loopback_host};
pub use fault::{ConfigFault, Faults};
pub use secret_file::OpenSecretFile;
pub use sms::Sms;
pub use source::{ConfigSources, FILE_DEFAULT};
pub use stores::{Broker, DatabaseConfig, Documents, DocumentsPlace, S3Credentials, TopologyConfig};
pub use web::{ConsoleConfig, Http, MetricsConfig, PortalConfig};
pub use work::{Retention, Retry, Secrets, TemplatesConfig, Waits, WorkerConfig};

use crate::model::ids::RelayName;
use crate::relay::RelayConfig;
use reader::{ConfigReader, KnownKeys};

/// The relay of `SMTP_URL`, and of a tenant that names none.
pub const DEFAULT_RELAY: &str = "default";

/// Everything that can be configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// The truth about every delivery.
    pub database: DatabaseConfig,
    /// Where events come from.
    pub broker: Broker,
    /// Where documents lie.
    pub documents: Documents,
    /// Who takes our mail, by name. Empty: nothing can be sent.
    pub relays: BTreeMap<RelayName, RelayConfig>,
    /// The customers' pages.
    pub portal: PortalConfig,
    /// The API and the operators' pages.
    pub console: ConsoleConfig,
    /// Metrics and probes.
    pub metrics: MetricsConfig,
    /// What all listeners share.
    pub http: Http,
    /// Who sends one-time passwords.
    pub sms: Sms,
    /// What tokens are made with.
    pub secrets: Secrets,
    /// How one worker process works.
    pub worker: WorkerConfig,
    /// When a deferred delivery is tried again.
    pub retry: Retry,
    /// How long something may come after the event that names it.
    pub waits: Waits,
    /// How long things are kept.
    pub retention: Retention,
    /// The mails' wording.
    pub templates: TemplatesConfig,
    /// What is logged.
    pub log: Log,
    /// Files with secrets that others on this machine may read.
    pub open_secret_files: Vec<OpenSecretFile>,
}

impl Config {
    /// Reads the process's environment and a file; see [`ConfigSources::of_process`].
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load(named: Option<&Path>, allow_embedded: bool) -> Result<Self, Faults> {
        Self::read(&ConfigSources::of_process(named, allow_embedded)?)
    }

    /// Reads the configuration from `sources` alone.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn read(sources: &ConfigSources) -> Result<Self, Faults> {
        read(sources).map(|(config, _)| config)
    }

    /// The configuration of a process that lives in `folder` alone, whatever the environment and the file say.
    ///
    /// No broker, no relay: the caller adds its own.
    #[must_use]
    pub fn embedded_in(folder: &Path) -> Self {
        let mut config = Self::read(&ConfigSources::none()).expect("defaults alone have no fault");
        config.database.url = SecretUrl::of_sqlite(&folder.join("dispatcher.db"));
        config.documents.place = DocumentsPlace::Folder(folder.join("documents"));
        config.secrets.file = folder.join("secret.key");
        config
    }
}

fn read(sources: &ConfigSources) -> Result<(Config, Vec<KnownKeys>), Faults> {
    let mut reader = ConfigReader::new(sources);
    let portal = PortalConfig::read(&mut reader);
    let mut config = Config {
        database: DatabaseConfig::read(&mut reader),
        broker: Broker::read(&mut reader),
        documents: Documents::read(&mut reader),
        relays: relays::read(&mut reader, &portal.url),
        portal,
        console: ConsoleConfig::read(&mut reader),
        metrics: MetricsConfig::read(&mut reader),
        http: Http::read(&mut reader),
        sms: Sms::read(&mut reader),
        secrets: Secrets::read(&mut reader),
        worker: WorkerConfig::read(&mut reader),
        retry: Retry::read(&mut reader),
        waits: Waits::read(&mut reader),
        retention: Retention::read(&mut reader),
        templates: TemplatesConfig::read(&mut reader),
        log: Log::read(&mut reader),
        open_secret_files: Vec::new(),
    };
    config.open_secret_files = secret_file::find(&reader, sources, &config);
    if reader.knows_what_is_unset() {
        rules::check(&mut reader, &config);
    }
    reader.finish().map(|known| (config, known))
}

#[cfg(test)]
mod tests;
