//! `explain`: why an invoice stands where it stands.

use super::arguments::WhichInvoice;

use super::Globals;
use super::error::not_built_yet;

/// Tell the whole story of an invoice: events, decision and why, attempts, replies, state
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  invoice-dispatcher explain --tenant acme --invoice R-2026-0042")]
pub struct Args {
    /// The invoice.
    #[command(flatten)]
    pub which: WhichInvoice,
}

/// Does what the command line says.
pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<()> {
    globals.load()?;
    not_built_yet("explain").await
}
