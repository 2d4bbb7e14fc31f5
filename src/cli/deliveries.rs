//! `deliveries`: the mails that are owed.

use clap::Subcommand;

use serde::Serialize;

use super::Globals;
use super::arguments::{Limit, Reason, moment};
use super::error::Advise;
use super::id_prefix::IdPrefix;
use super::output::{Output, Row, shown, spelled};
use super::table::Column;
use super::words::{count, recipients, relative};
use crate::app::App;
use crate::class::Class;
use crate::clock::Timestamp;
use crate::decision::Decision;
use crate::event::InvoiceKind;
use crate::ids::{CustomerId, DeliveryId, RelayName, TenantId};
use crate::store::{
    Acted, Delivery, DeliveryFilter, DeliveryRole, DeliveryState, HeldCounts, MarkedSent, PageRequest, Settled,
};

/// Deliveries in one page.
const PAGE_MAX: u32 = 500;

/// List the mails that are owed, and decide about single ones
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// The states of a delivery, as people name them.
const STATES: [&str; 9] =
    ["due", "sending", "sent", "rejected", "dead", "discarded", "uncertain", "cancelled", "expired"];

/// What to do with deliveries.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Show them, the newest first
    #[command(after_help = "Examples:
  invoice-dispatcher deliveries list --state uncertain
  invoice-dispatcher deliveries list --tenant acme --limit 20")]
    List {
        /// Only in this state
        #[arg(long, value_parser = STATES)]
        state: Option<String>,
        /// Only of this tenant
        #[arg(long)]
        tenant: Option<String>,
        /// Only of this relay
        #[arg(long)]
        relay: Option<String>,
        /// How many.
        #[command(flatten)]
        limit: Limit,
    },
    /// Do not send it any more
    #[command(after_help = "Example:
  invoice-dispatcher deliveries cancel 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11 --reason \"the invoice was wrong\"")]
    Cancel {
        /// Its id, or the first digits of it
        #[arg(value_parser = IdPrefix::parse)]
        id: IdPrefix,
        /// Why.
        #[command(flatten)]
        why: Reason,
    },
    /// Send it now, in place of at its next retry; also lets one go that is held
    #[command(after_help = "Example:
  invoice-dispatcher deliveries send-now 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11")]
    SendNow {
        /// Its id, or the first digits of it
        #[arg(value_parser = IdPrefix::parse)]
        id: IdPrefix,
    },
    /// Say that the relay has taken it, for a delivery that is uncertain
    #[command(after_help = "Example:
  invoice-dispatcher deliveries mark-sent 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11 --reason \"it is in the relay's log\"")]
    MarkSent {
        /// Its id, or the first digits of it
        #[arg(value_parser = IdPrefix::parse)]
        id: IdPrefix,
        /// Why.
        #[command(flatten)]
        why: Reason,
    },
    /// Hold everything that waits to be sent
    ///
    /// For the first start after the database was restored from a backup: what was sent after the backup is due again in
    /// it, and would be sent twice. Everything is held, however long it has waited; compare it with the relay's log from
    /// the moment of the backup on. Beside running workers it stops everything whose DATA has not begun, and says how many
    /// had begun.
    #[command(after_help = "Example:
  invoice-dispatcher deliveries hold --all --since 2026-11-23T02:00:00Z")]
    Hold {
        /// Of every tenant; nothing less can be held
        #[arg(long, required = true)]
        all: bool,
        /// When the backup was made: what was sent since may be missing in the database. It is noted, and does not limit
        /// what is held
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Timestamp,
    },
    /// Let go what `hold` holds
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

