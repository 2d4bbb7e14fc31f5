//! `resend`: a new mail for an invoice.

use lettre::Address;

use super::arguments::{Reason, WhichInvoice, address};

use super::Globals;
use super::error::not_built_yet;

/// Send an invoice again, as a new mail
///
/// Decides afresh by today's settings. The earlier mail is settled at once: it is not sent any more if it still waits. To
/// another address, earlier links of the invoice stop working.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher resend --tenant acme --invoice R-2026-0042 --reason \"asked for by phone\"
  invoice-dispatcher resend --tenant acme --invoice R-2026-0042 --reason \"new address\" --to ap@customer.example --link-only")]
pub struct Args {
    /// The invoice.
    #[command(flatten)]
    pub which: WhichInvoice,
    /// Why.
    #[command(flatten)]
    pub why: Reason,
    /// Send it to this address in place of the recorded ones
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub to: Option<Address>,
    /// Send a link even if the settings would attach the documents
    #[arg(long)]
    pub link_only: bool,
}

/// Does what the command line says.
pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<()> {
    globals.load()?;
    not_built_yet("resend").await
}
