//! `resend`: a new mail for an invoice.

use std::collections::HashSet;

use lettre::Address;
use serde::Serialize;

use super::Globals;
use super::arguments::{ReasonArg, address, spelled};
use super::error::Advise;
use super::lookup::id_prefix::IdPrefix;
use super::lookup::which_invoice::{MeantInvoice, Purpose, quoted, which_invoice};
use super::terminal::format::count;
use super::terminal::output::{Output, shown};
use super::terminal::report::TextReport;
use crate::app::App;
use crate::model::access::TenantScope;
use crate::model::ids::{DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::invoice_ref::InvoiceRef;
use crate::model::reason::ReasonCode;
use crate::model::state::{Concluded, DeliveryRole, DeliveryState};
use crate::operator::resend::{Candidate, LinkCause, ResendConfirmations, ResendError, ResendRequest, Resent};

/// Send an invoice again, as a new email
///
/// The decision is made anew, by today's settings. An earlier delivery that still waits is cancelled. To an address that
/// neither the event nor the customer's record has goes a link, unless --attach says that documents may go there; earlier
/// links of the invoice are then revoked.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command")]
#[command(after_help = "Examples:
  invoice-dispatcher resend --invoice R-2026-0042 --reason \"asked for by phone\"
  invoice-dispatcher resend --tenant acme --invoice R-2026-0042 --reason moved --to ap@customer.example
  invoice-dispatcher resend --tenant acme --invoice R-2026-0043 --kind reminder --reason \"asked for by phone\"
  invoice-dispatcher resend --delivery 01938c5e-7a10 --reason \"asked for by phone\"")]
pub struct ResendArgs {
    /// The tenant that sent it; needed only where the number is several tenants'
    #[arg(long)]
    pub tenant: Option<String>,
    /// Its number, as the customer sees it; case and blanks do not count
    #[arg(long, value_name = "NUMBER", required_unless_present = "delivery")]
    pub invoice: Option<String>,
    /// The invoice, the credit note or the reminder, where they share the number
    #[arg(long, value_parser = spelled!(InvoiceKind))]
    pub kind: Option<InvoiceKind>,
    /// What this delivery was for, named by its id or the first digits of it
    #[arg(long, value_name = "ID", value_parser = IdPrefix::parse, conflicts_with_all = ["tenant", "invoice", "kind"])]
    pub delivery: Option<IdPrefix>,
    /// Why.
    #[command(flatten)]
    pub why: ReasonArg,
    /// Send it to this address in place of the recorded ones
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub to: Option<Address>,
    /// Send a link even if the settings would attach the documents
    #[arg(long)]
    pub link_only: bool,
    /// Attach documents, if the settings do, although neither the event nor the record has the address
    #[arg(long, requires = "to", conflicts_with = "link_only")]
    pub attach: bool,
    /// Let earlier links work on although the invoice goes to a new address
    #[arg(long, requires = "to")]
    pub keep_links: bool,
    /// Send it although that was done less than a minute ago
    #[arg(long)]
    pub again: bool,
    /// Send it even if it would fail, as far as can be seen from here
    #[arg(long)]
    pub anyway: bool,
}

/// What was made, and what became of the earlier one.
#[derive(Serialize)]
struct Made {
    tenant_id: TenantId,
    invoice_number: String,
    #[serde(serialize_with = "shown")]
    kind: InvoiceKind,
    /// The new delivery.
    delivery_id: DeliveryId,
    /// The one whose place it takes.
    original: DeliveryId,
    /// Where that one stood.
    #[serde(serialize_with = "shown")]
    original_was: DeliveryState,
    /// Where it stands now.
    #[serde(serialize_with = "shown")]
    original_is: DeliveryState,
    links_revoked: u64,
    /// Why it goes as a link whatever the settings say.
    #[serde(serialize_with = "crate::cli::terminal::output::spelled")]
    link_cause: Option<LinkCause>,
}

/// Does what the command line says.
pub async fn run(args: ResendArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let Which { tenant, invoice, invoice_id, kind } = Which::of(&app, &args).await?;
    let (who, to) = (globals.who(), args.to.as_ref().map(ToString::to_string));
    let request = ResendRequest {
        tenant: &tenant,
        invoice: &invoice,
        invoice_id: invoice_id.as_deref(),
        kind,
        who: &who,
        reason: &args.why.reason,
        to: to.as_deref(),
        link_only: args.link_only,
        confirmed: ResendConfirmations {
            attach_to_new_address: args.attach,
            keep_links: args.keep_links,
            soon: args.again,
        },
        plan: None,
    };
    let resend = if args.anyway { app.resend.clone().looking_ahead(None) } else { app.resend.clone() };
    let Resent { delivery, original, original_was, invoice_number, kind, links_revoked, link_cause } =
        match resend.resend(&request).await {
            Ok(resent) => resent,
            Err(error) => {
                let advice = advice(&error, &args);
                return Err(error).what_to_do(advice);
            }
        };
    let original_is =
        app.store.delivery(original, &TenantScope::All).await?.map_or(original_was, |delivery| delivery.state);
    let (tenant_id, delivery_id) = (tenant, delivery);
    let made = Made {
        tenant_id,
        invoice_number,
        kind,
        delivery_id,
        original,
        original_was,
        original_is,
        links_revoked,
        link_cause,
    };
    let output = globals.output();
    Ok(output.one(&made, &made.text(output))?)
}

