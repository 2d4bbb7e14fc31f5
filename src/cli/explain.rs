//! `explain`: why an invoice stands where it stands.

use super::Globals;
use super::arguments::WhichInvoice;
use super::error::Advise;
use super::story::Story;
use crate::ids::TenantId;

/// Tell the whole story of an invoice: events, decision and why, attempts, replies, state
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  invoice-dispatcher explain --tenant acme --invoice R-2026-0042")]
pub struct Args {
    /// The invoice.
    #[command(flatten)]
    pub which: WhichInvoice,
    /// Show addresses whole; they are masked otherwise
    #[arg(long)]
    pub addresses: bool,
}

/// Does what the command line says.
pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let WhichInvoice { tenant, invoice } = args.which;
    let tenant = TenantId::from(tenant);
    let Some(explanation) = app.store.explain(&tenant, &invoice).await? else {
        return Err(anyhow::anyhow!("nothing is known of invoice {invoice} of {tenant}")).what_to_do(
            "check both; an event that could not be read names no invoice: see `dead-letters list --class malformed`",
        );
    };
    let relays = app.store.relay_states().await?;
    let refused = app.store.all_refused_credentials().await?;
    let nobodys = app.store.unknown_relays().await?;
    let (addresses, now) = (args.addresses, app.store.now());
    let story = Story { tenant, invoice, explanation, relays, refused, nobodys, addresses, now };
    let output = globals.output();
    Ok(output.one(&story.whole(), &story.text(output))?)
}
