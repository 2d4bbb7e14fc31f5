//! `migrate`: the database's schema.

use super::Globals;
use super::error::not_built_yet;

/// Bring the database's schema up to date
///
/// Run it before a new version starts; `run` refuses a database that is older or newer than itself. On SQLite `run` does it
/// by itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  invoice-dispatcher migrate")]
pub struct Args {}

/// Does what the command line says.
pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<()> {
    globals.load()?;
    not_built_yet("migrate").await
}
