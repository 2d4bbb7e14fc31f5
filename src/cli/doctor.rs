//! `doctor`: what is wrong, before an invoice finds out.

mod check;
mod database;
mod disk;
mod servers;

use super::Globals;
use super::error::sentence;
use crate::config::{Config, Faults};
use crate::documents;
use crate::secrets::{KeyFileError, LinkKeys, SecretKeys};
use check::Check;
use database::Database;

/// Check everything that the configuration names, and say what to do about what is wrong
///
/// Reaches the database, RabbitMQ, the document store and every relay (up to its login, without sending anything), compares
/// dead letters with their mirror in RabbitMQ, looks at the room on the disk, and names link keys that are in use but
/// missing. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher doctor
  invoice-dispatcher doctor --json
  invoice-dispatcher doctor --ledger")]
pub struct Args {
    /// Also go through every event, delivery and dead letter, and name each that is in no state, in two, or sent twice.
    /// Takes a while on a large database
    #[arg(long)]
    pub ledger: bool,
}

/// The check of the keys of links.
const SECRET_KEYS: &str = "secret keys";

/// Does what the command line says.
pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<()> {
    let checks = match globals.load_quietly() {
        Ok(config) => every_check(&config, args.ledger).await,
        Err(error) => faults(error)?,
    };
    check::show(globals.output(), &checks)?;
    match checks.iter().filter(|check| check.is_failed()).count() {
        0 => Ok(()),
        failed => Err(anyhow::anyhow!("{failed} of {} checks failed", checks.len())),
    }
}

/// What is wrong with the configuration; without it nothing else can be looked at.
fn faults(error: anyhow::Error) -> anyhow::Result<Vec<Check>> {
    let Faults(faults) = error.downcast()?;
    let failed = |fault: crate::config::Fault| {
        Check::fail("configuration", format!("{} {}", fault.place, fault.problem), fault.remedy)
    };
    Ok(faults.into_iter().map(failed).collect())
}

/// Asks everybody at once, so that one who is silent costs the others no time.
async fn every_check(config: &Config, with_ledger: bool) -> Vec<Check> {
    documents::install_crypto_provider();
    let keys = keys(config);
    let database = Database::open(config).await;
    let in_database = async {
        match &database {
            Ok(database) => database.checks(config, &keys, with_ledger).await,
            Err(check) => std::iter::once(check).chain(keys.as_ref().err()).cloned().collect(),
        }
    };
    let published = async {
        match &database {
            Ok(database) => database.published_and_open().await,
            Err(_) => None,
        }
    };
    let in_broker = async { servers::broker(config, published.await).await };
    let (in_database, in_broker, documents, relays) =
        tokio::join!(in_database, in_broker, servers::documents(config), servers::relays(config));
    let mut checks = vec![Check::ok("configuration", "without a fault")];
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
