//! `deliveries`: the mails that are owed.

mod list;
mod show;

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;

use super::Globals;
use super::arguments::{Limit, ReasonArg, address, moment, spelled};
use super::error::Advise;
use super::lookup::id_prefix::IdPrefix;
use super::terminal::format::count;
use super::terminal::output::Output;
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::audit::AuditAction;
use crate::model::ids::{CustomerId, DeliveryId, RelayName, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::invoice_ref::InvoiceRef;
use crate::model::state::{Concluded, DeliveryState};
use crate::store::{Acted, Cursor, DeliveryFilter, HeldCounts, LetGoCounts, MarkedSent, NewAuditEntry};
use list::DeliveryRow;

/// List deliveries, show one as it was sent, cancel, hold or hurry them
#[derive(Debug, clap::Args)]
pub struct DeliveriesArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: DeliveriesAction,
}

/// The states of a delivery, as people name them.
const STATES: [&str; 9] =
    ["due", "sending", "sent", "rejected", "dead", "discarded", "uncertain", "cancelled", "expired"];

/// What to do with deliveries.
#[derive(Debug, Subcommand)]
pub enum DeliveriesAction {
    /// List deliveries, newest first
    #[command(after_help = "Examples:
  invoice-dispatcher deliveries list --state uncertain
  invoice-dispatcher deliveries list --tenant acme --customer C-1042
  invoice-dispatcher deliveries list --to ap@customer.example --since 2026-11-01T00:00:00Z")]
    List(Box<DeliverySelection>),
    /// Show an email as it was sent, rebuilt and verified by its digest
    #[command(after_help = "Examples:
  invoice-dispatcher deliveries show 01938c5e-7a10
  invoice-dispatcher deliveries show 01938c5e-7a10 --eml mail.eml")]
    Show {
        /// Its id, or the first digits of it
        #[arg(value_parser = IdPrefix::parse)]
        id: IdPrefix,
        /// Also write the whole mail into this file; it holds addresses and, in a link mail, a link that works
        #[arg(long, value_name = "FILE")]
        eml: Option<PathBuf>,
        /// Show addresses whole; they are masked otherwise
        #[arg(long)]
        addresses: bool,
    },
    /// Cancel a delivery that has not been sent
    #[command(after_help = "Example:
  invoice-dispatcher deliveries cancel 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11 --reason \"the invoice was wrong\"")]
    Cancel {
        /// Its id, or the first digits of it
        #[arg(value_parser = IdPrefix::parse)]
        id: IdPrefix,
        /// Why.
        #[command(flatten)]
        why: ReasonArg,
    },
    /// Send a delivery now instead of at its next retry; also releases a held one
    #[command(after_help = "Example:
  invoice-dispatcher deliveries send-now 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11")]
    SendNow {
        /// Its id, or the first digits of it
        #[arg(value_parser = IdPrefix::parse)]
        id: IdPrefix,
    },
    /// Mark an uncertain delivery as accepted by the relay
    #[command(after_help = "Example:
  invoice-dispatcher deliveries mark-sent 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11 --reason \"it is in the relay's log\"")]
    MarkSent {
        /// Its id, or the first digits of it
        #[arg(value_parser = IdPrefix::parse)]
        id: IdPrefix,
        /// Why.
        #[command(flatten)]
        why: ReasonArg,
    },
    /// Hold all deliveries that wait to be sent
    ///
    /// For the first start after the database was restored from a backup: what was sent after the backup is due again
    /// in it, and would be sent twice. Everything is held, however long it has waited; compare it with the relay's log
    /// from the moment of the backup on. Beside running workers it stops everything whose DATA has not begun, and says
    /// how many had begun.
    #[command(after_help = "Example:
  invoice-dispatcher deliveries hold --all --since 2026-11-23T02:00:00Z")]
    Hold {
        /// Of every tenant; nothing less can be held
        #[arg(long, required = true)]
        all: bool,
        /// When the backup was made: what was sent since may be missing in the database. It is noted, and does not
        /// limit what is held
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Timestamp,
    },
    /// Release what `hold` holds
    #[command(after_help = "Examples:
  invoice-dispatcher deliveries let-go --tenant acme
  invoice-dispatcher deliveries let-go --all")]
    LetGo {
        /// Of this tenant
        #[arg(long, required_unless_present = "all")]
        tenant: Option<String>,
        /// Of every tenant
        #[arg(long, conflicts_with = "tenant")]
        all: bool,
    },
}

