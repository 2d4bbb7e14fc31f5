//! `links`: the portal links in customers' hands.

use std::io::{self, IsTerminal, Read, Write};

use clap::Subcommand;
use serde::Serialize;

use super::Globals;
use super::arguments::{Limit, ReasonArg};
use super::error::Advise;
use super::lookup::id_prefix::IdPrefix;
use super::lookup::which_invoice::{MeantInvoice, Purpose, which_invoice};
use super::terminal::confirm::agrees;
use super::terminal::format::{count, relative};
use super::terminal::output::{ListRow, Output, shown};
use super::terminal::table::Column;
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::secrets::pasted_token;
use crate::sha256::Sha256;
use crate::store::{Cursor, LinkFilter, LinkSelection, LinkState, PageRequest, PortalLink};

/// Deliveries whose links stand in one page.
const PAGE_MAX: u32 = 500;

/// What is read of standard input: a link and its surroundings are shorter.
const PASTED_BYTES_MAX: u64 = 16 << 10;

/// List or revoke the links of the customer portal
#[derive(Debug, clap::Args)]
pub struct LinksArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: LinksAction,
}

/// What to do with links.
#[derive(Debug, Subcommand)]
pub enum LinksAction {
    /// List links, those of the newest deliveries first; the links themselves are stored nowhere
    #[command(after_help = "Examples:
  invoice-dispatcher links list --invoice R-2026-0042
  invoice-dispatcher links list --tenant acme --customer C-1042 --valid
  invoice-dispatcher links list --stdin")]
    List {
        /// Which.
        #[command(flatten)]
        which: WhichLinks,
        /// Only those that open the portal
        #[arg(long)]
        valid: bool,
        /// Continue after the cursor of an earlier list
        #[arg(long, value_name = "CURSOR")]
        after: Option<Cursor>,
        /// How many.
        #[command(flatten)]
        limit: Limit,
    },
    /// Revoke links for good: they open nothing from now on, and get no fresh link
    ///
    /// Pages that are open end with their next request. `resend` sends a new link.
    #[command(after_help = "Examples:
  invoice-dispatcher links revoke --invoice R-2026-0042 --reason \"sent to the wrong person\"
  invoice-dispatcher links revoke --stdin --reason \"published in a forum\"
  invoice-dispatcher links revoke --tenant acme --customer C-1042 --reason \"mailbox taken over\" --yes")]
    Revoke {
        /// Which.
        #[command(flatten)]
        which: WhichLinks,
        /// Why.
        #[command(flatten)]
        why: ReasonArg,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
}

/// Which links something is done to; at least one way to say it.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub struct WhichLinks {
    /// Those of this delivery, named by its id or the first digits of it
    #[arg(long, value_name = "ID", value_parser = IdPrefix::parse,
          conflicts_with_all = ["invoice", "tenant", "customer", "stdin"])]
    delivery: Option<IdPrefix>,
    /// Those of the invoice, credit note and reminder of this number; case and blanks do not count
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["customer", "stdin"])]
    invoice: Option<String>,
    /// Those of this customer of the tenant that --tenant names
    #[arg(long, value_name = "ID", requires = "tenant", conflicts_with = "stdin")]
    customer: Option<String>,
    /// Those of this tenant
    #[arg(long, conflicts_with = "stdin")]
    tenant: Option<String>,
    /// The one that standard input holds: the whole link, or its token. On the command line others could read it
    #[arg(long)]
    stdin: bool,
}

/// Does what the command line says.
pub async fn run(args: LinksArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    match args.action {
        LinksAction::List { which, valid, after, limit } => {
            let selection = which.selection(&app, "list").await?;
            let filter = if valid { LinkFilter::Valid } else { LinkFilter::All };
            list(&app, globals.output(), &selection, filter, (limit.limit, after)).await
        }
        LinksAction::Revoke { which, why, yes } => {
            let selection = which.selection(&app, "revoke --reason …").await?;
            revoke(&app, globals, &selection, &why.reason, yes).await
        }
    }
}

impl WhichLinks {
    /// What is meant; `command` is what is to be done with it.
    async fn selection(self, app: &App, command: &str) -> anyhow::Result<LinkSelection> {
        let Self { delivery, invoice, customer, tenant, stdin } = self;
        if stdin {
            return pasted_link();
        }
        if let Some(delivery) = delivery {
            return Ok(LinkSelection::Delivery(delivery.delivery(app).await?));
        }
        if let Some(invoice) = invoice {
            let purpose = Purpose::Links { command: command.to_owned() };
            let MeantInvoice { tenant, number, .. } = which_invoice(app, tenant.as_deref(), &invoice, &purpose).await?;
            return Ok(LinkSelection::Invoice { tenant, invoice: number });
        }
        let tenant = TenantId::from(tenant.expect("clap asks for it where nothing else is named"));
        Ok(match customer {
            Some(customer) => LinkSelection::Customer { tenant, customer: CustomerId::from(customer) },
            None => LinkSelection::Tenant(tenant),
        })
    }
}

/// The link that standard input holds.
fn pasted_link() -> anyhow::Result<LinkSelection> {
    let mut pasted = String::new();
    if io::stdin().is_terminal() {
        eprint!("paste the link and press Enter: ");
        io::stderr().flush()?;
        io::stdin().read_line(&mut pasted)?;
    } else {
        io::stdin().take(PASTED_BYTES_MAX).read_to_string(&mut pasted)?;
    }
    match pasted_token(&pasted) {
        Some(token) => Ok(LinkSelection::Token(Sha256::of(token.as_bytes()))),
        None => Err(anyhow::anyhow!("standard input holds no portal link"))
            .what_to_do("copy the whole link of the mail, as https://portal.example/i/…"),
    }
}