/// Does what the command line says.
pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let (output, who) = (globals.output(), globals.who());
    match args.action {
        Action::List { state, tenant, relay, limit } => {
            let filter = DeliveryFilter {
                state: state.map(|state| DeliveryState::parse(&state).expect("clap lets only states pass")),
                tenant: tenant.map(TenantId::from),
                relay: relay.map(RelayName::from),
                ..DeliveryFilter::default()
            };
            list(&app, output, &filter, limit.limit).await
        }
        Action::Cancel { id, why } => {
            let id = id.delivery(&app).await?;
            let acted = app.store.cancel(id, &who, &why.reason).await?;
            tell(&app, output, id, acted, "is cancelled: it is not sent any more", cannot_cancel).await
        }
        Action::SendNow { id } => {
            let id = id.delivery(&app).await?;
            let acted = app.store.send_now(id, &who).await?;
            app.wakes.wake_all();
            let what = "goes ahead of the others; a running worker finds it within a second";
            tell(&app, output, id, acted, what, cannot_hurry).await
        }
        Action::MarkSent { id, why } => {
            let id = id.delivery(&app).await?;
            let marked = app.store.mark_sent(id, &who, &why.reason).await?;
            app.wakes.wake_all();
            let what = marked_sent(&marked);
            tell(&app, output, id, marked.acted, &what, |_| "only an uncertain delivery can be marked").await
        }
        Action::Hold { all: _, since } => {
            let counts = app.store.hold(since, None, &who).await?;
            told_held(output, counts, since)
        }
        Action::LetGo { tenant, all: _ } => {
            let number = app.store.let_go(tenant.map(TenantId::from).as_ref(), &who).await?;
            told_many(output, number, "let go", "they are sent in their turn")
        }
    }
}

/// A delivery in a list.
#[derive(Serialize)]
struct DeliveryRow {
    id: DeliveryId,
    tenant: TenantId,
    customer: CustomerId,
    invoice: String,
    #[serde(serialize_with = "shown")]
    kind: InvoiceKind,
    #[serde(serialize_with = "shown")]
    role: DeliveryRole,
    #[serde(serialize_with = "shown")]
    state: DeliveryState,
    /// Masked.
    recipients: String,
    relay: Option<RelayName>,
    created_at: Timestamp,
    due_at: Option<Timestamp>,
    held: Option<String>,
    settled_at: Option<Timestamp>,
    attempts: u32,
    #[serde(serialize_with = "spelled")]
    class: Option<Class>,
    code: Option<String>,
    reason: Option<String>,
    #[serde(serialize_with = "spelled")]
    decision: Option<Decision>,
    message_id: Option<String>,
    #[serde(skip)]
    now: Timestamp,
}

impl DeliveryRow {
    fn of(delivery: Delivery, now: Timestamp) -> Self {
        Self {
            id: delivery.id,
            tenant: delivery.tenant,
            customer: delivery.customer,
            invoice: delivery.invoice_number,
            kind: delivery.kind,
            role: delivery.role,
            state: delivery.state,
            recipients: recipients(&delivery.recipients),
            relay: delivery.relay,
            created_at: delivery.created_at,
            due_at: delivery.due_at,
            held: delivery.held,
            settled_at: delivery.settled_at,
            attempts: delivery.attempts,
            class: delivery.class,
            code: delivery.code,
            reason: delivery.reason,
            decision: delivery.decision,
            message_id: delivery.message_id,
            now,
        }
    }

    fn stands(&self) -> String {
        let ago = |at: Option<Timestamp>| at.map(|at| relative(at, self.now)).unwrap_or_default();
        match self.state {
            state if self.held.is_some() => format!("{state}, held"),
            state @ DeliveryState::Due if self.due_at.is_some_and(|at| at > self.now) => {
                format!("{state} {}", ago(self.due_at))
            }
            state @ DeliveryState::Due => match ago(self.due_at).strip_suffix(" ago") {
                Some(time) => format!("{state} for {time}"),
                None => format!("{state} now"),
            },
            state => format!("{state} {}", ago(self.settled_at)).trim_end().to_owned(),
        }
    }

    fn why(&self) -> String {
        let held = self.held.iter().map(|held| format!("held {held}"));
        let class = self.class.filter(|class| *class != Class::Accepted).map(|class| class.to_string());
        let why: Vec<String> = held.chain(class).chain(self.reason.clone()).collect();
        if why.is_empty() { "-".to_owned() } else { why.join(": ") }
    }
}

