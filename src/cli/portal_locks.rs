//! `portal-locks`: customers and links that have failed verification too often.

use clap::Subcommand;
use serde::Serialize;

use super::Globals;
use super::arguments::{Limit, ReasonArg};
use super::error::Advise;
use super::terminal::format::relative;
use super::terminal::output::{ListRow, Output};
use super::terminal::table::Column;
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::store::{LockCursor, LockPage, PortalLock};

/// List or lift locks of the customer portal
///
/// Whoever has a link and answers wrongly too often locks the link, then the customer. Nobody without a link can.
#[derive(Debug, clap::Args)]
pub struct PortalLocksArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: PortalLocksAction,
}

/// What to do with locks.
#[derive(Debug, Subcommand)]
pub enum PortalLocksAction {
    /// List the locks that hold now, customer by customer, and whose links caused each
    #[command(after_help = "Examples:
  invoice-dispatcher portal-locks list
  invoice-dispatcher portal-locks list --tenant acme")]
    List {
        /// Only of this tenant
        #[arg(long)]
        tenant: Option<String>,
        /// Continue after the cursor of an earlier list
        #[arg(long, value_name = "CURSOR")]
        after: Option<LockCursor>,
        /// How many.
        #[command(flatten)]
        limit: Limit,
    },
    /// Lift the locks of a customer and of all their links, so that they can try again at once
    ///
    /// If somebody else has the link that caused it, revoke that first: `links revoke --delivery ID`.
    #[command(after_help = "Example:
  invoice-dispatcher portal-locks lift --tenant acme --customer C-1042 --reason \"called from the number on record\"")]
    Lift {
        /// Whose customer
        #[arg(long)]
        tenant: String,
        /// The customer's id at that tenant
        #[arg(long, value_name = "ID")]
        customer: String,
        /// Why.
        #[command(flatten)]
        why: ReasonArg,
    },
}

/// Does what the command line says.
pub async fn run(args: PortalLocksArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    match args.action {
        PortalLocksAction::List { tenant, after, limit } => {
            let tenant = tenant.map(TenantId::from);
            list(&app, globals.output(), tenant.as_ref(), (limit.limit, after)).await
        }
        PortalLocksAction::Lift { tenant, customer, why } => {
            lift(&app, globals, TenantId::from(tenant), CustomerId::from(customer), &why.reason).await
        }
    }
}

async fn list(
    app: &App,
    output: Output,
    tenant: Option<&TenantId>,
    (limit, after): (u32, Option<LockCursor>),
) -> anyhow::Result<()> {
    let now = app.store.now();
    let scope = TenantScope::All.narrowed_to(tenant);
    let LockPage { locks, next } = app.store.portal_locks(&scope, after.as_ref(), limit).await?;
    let mut rows = Vec::with_capacity(locks.len());
    for lock in locks {
        rows.push(LockRow::of(app, lock, now).await?);
    }
    output.rows(&rows, "nothing is locked")?;
    if let Some(next) = next {
        output.say(&format!("\nthere are more: the same with --after {next}, or raise --limit"))?;
    }
    if !rows.is_empty() {
        output.say(
            "\n`explain` shows what happened; `links revoke` takes a link back that is in the wrong hands; \
             `portal-locks lift` lets the customer try again",
        )?;
    }
    Ok(())
}

async fn lift(
    app: &App,
    globals: &Globals,
    tenant: TenantId,
    customer: CustomerId,
    reason: &str,
) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct LiftedLock {
        tenant_id: TenantId,
        customer_id: CustomerId,
        lifted: bool,
    }
    if app.store.customer(&tenant, &customer, &TenantScope::All).await?.is_none() {
        let unknown = anyhow::anyhow!("there is no customer {:?} of tenant {:?}", customer.as_str(), tenant.as_str());
        return Err(unknown).what_to_do("`portal-locks list` names the customers that are locked");
    }
    let lifted = app.store.lift_portal_locks(&tenant, &customer, &globals.who(), reason).await?;
    let text = if lifted {
        format!("customer {customer} of {tenant} can try again")
    } else {
        format!("nothing was lifted: neither customer {customer} of {tenant} nor a link of theirs has failed lately")
    };
    Ok(globals.output().one(&LiftedLock { tenant_id: tenant, customer_id: customer, lifted }, &text)?)
}

/// A lock in a list.
#[derive(Serialize)]
struct LockRow {
    tenant_id: TenantId,
    customer_id: CustomerId,
    /// The link that is locked; none if the customer is, with all links.
    delivery_id: Option<DeliveryId>,
    until: Timestamp,
    last_failure_at: Timestamp,
    /// The links that were used.
    caused_by: Vec<CausingLink>,
    /// What `--after` takes to go on behind it.
    cursor: String,
    #[serde(skip)]
    now: Timestamp,
}

/// A link that was used for wrong answers.
#[derive(Serialize)]
struct CausingLink {
    delivery_id: DeliveryId,
    invoice_number: Option<String>,
}

impl LockRow {
    async fn of(app: &App, lock: PortalLock, now: Timestamp) -> anyhow::Result<Self> {
        let cursor = lock.cursor().to_string();
        let PortalLock { tenant, customer, root, until, last_failure_at, roots } = lock;
        let mut caused_by = Vec::with_capacity(roots.len());
        for delivery_id in roots {
            let invoice_number =
                app.store.delivery(delivery_id, &TenantScope::All).await?.map(|delivery| delivery.invoice.number);
            caused_by.push(CausingLink { delivery_id, invoice_number });
        }
        Ok(Self {
            tenant_id: tenant,
            customer_id: customer,
            delivery_id: root,
            until,
            last_failure_at,
            caused_by,
            cursor,
            now,
        })
    }
}

impl ListRow for LockRow {
    const COLUMNS: &'static [Column] = &[
        Column::whole("TENANT"),
        Column::whole("CUSTOMER"),
        Column::text("LOCKED"),
        Column::text("ENDS"),
        Column::text("LAST FAILURE").from(100),
        Column::text("BY THE LINK OF"),
    ];

    fn cells(&self) -> Vec<String> {
        let by = self.caused_by.iter().map(|link| match &link.invoice_number {
            Some(number) => format!("{number} ({})", link.delivery_id),
            None => link.delivery_id.to_string(),
        });
        vec![
            self.tenant_id.to_string(),
            self.customer_id.to_string(),
            if self.delivery_id.is_some() { "one link" } else { "customer" }.to_owned(),
            relative(self.until, self.now),
            relative(self.last_failure_at, self.now),
            by.collect::<Vec<_>>().join(", "),
        ]
    }
}
