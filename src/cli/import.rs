//! `import`: tenants and customers from a file.

use std::path::PathBuf;

use super::Globals;
use super::error::not_built_yet;

/// Add or change tenants and customers from a file
///
/// One JSON object a line: {"tenant": {…}} or {"customer": {…}}. Settings of a tenant count at its creation only; what an
/// administrator has chosen since is reported, never changed. Dead letters that it cures are sent by themselves.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher import examples/tenants.ndjson
  invoice-dispatcher import -")]
pub struct Args {
    /// The file; `-` for standard input
    pub file: PathBuf,
}

/// Does what the command line says.
pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<()> {
    globals.load()?;
    not_built_yet("import").await
}
