//! `resend`: a new mail for an invoice.

use lettre::Address;
use serde::Serialize;

use super::Globals;
use super::arguments::{Reason, WhichInvoice, address};
use super::error::Advise;
use super::open::who;
use super::output::{Output, shown};
use super::report::Report;
use super::words::count;
use crate::ids::{DeliveryId, TenantId};
use crate::resend::{ResendError, ResendRequest, Resent};
use crate::store::{DeliveryState, Settled};

/// Send an invoice again, as a new mail
///
/// Decides afresh by today's settings. The earlier mail is settled at once: it is not sent any more if it still waits. To
/// another address, earlier links of the invoice stop working.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher resend --tenant acme --invoice R-2026-0042 --reason \"asked for by phone\"
  invoice-dispatcher resend --tenant acme --invoice R-2026-0042 --reason moved --to ap@customer.example")]
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

/// What was made, and what became of the earlier one.
#[derive(Serialize)]
struct Made {
    tenant: TenantId,
    invoice: String,
    /// The new delivery.
    delivery: DeliveryId,
    /// The one whose place it takes.
    original: DeliveryId,
    /// Where that one stood.
    #[serde(serialize_with = "shown")]
    original_was: DeliveryState,
    /// Where it stands now.
    #[serde(serialize_with = "shown")]
    original_is: DeliveryState,
    links_revoked: u64,
}

/// Does what the command line says.
pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let WhichInvoice { tenant, invoice } = args.which;
    let tenant = TenantId::from(tenant);
    let (who, to) = (who(), args.to.as_ref().map(ToString::to_string));
    let request = ResendRequest {
        tenant: &tenant,
        invoice: &invoice,
        who: &who,
        reason: &args.why.reason,
        to: to.as_deref(),
        link_only: args.link_only,
    };
    let Resent { delivery, original, original_was, links_revoked } = match app.resend.resend(&request).await {
        Ok(resent) => resent,
        Err(error) => {
            let advice = advice(&error);
            return Err(error).what_to_do(advice);
        }
    };
    let original_is = app.store.delivery(original).await?.map_or(original_was, |delivery| delivery.state);
    let made = Made { tenant, invoice, delivery, original, original_was, original_is, links_revoked };
    let output = globals.output();
    Ok(output.one(&made, &made.text(output))?)
}

const fn advice(error: &ResendError) -> &'static str {
    match error {
        ResendError::UnknownInvoice { .. } => {
            "check tenant and number with `explain`; of an event that is a dead letter, redrive that"
        }
        ResendError::Sending(_) => "wait until it has ended (`explain` shows it), then resend",
        ResendError::Forgotten => "nothing is left here to make a mail of",
        ResendError::UnknownCustomer(_) => "import the customer with `import FILE`, then resend",
        ResendError::Address(_) | ResendError::Recipient(_) => "name another address with --to",
        ResendError::Store(_) => "try again when the database answers; `doctor` checks everything",
    }
}

impl Made {
    fn text(&self, output: Output) -> String {
        const INDENT: usize = 12;
        let mut report = Report::new(output);
        report.headline(&format!("{} of {} is sent again", self.invoice, self.tenant));
        report.gap();
        report.fact(
            "new",
            INDENT,
            &format!("{}, ahead of the others; a running worker finds it within half a second", self.delivery),
        );
        report.fact("earlier", INDENT, &format!("{}, {}", self.original, became(self.original_was)));
        if self.links_revoked > 0 {
            let links = count(usize::try_from(self.links_revoked).unwrap_or(usize::MAX), "earlier link");
            report.fact("portal", INDENT, &format!("{links} revoked"));
        }
        report.finish()
    }
}

/// What became of the delivery whose place a new one took.
fn became(was: DeliveryState) -> String {
    match was {
        DeliveryState::Due => "was due, is cancelled: it is not sent any more".to_owned(),
        DeliveryState::Settled(Settled::Dead) => "was dead, is cancelled, and its dead letter is settled".to_owned(),
        DeliveryState::Settled(Settled::Uncertain) => {
            "was uncertain, is cancelled: if the relay took it, the customer gets both".to_owned()
        }
        was => format!("stays {was}"),
    }
}
