//! `doctor`: what is wrong, before an invoice finds out.

mod audit;
mod check;
mod database;
mod disk;
mod portal;
mod relay_hints;
mod relay_senders;
mod relays;
mod senders;
mod servers;

use std::path::PathBuf;

use super::Globals;
use super::error::sentence;
use super::lookup::event_files::{self, FileEvent};
use crate::clock::Clock;
use crate::compose::envelope_sender;
use crate::config::{Config, Faults};
use crate::documents;
use crate::secrets::{KeyFileError, SecretKeys};
use crate::store::{AuditHead, InvalidAuditHead};
use crate::upkeep::reconciliation::Evidence;
use check::Check;
use database::DatabaseChecks;
use relay_senders::TenantSender;
use relays::{Refusals, Tasks};

/// Check everything that the configuration names, with a hint for each fault
///
/// Reaches the database, RabbitMQ, the document store and every relay (up to its login, without sending anything),
/// compares exchanges, queues and the dead letters' mirror in RabbitMQ with what should be there, looks at the room on
/// the disk, and names senders that a relay refuses and link keys that are in use but missing. Changes nothing. Each
/// relay has 15 s.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher doctor
  invoice-dispatcher doctor --json
  invoice-dispatcher doctor --senders
  invoice-dispatcher doctor --ledger
  invoice-dispatcher doctor --ledger --published october.ndjson november.ndjson
  invoice-dispatcher doctor --audit")]
pub struct DoctorArgs {
    /// Also name each tenant's envelope sender to its relay by MAIL, and have it forget that by RSET: nothing is sent.
    /// Some relays judge a sender later, at RCPT or after DATA
    #[arg(long)]
    pub senders: bool,
    /// Log in also with credentials that rest because a relay has refused them: once, which may lock the account
    #[arg(long)]
    pub login: bool,
    /// Also go through every event, delivery and dead letter, and name each that is in no state, in two, or sent twice.
    /// Takes a while on a large database
    #[arg(long)]
    pub ledger: bool,
    /// Files with events that were published, as for `publish`: the ledger names each that is neither in the database
    /// nor in RabbitMQ, and warns of those that a running worker may hold
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "ledger")]
    pub published: Vec<PathBuf>,
    /// Also prove the audit log: that no entry was changed, taken out or put in since it was written. With heads that
    /// workers have logged (`audit.head`), also that none is missing at the end
    #[arg(long, value_name = "HEAD", num_args = 0.., value_parser = audit_head)]
    pub audit: Option<Vec<AuditHead>>,
}

fn audit_head(text: &str) -> Result<AuditHead, String> {
    text.parse().map_err(|error: InvalidAuditHead| error.to_string())
}

/// The check of the keys of links.
const SECRET_KEYS: &str = "secret keys";