/// Which deliveries a list shows.
#[derive(Debug, clap::Args)]
pub struct DeliverySelection {
    /// Only in this state
    #[arg(long, value_parser = STATES)]
    state: Option<String>,
    /// Only of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only of this relay
    #[arg(long)]
    relay: Option<String>,
    /// Only of this number; case and blanks do not count
    #[arg(long, value_name = "NUMBER")]
    invoice: Option<String>,
    /// Only for this customer of the tenant that --tenant names
    #[arg(long, value_name = "ID", requires = "tenant")]
    customer: Option<String>,
    /// Only to this address, as To, Cc or Bcc
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    to: Option<lettre::Address>,
    /// Only what came to the named state since then; else what was made since then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Only invoices, credit notes or reminders
    #[arg(long, value_parser = spelled!(InvoiceKind))]
    kind: Option<InvoiceKind>,
    /// Continue after the cursor of an earlier list
    #[arg(long, value_name = "CURSOR")]
    after: Option<Cursor>,
    /// How many.
    #[command(flatten)]
    limit: Limit,
}

impl DeliverySelection {
    fn filter(&self) -> DeliveryFilter {
        DeliveryFilter {
            state: self.state.as_deref().map(|state| state.parse().expect("clap lets only states pass")),
            tenant: self.tenant.as_deref().map(TenantId::from),
            relay: self.relay.as_deref().map(RelayName::from),
            since: self.since,
            invoice: self.invoice.clone(),
            customer: self.customer.as_deref().map(CustomerId::from),
            to: self.to.as_ref().map(ToString::to_string),
            kind: self.kind,
        }
    }
}

/// Does what the command line says.
pub async fn run(args: DeliveriesArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let (output, who) = (globals.output(), globals.who());
    match args.action {
        DeliveriesAction::List(wanted) => {
            list::list(&app, output, &wanted.filter(), wanted.limit.limit, wanted.after).await
        }
        DeliveriesAction::Show { id, eml, addresses } => {
            let id = id.delivery(&app).await?;
            let is_masked = !addresses && eml.is_none();
            if let Some(delivery) = app.store.delivery(id, &TenantScope::All).await?.filter(|_| !is_masked) {
                let InvoiceRef { tenant, customer, .. } = &delivery.invoice;
                let entry = NewAuditEntry::new(AuditAction::MessageViewed, &who).of_customer(tenant, customer);
                app.store.audit(&entry.about(id.to_string())).await?;
            }
            show::show(&app, output, id, eml.as_deref(), addresses).await
        }
        DeliveriesAction::Cancel { id, why } => {
            let id = id.delivery(&app).await?;
            let acted = app.store.cancel(id, &who, &why.reason).await?;
            print_result(&app, output, id, acted, "is cancelled: it is not sent any more", cannot_cancel).await
        }
        DeliveriesAction::SendNow { id } => {
            let id = id.delivery(&app).await?;
            let acted = app.store.send_now(id, &who).await?;
            app.wakes.wake_all();
            let what = "goes ahead of the others; a running worker finds it within a second";
            print_result(&app, output, id, acted, what, cannot_hurry).await
        }
        DeliveriesAction::MarkSent { id, why } => {
            let id = id.delivery(&app).await?;
            let marked = app.store.mark_sent(id, &who, &why.reason).await?;
            app.wakes.wake_all();
            let what = marked_sent(&marked);
            print_result(&app, output, id, marked.acted, &what, |_| "only an uncertain delivery can be marked").await
        }
        DeliveriesAction::Hold { all: _, since } => {
            let counts = app.store.hold(since, None, &who).await?;
            print_held(output, counts, since)
        }
        DeliveriesAction::LetGo { tenant, all: _ } => {
            print_let_go(output, app.store.let_go(tenant.map(TenantId::from).as_ref(), &who).await?)
        }
    }
}

