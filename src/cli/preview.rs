//! `preview`: the mail that an event would become.

use std::path::PathBuf;

use super::Globals;
use super::error::not_built_yet;

/// Show the mail that an event would become, without sending or recording anything
///
/// Tenant, customer and settings are those in the database; documents are read and checked as for a real mail.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher preview examples/events/invoice.json
  invoice-dispatcher preview event.json --eml mail.eml")]
pub struct Args {
    /// The event; `-` for standard input
    #[arg(value_name = "EVENT.json")]
    pub event: PathBuf,
    /// Also write the whole mail into this file
    #[arg(long, value_name = "FILE")]
    pub eml: Option<PathBuf>,
}

/// Does what the command line says.
pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<()> {
    globals.load()?;
    not_built_yet("preview").await
}
