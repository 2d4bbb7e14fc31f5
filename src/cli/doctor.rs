//! `doctor`: what is wrong, before an invoice finds out.

mod check;
mod database;
mod disk;
mod senders;
mod servers;

use std::path::PathBuf;

use super::Globals;
use super::error::sentence;
use super::event_files::{self, FileEvent};
use crate::config::{Config, Faults};
use crate::documents;
use crate::ledger::Evidence;
use crate::secrets::{KeyFileError, LinkKeys, SecretKeys};
use check::Check;
use database::Database;

/// Check everything that the configuration names, and say what to do about what is wrong
///
/// Reaches the database, RabbitMQ, the document store and every relay (up to its login, without sending anything), compares
/// dead letters with their mirror in RabbitMQ, looks at the room on the disk, and names senders that a relay refuses and
/// link keys that are in use but missing. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher doctor
  invoice-dispatcher doctor --json
  invoice-dispatcher doctor --ledger
  invoice-dispatcher doctor --ledger --published october.ndjson november.ndjson")]
pub struct Args {
    /// Also go through every event, delivery and dead letter, and name each that is in no state, in two, or sent twice.
    /// Takes a while on a large database
    #[arg(long)]
    pub ledger: bool,
    /// Files with events that were published, as for `publish`: the ledger names each that is neither in the database nor
    /// in RabbitMQ
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "ledger")]
    pub published: Vec<PathBuf>,
}

/// The check of the keys of links.
const SECRET_KEYS: &str = "secret keys";

/// Does what the command line says.
pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<()> {
    let checks = match globals.load_quietly() {
        Ok(config) => {
            let published = args.ledger.then(|| names(&args.published)).transpose()?;
            // Boxed: everybody who is asked at once makes a large future.
            Box::pin(every_check(&config, published)).await
        }
        Err(error) => faults(error)?,
    };
    check::show(globals.output(), &checks)?;
    match checks.iter().filter(|check| check.is_failed()).count() {
        0 => Ok(()),
        failed => Err(anyhow::anyhow!("{failed} of {} checks failed", checks.len())),
    }
}

/// Source and id of every event in these files.
fn names(files: &[PathBuf]) -> anyhow::Result<Vec<(String, String)>> {
    let mut names = Vec::new();
    for path in files {
        let (file, bytes) = event_files::read(path)?;
        let (events, faults) = event_files::events(&file, &bytes);
        if let Some(fault) = faults.first() {
            anyhow::bail!("{fault}; correct the file, or take out what was never published");
        }
        names.extend(events.into_iter().map(|FileEvent { event, .. }| (event.source, event.id)));
    }
    Ok(names)
}

/// What is wrong with the configuration; without it nothing else can be looked at.
fn faults(error: anyhow::Error) -> anyhow::Result<Vec<Check>> {
    let Faults(faults) = error.downcast()?;
    let failed = |fault: crate::config::Fault| {
        Check::fail("configuration", format!("{} {}", fault.place, fault.problem), fault.remedy)
    };
    Ok(faults.into_iter().map(failed).collect())
}

/// Asks everybody at once, so that one who is silent costs the others no time. The ledger is gone through if it is known,
/// perhaps of no event, what was `published`.
async fn every_check(config: &Config, published: Option<Vec<(String, String)>>) -> Vec<Check> {
    documents::install_crypto_provider();
    let keys = keys(config);
    let database = Database::open(config).await;
    let in_database = async {
        let evidence = match published {
            Some(published) => Some(Evidence { queued: servers::queued(config).await, published, taken: None }),
            None => None,
        };
        match &database {
            Ok(database) => database.checks(config, &keys, evidence.as_ref()).await,
            Err(check) => std::iter::once(check).chain(keys.as_ref().err()).cloned().collect(),
        }
    };
    let mirrored = async {
        match &database {
            Ok(database) => database.published_and_open().await,
            Err(_) => None,
        }
    };
    let in_broker = async { servers::broker(config, mirrored.await).await };
    let (in_database, in_broker, documents, relays) =
        tokio::join!(in_database, in_broker, servers::documents(config), servers::relays(config));
    let mut checks = vec![Check::ok("configuration", "without a fault")];
    checks.extend(servers::unprotected(config));
    checks.extend(in_database);
    checks.extend(in_broker);
    checks.push(documents);
    checks.extend(disk::checks(config));
    checks.extend(relays);
    checks.push(servers::templates(config));
    checks
}

/// The keys of links; none if they would be made at the first start. Makes none.
fn keys(config: &Config) -> Result<Option<LinkKeys>, Check> {
    let failed = |error: KeyFileError| {
        let remedy = "correct the file; without it nothing starts";
        Check::fail(SECRET_KEYS, sentence(&error.into()), remedy)
    };
    match &config.secrets.keys {
        Some(keys) => Ok(Some(keys.link_keys())),
        // What cannot be looked for cannot be read either: reading says why.
        None if matches!(config.secrets.file.try_exists(), Ok(false)) => Ok(None),
        None => SecretKeys::load_or_generate(&config.secrets.file).map(|keys| Some(keys.link_keys())).map_err(failed),
    }
}