/// What else was asked for, for a command that names which invoice is meant.
fn options(args: &ResendArgs) -> String {
    let to = args.to.as_ref().map(|to| format!(" --to {}", quoted(to.as_ref()))).unwrap_or_default();
    let flags = [
        (args.link_only, " --link-only"),
        (args.attach, " --attach"),
        (args.keep_links, " --keep-links"),
        (args.again, " --again"),
    ];
    let flags: String = flags.iter().filter(|(given, _)| *given).map(|(_, flag)| *flag).collect();
    format!("--reason …{to}{flags}")
}

fn advice(error: &ResendError, args: &ResendArgs) -> String {
    let advice = match error {
        ResendError::Ambiguous { candidates, .. } => {
            let named = |candidate: &Candidate| format!("`resend --delivery {} {}`", candidate.delivery, options(args));
            let commands: Vec<String> = candidates.iter().map(named).collect();
            let kinds: HashSet<InvoiceKind> = candidates.iter().map(|candidate| candidate.kind).collect();
            let by_kind = if kinds.len() == candidates.len() { "by --kind or as " } else { "as " };
            return format!("say which, {by_kind}one of: {}", commands.join(", "));
        }
        ResendError::UnknownInvoice { .. } => {
            "check tenant and number with `explain`; of an event that is a dead letter, redrive that"
        }
        ResendError::Sending(_) => "wait until it has ended (`explain` shows it), then resend",
        ResendError::TooSoon { .. } => "look at it with `explain`; with --again it is sent all the same",
        ResendError::PlanChanged(_) => "resend again; nothing was changed",
        ResendError::Forgotten => "nothing is left here to make a mail of",
        ResendError::UnknownCustomer(_) => "import the customer with `import FILE`, then resend",
        ResendError::Address(_) | ResendError::Recipient(_) => "name another address with --to",
        ResendError::MustFail { class, .. } => remedy(*class),
        ResendError::Store(_) => "try again when the database answers; `doctor` checks everything",
    };
    advice.to_owned()
}

/// What is to be done before a mail that would fail is sent.
const fn remedy(class: ReasonCode) -> &'static str {
    match class {
        ReasonCode::DocumentMissing => "upload the document under its key, then resend; nothing was changed",
        ReasonCode::DocumentMismatch => {
            "store the document that the event names, then resend, or publish a corrected event; nothing was changed"
        }
        ReasonCode::NoVerificationMethod => {
            "complete the customer's record or change the tenant's settings, then resend; to a new address goes a link, \
             with --attach the documents where the settings send them; nothing was changed"
        }
        ReasonCode::UnknownRelay => "configure the relay or give the tenant another, then resend; nothing was changed",
        _ => "mend that, then resend; nothing was changed. With --anyway it is tried all the same",
    }
}

/// What is to be sent again.
struct Which {
    tenant: TenantId,
    invoice: String,
    /// Where the number alone may be another's too.
    invoice_id: Option<String>,
    kind: Option<InvoiceKind>,
}

impl Which {
    async fn of(app: &App, args: &ResendArgs) -> anyhow::Result<Self> {
        if let Some(delivery) = &args.delivery {
            let id = delivery.delivery(app).await?;
            let Some(found) = app.store.delivery(id, &TenantScope::All).await? else {
                return Err(anyhow::anyhow!("there is no delivery {id}"))
                    .what_to_do("`deliveries list` shows their ids");
            };
            // A new mail goes to To and Cc: one that names a copy's delivery may not mean the customer.
            if found.role == DeliveryRole::Bcc && args.to.is_none() {
                return Err(anyhow::anyhow!("delivery {id} is a Bcc copy, and a resend goes to To and Cc")).what_to_do(
                    format!(
                        "name the copy's recipient with --to ADDRESS, or the main delivery: `resend --delivery {} {}`",
                        found.main,
                        options(args)
                    ),
                );
            }
            let InvoiceRef { tenant, id: invoice_id, kind, .. } = found.invoice;
            return Ok(Self { tenant, invoice: invoice_id.clone(), invoice_id: Some(invoice_id), kind: Some(kind) });
        }
        let number = args.invoice.as_deref().expect("clap asks for it where no delivery is named");
        let MeantInvoice { tenant, number: invoice, strays: _ } =
            which_invoice(app, args.tenant.as_deref(), number, &Purpose::Resend { options: options(args) }).await?;
        Ok(Self { tenant, invoice, invoice_id: None, kind: args.kind })
    }
}

impl Made {
    fn text(&self, output: Output) -> String {
        const INDENT: usize = 12;
        let mut report = TextReport::new(output);
        report.headline(&format!("{} {} of {} is sent again", self.kind.label(), self.invoice_number, self.tenant_id));
        report.gap();
        report.fact(
            "new",
            INDENT,
            &format!("{}, ahead of the others; a running worker finds it within half a second", self.delivery_id),
        );
        if self.link_cause == Some(LinkCause::NewAddress) {
            report.fact(
                "holds",
                INDENT,
                "a link by default: the address is neither in the event nor on record; with --attach the settings decide",
            );
        }
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
        DeliveryState::Concluded(Concluded::Dead) => {
            "was dead, is cancelled, and its dead letter is concluded".to_owned()
        }
        DeliveryState::Concluded(Concluded::Uncertain) => {
            "was uncertain, is cancelled: if the relay took it, the customer gets both".to_owned()
        }
        was => format!("stays {was}"),
    }
}