/// Does what the command line says.
pub async fn run(args: DoctorArgs, globals: &Globals) -> anyhow::Result<()> {
    let checks = match globals.load_quietly() {
        Ok(config) => {
            let published = args.ledger.then(|| names(&args.published)).transpose()?;
            // Boxed: asking all servers at once makes a large future.
            Box::pin(every_check(&config, published, &args)).await
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
    let failed = |fault: crate::config::ConfigFault| {
        Check::fail("configuration", format!("{} {}", fault.place, fault.problem), fault.remedy)
    };
    Ok(faults.into_iter().map(failed).collect())
}

/// Asks all servers at once, so that a silent one costs the others no time. The ledger is gone through if it is known,
/// perhaps of no event, what was `published`.
async fn every_check(config: &Config, published: Option<Vec<(String, String)>>, args: &DoctorArgs) -> Vec<Check> {
    documents::install_crypto_provider();
    let secret_keys = keys(config);
    let keys = secret_keys.as_ref().map(|keys| keys.as_ref().map(SecretKeys::link_keys)).map_err(Check::clone);
    let database = DatabaseChecks::open(config).await;
    let in_database = async {
        let evidence = match published {
            Some(published) => Some(Evidence { queued: servers::queued(config).await, published, taken: None }),
            None => None,
        };
        match &database {
            Ok(database) => {
                let mut checks = database.checks(config, &keys, evidence.as_ref()).await;
                checks.extend(audit::checks(database.store(), &secret_keys, args.audit.as_deref()).await);
                checks
            }
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
    let at_relays = async {
        let refusals = refusals(&database, secret_keys.as_ref().ok().and_then(Option::as_ref)).await;
        let (senders, mut unusable) = if args.senders { envelope_senders(&database).await } else { (None, Vec::new()) };
        let tasks = Tasks { login: args.login, senders, refusals };
        let mut checks = relays::checks(config, &tasks).await;
        checks.append(&mut unusable);
        checks
    };
    let portal = async { portal::answers(config, keys.as_ref().ok().and_then(Option::as_ref)).await };
    let (in_database, in_broker, documents, relays, portal) =
        tokio::join!(in_database, in_broker, servers::documents(config), at_relays, portal);
    let mut checks = vec![Check::ok("configuration", "without a fault")];
    checks.extend(servers::unprotected(config));
    checks.extend(servers::open_secret_files(config));
    checks.extend(in_database);
    checks.extend(in_broker);
    checks.push(documents);
    checks.extend(disk::checks(config));
    checks.extend(relays);
    checks.push(portal);
    checks.push(servers::templates(config));
    checks
}

/// Which credentials the relays have refused, as far as it can be known.
async fn refusals(database: &Result<DatabaseChecks, Check>, keys: Option<&SecretKeys>) -> Refusals {
    let keys = keys.map(SecretKeys::credentials_keys);
    match database {
        Ok(database) => database.refusals(keys).await,
        Err(check) if check.is_failed() => Refusals::Unknown,
        // There is none yet, so nothing has ever been refused.
        Err(_) => Refusals::Known { rows: Vec::new(), keys, now: Clock::system().now() },
    }
}

/// Every tenant's envelope sender with its relay, and what is wrong with those that are none.
async fn envelope_senders(database: &Result<DatabaseChecks, Check>) -> (Option<Vec<TenantSender>>, Vec<Check>) {
    const NAME: &str = "senders";
    let unknown = |why: &str| {
        let remedy = "mend the database first; it says who the tenants are";
        (None, vec![Check::fail(NAME, format!("not tried: {why}"), remedy)])
    };
    let Ok(database) = database else { return unknown("the database cannot be asked") };
    let tenants = match database.tenants().await {
        Ok(tenants) => tenants,
        Err(error) => return unknown(&sentence(&error.into())),
    };
    let (mut senders, mut unusable) = (Vec::new(), Vec::new());
    for (tenant, relay, profile) in tenants {
        match envelope_sender(&profile) {
            Ok(sender) => senders.push(TenantSender { tenant, relay, sender }),
            Err(error) => {
                let detail = format!("tenant {tenant}: {}", sentence(&error.into()));
                unusable.push(Check::fail(NAME, detail, "correct the tenant's sender, and import the tenant again"));
            }
        }
    }
    (Some(senders), unusable)
}

/// The secret keys; none if they would be made at the first start. Makes none.
fn keys(config: &Config) -> Result<Option<SecretKeys>, Check> {
    let failed = |error: KeyFileError| {
        let remedy = "correct the file; without it nothing starts";
        Check::fail(SECRET_KEYS, sentence(&error.into()), remedy)
    };
    match &config.secrets.keys {
        Some(keys) => Ok(Some(keys.clone())),
        // What cannot be looked for cannot be read either: reading says why.
        None if matches!(config.secrets.file.try_exists(), Ok(false)) => Ok(None),
        None => SecretKeys::load_or_generate(&config.secrets.file).map(Some).map_err(failed),
    }
}
