//! `demo`: everything at work on this machine, without any server.

use std::path::PathBuf;

use super::Globals;
use super::error::not_built_yet;

/// Show everything at work on this machine, without any server
///
/// Sends sample invoices of three tenants, one for each policy, to a mail catcher of its own, then shows a table of what
/// became of each and where to look. Uses a folder of its own and nothing else: no address in the configuration or the
/// environment is contacted, and no mail leaves the machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher demo
  invoice-dispatcher demo --once --json --data /tmp/demo")]
pub struct Args {
    /// End when every invoice has settled; else stay, so that the mails can be looked at
    #[arg(long)]
    pub once: bool,
    /// The folder that the demo lives in; mails are in its folder `mail`
    #[arg(long, value_name = "DIR", default_value = "data/demo")]
    pub data: PathBuf,
}

/// Does what the command line says.
pub async fn run(_args: Args, _globals: &Globals) -> anyhow::Result<()> {
    not_built_yet("demo").await
}
