//! `relays`: the SMTP servers that take our mail.

use clap::Subcommand;

use super::Globals;
use super::arguments::Reason;
use super::error::not_built_yet;

/// List the relays, pause or resume one
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with relays.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Show each relay: whether it works, what waits for it, since when
    #[command(after_help = "Example:
  invoice-dispatcher relays list")]
    List,
    /// Stop sending over a relay until resume; survives restarts
    #[command(after_help = "Example:
  invoice-dispatcher relays pause default --reason \"the provider is being changed\"")]
    Pause {
        /// Its name in the configuration
        relay: String,
        /// Why.
        #[command(flatten)]
        why: Reason,
    },
    /// Send over a relay again; tries one at once that refused our login
    #[command(after_help = "Example:
  invoice-dispatcher relays resume default")]
    Resume {
        /// Its name in the configuration
        relay: String,
    },
}

/// Does what the command line says.
pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<()> {
    globals.load()?;
    not_built_yet("relays").await
}
