//! `publish`: events from files.

use std::path::PathBuf;

use super::Globals;
use super::error::not_built_yet;

/// Publish invoice events from files
///
/// To RabbitMQ if `AMQP_URL` is set, else straight into the intake. A file holds one event (JSON), a list of events, or one
/// event a line.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher publish examples/events/invoice.json
  invoice-dispatcher publish october.ndjson november.ndjson")]
pub struct Args {
    /// The files; `-` for standard input
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
}

/// Does what the command line says.
pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<()> {
    globals.load()?;
    not_built_yet("publish").await
}