/// Says what became of a person's decision about one delivery.
async fn print_result(
    app: &App,
    output: Output,
    id: DeliveryId,
    acted: Acted,
    done: &str,
    instead: impl Fn(DeliveryState) -> &'static str,
) -> anyhow::Result<()> {
    match acted {
        Acted::Done => {
            let delivery = app.store.delivery(id, &TenantScope::All).await?;
            let row = delivery.map(|delivery| DeliveryRow::of(delivery, app.store.now()));
            let whose = row.as_ref().map(|row| format!(", {},", row.named())).unwrap_or_default();
            Ok(output.one(&row, &crate::clean::marked(&format!("delivery {id}{whose} {done}")))?)
        }
        Acted::NotPossible(state) => {
            Err(anyhow::anyhow!("delivery {id} is {state}: nothing was changed")).what_to_do(instead(state))
        }
        Acted::TenantPaused => {
            Err(anyhow::anyhow!("delivery {id} waits because its tenant is paused: nothing was changed"))
                .what_to_do("`tenants resume ID` lets all of the tenant's deliveries go")
        }
        Acted::Unknown => {
            Err(anyhow::anyhow!("there is no delivery {id}")).what_to_do("`deliveries list` shows their ids")
        }
    }
}

fn marked_sent(marked: &MarkedSent) -> String {
    match marked.rest {
        Some(rest) => format!("counts as sent; recipients that the relay had deferred get it by delivery {rest}"),
        None if marked.recipients_unknown => "counts as sent; which of its recipients the relay had accepted is not \
             known: ask the relay's log for each, and resend if one is missing"
            .to_owned(),
        None => "counts as sent".to_owned(),
    }
}

const fn cannot_cancel(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Due | DeliveryState::Sending => "a worker has it; see what becomes of it and try again",
        DeliveryState::Concluded(Concluded::Dead) => "discard its dead letter: `dead-letters discard ID`",
        DeliveryState::Concluded(_) => "it has ended; nothing more is sent of it",
    }
}

const fn cannot_hurry(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Due | DeliveryState::Sending => "a worker is sending it already",
        DeliveryState::Concluded(Concluded::Dead) => "redrive its dead letter: `dead-letters redrive ID`",
        DeliveryState::Concluded(_) => "it has ended; `resend` sends the invoice again",
    }
}

/// Says what is held, and what was already on its way then.
fn print_held(output: Output, counts: HeldCounts, since: Timestamp) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Held {
        result: &'static str,
        deliveries: u64,
        /// DATA had begun: these may be sent, and are held only if they come back.
        under_way: u64,
    }
    let number = |number: u64| count(usize::try_from(number).unwrap_or(usize::MAX), "delivery");
    let next = format!(
        "; compare them with the relay's log since {since}; `send-now ID` or `let-go` sends, `cancel ID` does not"
    );
    let next = if counts.held > 0 { next.as_str() } else { "" };
    let besides = format!(
        "\n{} besides had begun DATA already: what a running worker has there may be sent, and is held only if it comes \
         back (`deliveries list --state sending` names them, `explain` says what became of each)",
        number(counts.under_way)
    );
    let besides = if counts.under_way > 0 { besides.as_str() } else { "" };
    let text = format!("{} held{next}{besides}", number(counts.held));
    Ok(output.one(&Held { result: "held", deliveries: counts.held, under_way: counts.under_way }, &text)?)
}

/// Says how many are sent now, and how many wait on.
fn print_let_go(output: Output, counts: LetGoCounts) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct LetGo {
        result: &'static str,
        deliveries: u64,
        /// Those of them that the pause of their tenant holds from now on.
        tenant_paused: u64,
    }
    let LetGoCounts { let_go, tenant_paused } = counts;
    let number = |number: u64| count(usize::try_from(number).unwrap_or(usize::MAX), "delivery");
    let next = match (let_go, tenant_paused) {
        (0, _) => String::new(),
        (_, 0) => "; they are sent in their turn".to_owned(),
        (all, paused) if all == paused => "; the pause of a tenant holds them until `tenants resume ID`".to_owned(),
        (_, paused) => format!(
            "; they are sent in their turn, but for {} that the pause of a tenant holds until `tenants resume ID`",
            number(paused)
        ),
    };
    let text = format!("{} let go{next}", number(let_go));
    Ok(output.one(&LetGo { result: "let go", deliveries: let_go, tenant_paused }, &text)?)
}
