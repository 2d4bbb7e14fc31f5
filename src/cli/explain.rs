//! `explain`: why an invoice stands where it stands.

mod current_state;
pub(super) mod timeline;
pub(super) mod timeline_json;

use super::Globals;
use super::error::Advise;
use super::lookup::which_invoice::{MeantInvoice, Purpose, which_invoice};
use crate::model::access::TenantScope;
use crate::model::audit::AuditAction;
use crate::operator::invoice::wait_reason::LaneConditions;
use crate::store::NewAuditEntry;
use timeline::Timeline;

/// Show the timeline of an invoice: events, decision and reason, attempts, replies, state
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher explain --invoice R-2026-0042
  invoice-dispatcher explain --tenant acme --invoice R-2026-0042")]
pub struct ExplainArgs {
    /// The tenant that sent it; needed only where the number is several tenants'
    #[arg(long)]
    pub tenant: Option<String>,
    /// Its number, as the customer sees it; case and blanks do not count
    #[arg(long, value_name = "NUMBER")]
    pub invoice: String,
    /// Show addresses whole; they are masked otherwise
    #[arg(long)]
    pub addresses: bool,
}

/// Does what the command line says.
pub async fn run(args: ExplainArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let MeantInvoice { tenant, number: invoice, strays } =
        which_invoice(&app, args.tenant.as_deref(), &args.invoice, &Purpose::Explain).await?;
    let Some(explanation) = app.store.explain(&tenant, &invoice, &TenantScope::All).await? else {
        return Err(anyhow::anyhow!("nothing is known of invoice {invoice} of {tenant}")).what_to_do(
            "check both, or search with `find`; an event that could not be read may name no invoice: see `dead-letters \
             list --class malformed`",
        );
    };
    if args.addresses {
        let who = globals.who();
        let entry = NewAuditEntry::new(AuditAction::InvoiceViewed, &who).about(invoice.as_str());
        let customer = explanation.deliveries.first().map(|one| &one.delivery.invoice.customer);
        app.store.audit(&NewAuditEntry { tenant: Some(&tenant), customer, ..entry }).await?;
    }
    let conditions = LaneConditions::read(&app.store, &tenant).await?;
    let (addresses, now) = (args.addresses, app.store.now());
    let timeline = Timeline { tenant, invoice, strays, explanation, conditions, addresses, now };
    let output = globals.output();
    Ok(output.one(&timeline.whole(), &timeline.text(output))?)
}
