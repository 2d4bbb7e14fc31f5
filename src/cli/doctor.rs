//! `doctor`: what is wrong, before an invoice finds out.

use super::Globals;
use super::error::not_built_yet;

/// Check everything that the configuration names, and say what to do about what is wrong
///
/// Reaches the database, RabbitMQ, the document store and every relay (up to its login, without sending anything), compares
/// dead letters with their mirror in RabbitMQ, and names link keys that are in use but missing. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher doctor
  invoice-dispatcher doctor --json")]
pub struct Args {}

/// Does what the command line says.
pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<()> {
    globals.load()?;
    not_built_yet("doctor").await
}
