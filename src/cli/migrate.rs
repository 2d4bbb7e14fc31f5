//! `migrate`: the database's schema.

use serde::Serialize;

use super::Globals;
use super::error::Advise;
use crate::clock::Clock;
use crate::store::{Migration, Store};

/// Bring the database's schema up to date
///
/// Run it before a new version starts; `run` refuses a database that is older or newer than itself. On SQLite `run` does it
/// by itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  invoice-dispatcher migrate")]
pub struct MigrateArgs {}

/// What was done.
#[derive(Serialize)]
struct Migrated {
    database: String,
    schema: i64,
    applied: Vec<Migration>,
}

/// Does what the command line says.
pub async fn run(_args: MigrateArgs, globals: &Globals) -> anyhow::Result<()> {
    let config = globals.load_quietly()?;
    let store = Store::open_beside(config.database.url.expose(), Clock::system()).await?;
    let before = store.schema().await?;
    if let Some(newest) = before.unknown.last() {
        let problem = format!(
            "the database's schema is version {}, which this program does not know; a later version made it",
            newest.version
        );
        return Err(anyhow::anyhow!(problem)).what_to_do("run the later version of invoice-dispatcher");
    }
    store.migrate().await?;
    let schema = store.schema().await?.version();
    store.close().await;
    let migrated = Migrated { database: config.database.url.to_string(), schema, applied: before.missing };
    globals.output().one(&migrated, &migrated.sentence())?;
    Ok(())
}

impl Migrated {
    fn sentence(&self) -> String {
        let Self { database, schema, applied } = self;
        if applied.is_empty() {
            return format!("{database}: nothing to do, the schema is at version {schema} already");
        }
        let names: Vec<String> =
            applied.iter().map(|migration| format!("{} {}", migration.version, migration.name)).collect();
        format!("{database}: applied {}; the schema is at version {schema} now", names.join(", "))
    }
}