/// What is said where nothing was found.
const fn none(selection: &LinkSelection) -> &'static str {
    match selection {
        LinkSelection::Token(_) => {
            "no such link was ever sent from here, or its delivery has been deleted: check that it was copied whole"
        }
        _ => "no link is like that",
    }
}

/// Shows a page, or as many pages as the limit takes.
async fn list(
    app: &App,
    output: Output,
    selection: &LinkSelection,
    filter: LinkFilter,
    (limit, mut after): (u32, Option<Cursor>),
) -> anyhow::Result<()> {
    let now = app.store.now();
    let mut rows: Vec<LinkRow> = Vec::new();
    let mut left = limit;
    let more = loop {
        let request = PageRequest { limit: left.min(PAGE_MAX), after };
        let page = app.store.portal_links(selection, &TenantScope::All, filter, request).await?;
        left = left.saturating_sub(request.limit);
        rows.extend(page.items.into_iter().map(|link| LinkRow::of(link, now)));
        match page.next {
            Some(next) if left > 0 => after = Some(next),
            next => break next,
        }
    };
    output.rows(&rows, none(selection))?;
    if let Some(next) = more {
        output.say(&format!("\nthere are more: the same with --after {next}, or raise --limit"))?;
    }
    Ok(())
}

async fn revoke(
    app: &App,
    globals: &Globals,
    selection: &LinkSelection,
    reason: &str,
    yes: bool,
) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct RevokedLinks {
        revoked: u64,
    }
    let output = globals.output();
    let number = |number: u64| count(usize::try_from(number).unwrap_or(usize::MAX), "link");
    let meant = app.store.count_links(selection, &TenantScope::All, LinkFilter::NotRevoked).await?;
    let what = format!("revoke {} for good", number(meant));
    if !yes && meant > 1 && !agrees(&what, "look at them with `links list`")? {
        return Ok(output.say("nothing was revoked")?);
    }
    let revoked = if meant == 0 { 0 } else { app.store.revoke_links(selection, &globals.who(), reason).await? };
    let text = match revoked {
        0 if app.store.count_links(selection, &TenantScope::All, LinkFilter::All).await? > 0 => {
            "nothing was revoked: it was done before (`links list` says by whom and why)".to_owned()
        }
        0 => format!("nothing was revoked: {}", none(selection)),
        _ => format!("{} revoked: they open nothing any more; `resend` sends a new one", number(revoked)),
    };
    Ok(output.one(&RevokedLinks { revoked }, &text)?)
}

/// A link in a list.
#[derive(Serialize)]
struct LinkRow {
    delivery_id: DeliveryId,
    /// Counted from 0: a redrive after a revocation makes another one.
    generation: u32,
    tenant_id: TenantId,
    customer_id: CustomerId,
    invoice_number: String,
    #[serde(serialize_with = "shown")]
    kind: InvoiceKind,
    #[serde(serialize_with = "shown")]
    state: LinkState,
    created_at: Option<Timestamp>,
    expires_at: Timestamp,
    revoked_at: Option<Timestamp>,
    revoked_by: Option<String>,
    revoke_reason: Option<String>,
    /// What `--after` takes to go on behind its delivery.
    cursor: String,
    #[serde(skip)]
    now: Timestamp,
}

impl LinkRow {
    fn of(link: PortalLink, now: Timestamp) -> Self {
        Self {
            state: link.state(now),
            cursor: link.cursor().to_string(),
            delivery_id: link.root,
            generation: link.generation,
            tenant_id: link.invoice.tenant,
            customer_id: link.invoice.customer,
            invoice_number: link.invoice.number,
            kind: link.invoice.kind,
            created_at: link.created_at,
            expires_at: link.expires_at,
            revoked_at: link.revoked_at,
            revoked_by: link.revoked_by,
            revoke_reason: link.revoke_reason,
            now,
        }
    }
}

impl ListRow for LinkRow {
    const COLUMNS: &'static [Column] = &[
        Column::whole("DELIVERY"),
        Column::whole("INVOICE"),
        Column::text("TENANT").from(120),
        Column::text("CUSTOMER").from(120),
        Column::text("STATE"),
        Column::text("SENT").wide_only(),
        Column::text("WHY").if_room(),
    ];

    fn cells(&self) -> Vec<String> {
        let state = match (self.state, self.revoked_at) {
            (LinkState::Revoked, Some(at)) => format!("revoked {}", relative(at, self.now)),
            (LinkState::Expired, _) => format!("expired {}", relative(self.expires_at, self.now)),
            _ => format!("valid, ends {}", relative(self.expires_at, self.now)),
        };
        let invoice = match self.kind {
            InvoiceKind::Invoice => self.invoice_number.clone(),
            kind => format!("{} ({})", self.invoice_number, kind.label()),
        };
        let why: Vec<&str> = self.revoked_by.iter().chain(&self.revoke_reason).map(String::as_str).collect();
        vec![
            self.delivery_id.to_string(),
            invoice,
            self.tenant_id.to_string(),
            self.customer_id.to_string(),
            state,
            self.created_at.map_or_else(|| "-".to_owned(), |at| relative(at, self.now)),
            if why.is_empty() { "-".to_owned() } else { why.join(": ") },
        ]
    }
}