impl Row for DeliveryRow {
    const COLUMNS: &'static [Column] = &[
        Column::whole("ID"),
        Column::text("INVOICE"),
        Column::text("TENANT").wide_only(),
        Column::text("TO").wide_only(),
        Column::text("STATE"),
        Column::text("ATTEMPTS").wide_only(),
        Column::text("WHY"),
    ];

    fn cells(&self) -> Vec<String> {
        let attempts = self.attempts.to_string();
        // What it is beyond an invoice to its recipients.
        let kind = (self.kind != InvoiceKind::Invoice).then(|| self.kind.label());
        let role = (self.role != DeliveryRole::Main).then(|| self.role.as_str());
        let besides: Vec<&str> = kind.into_iter().chain(role).collect();
        let invoice = match besides.as_slice() {
            [] => self.invoice.clone(),
            besides => format!("{} ({})", self.invoice, besides.join(", ")),
        };
        let Self { id, tenant, recipients, .. } = self;
        vec![id.to_string(), invoice, tenant.to_string(), recipients.clone(), self.stands(), attempts, self.why()]
    }
}

async fn list(app: &App, output: Output, filter: &DeliveryFilter, limit: u32) -> anyhow::Result<()> {
    let now = app.store.now();
    let mut rows = Vec::new();
    let (mut left, mut after) = (limit, None);
    let more = loop {
        let page = app.store.deliveries(filter, PageRequest { limit: left.min(PAGE_MAX), after }).await?;
        left -= u32::try_from(page.items.len()).expect("a page is no longer than its limit");
        rows.extend(page.items.into_iter().map(|delivery| DeliveryRow::of(delivery, now)));
        match page.next {
            Some(next) if left > 0 => after = Some(next),
            next => break next.is_some(),
        }
    };
    output.rows(&rows, "no delivery is like that")?;
    if more {
        output.say("\nthere are more: raise --limit, or narrow by --state, --tenant or --relay")?;
    }
    Ok(())
}

/// Says what became of a person's decision about one delivery.
async fn tell(
    app: &App,
    output: Output,
    id: DeliveryId,
    acted: Acted,
    done: &str,
    instead: impl Fn(DeliveryState) -> &'static str,
) -> anyhow::Result<()> {
    match acted {
        Acted::Done => {
            let delivery = app.store.delivery(id).await?;
            let row = delivery.map(|delivery| DeliveryRow::of(delivery, app.store.now()));
            let whose = row
                .as_ref()
                .map(|row| format!(", {} {} of {},", row.kind.label(), row.invoice, row.tenant))
                .unwrap_or_default();
            Ok(output.one(&row, &super::report::cleaned(&format!("delivery {id}{whose} {done}")))?)
        }
        Acted::Stands(state) => {
            Err(anyhow::anyhow!("delivery {id} is {state}: nothing was changed")).what_to_do(instead(state))
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
        DeliveryState::Settled(Settled::Dead) => "discard its dead letter: `dead-letters discard ID`",
        DeliveryState::Settled(_) => "it has ended; nothing more is sent of it",
    }
}

const fn cannot_hurry(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Due | DeliveryState::Sending => "a worker is sending it already",
        DeliveryState::Settled(Settled::Dead) => "redrive its dead letter: `dead-letters redrive ID`",
        DeliveryState::Settled(_) => "it has ended; `resend` sends the invoice again",
    }
}

/// Says what is held, and what was already on its way then.
fn told_held(output: Output, counts: HeldCounts, since: Timestamp) -> anyhow::Result<()> {
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

/// Says what was done to how many.
fn told_many(output: Output, number: u64, what: &'static str, next: &str) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Many {
        result: &'static str,
        deliveries: u64,
    }
    let many = count(usize::try_from(number).unwrap_or(usize::MAX), "delivery");
    let text = if number == 0 { format!("{many} {what}") } else { format!("{many} {what}; {next}") };
    Ok(output.one(&Many { result: what, deliveries: number }, &text)?)
}
