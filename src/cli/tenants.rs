//! `tenants`: who sends invoices, and whose deliveries wait.

use clap::Subcommand;
use serde::Serialize;

use super::Globals;
use super::arguments::{Limit, ReasonArg};
use super::error::Advise;
use super::lookup::which_invoice::quoted;
use super::terminal::format::count;
use super::terminal::output::{ListRow, Output};
use super::terminal::table::Column;
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::ids::{RelayName, TenantId};
use crate::store::{PauseChange, TenantOverview};

/// List tenants; pause or resume one
#[derive(Debug, clap::Args)]
pub struct TenantsArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with tenants.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Show them, in the order of their ids
    #[command(after_help = "Example:
  invoice-dispatcher tenants list")]
    List {
        /// Go on behind this tenant
        #[arg(long, value_name = "ID")]
        after: Option<String>,
        /// How many.
        #[command(flatten)]
        limit: Limit,
    },
    /// Let all deliveries of one tenant wait until resume; what a relay is being handed ends as it does
    #[command(after_help = "Example:
  invoice-dispatcher tenants pause acme --reason \"wrong amounts in today's invoices\"")]
    Pause {
        /// Its id
        tenant: String,
        /// Why.
        #[command(flatten)]
        why: ReasonArg,
    },
    /// Send the tenant's deliveries again
    #[command(after_help = "Example:
  invoice-dispatcher tenants resume acme")]
    Resume {
        /// Its id
        tenant: String,
    },
}

/// A tenant in a list.
#[derive(Serialize)]
struct TenantRow {
    id: TenantId,
    name: String,
    /// The address that its mails come from.
    sender: String,
    relay: RelayName,
    locale: String,
    /// Why its deliveries wait, if they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<PausedRow>,
}

/// A pause in a list.
#[derive(Serialize)]
struct PausedRow {
    reason: String,
    by: String,
    at: Timestamp,
}

/// What a pause or its end did.
#[derive(Serialize)]
struct PauseResult {
    tenant_id: TenantId,
    result: &'static str,
    /// That are held, or were let go.
    deliveries: u64,
}

impl TenantRow {
    fn of(tenant: TenantOverview) -> Self {
        let TenantOverview { id, relay, profile, pause, .. } = tenant;
        let paused = pause.map(|pause| PausedRow { reason: pause.reason, by: pause.paused_by, at: pause.paused_at });
        Self { id, name: profile.name, sender: profile.sender.address, relay, locale: profile.locale, paused }
    }
}

impl ListRow for TenantRow {
    const COLUMNS: &'static [Column] = &[
        Column::whole("TENANT"),
        Column::text("RELAY"),
        Column::text("LOCALE").wide_only(),
        Column::text("SENDER"),
        Column::text("NAME"),
        Column::text("STATE"),
    ];

    fn cells(&self) -> Vec<String> {
        let Self { id, name, sender, relay, locale, paused } = self;
        let state = paused.as_ref().map_or_else(|| "sends".to_owned(), |pause| format!("paused: {}", pause.reason));
        vec![id.to_string(), relay.to_string(), locale.clone(), sender.clone(), name.clone(), state]
    }
}

/// Does what the command line says.
pub async fn run(args: TenantsArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    match args.action {
        Action::List { after, limit } => list(&app, globals, after.as_deref(), &limit).await,
        Action::Pause { tenant, why } => {
            let tenant = TenantId::from(tenant);
            let change = app.store.pause_tenant(&tenant, &globals.who(), &why.reason).await?;
            say_change(globals.output(), tenant, change, ("paused", "its deliveries wait until `tenants resume`"))
        }
        Action::Resume { tenant } => {
            let tenant = TenantId::from(tenant);
            let change = app.store.resume_tenant(&tenant, &globals.who()).await?;
            app.wakes.wake_all();
            say_change(globals.output(), tenant, change, ("resumed", "a running worker sends them"))
        }
    }
}

async fn list(app: &App, globals: &Globals, after: Option<&str>, limit: &Limit) -> anyhow::Result<()> {
    let wanted = usize::try_from(limit.limit).unwrap_or(usize::MAX);
    let after = after.map(TenantId::from);
    let limit = limit.limit.saturating_add(1);
    let mut tenants = app.store.tenant_overviews(&TenantScope::All, after.as_ref(), limit).await?;
    let more = tenants.len() > wanted;
    tenants.truncate(wanted);
    let rows: Vec<TenantRow> = tenants.into_iter().map(TenantRow::of).collect();
    globals.output().rows(&rows, "no tenant is known; `import FILE` brings them")?;
    match rows.last().filter(|_| more) {
        Some(last) => {
            let last = quoted(last.id.as_str());
            Ok(globals.output().say(&format!("\nthere are more: the same with --after {last}, or raise --limit"))?)
        }
        None => Ok(()),
    }
}

fn say_change(
    output: Output,
    tenant_id: TenantId,
    change: PauseChange,
    (done, next): (&'static str, &str),
) -> anyhow::Result<()> {
    let deliveries = match change {
        PauseChange::Done { deliveries } => deliveries,
        PauseChange::Unchanged => {
            return Err(anyhow::anyhow!("the tenant {tenant_id} is {done} already: nothing was changed"))
                .what_to_do("`tenants list` shows which are paused, and why");
        }
        PauseChange::UnknownTenant => {
            return Err(anyhow::anyhow!("there is no tenant {tenant_id}")).what_to_do("`tenants list` shows them");
        }
    };
    let number = count(usize::try_from(deliveries).unwrap_or(usize::MAX), "delivery");
    let text = match done {
        "paused" => format!("the tenant {tenant_id} is paused, {number} held; {next}"),
        _ => format!("the tenant {tenant_id} is resumed, {number} let go; {next}"),
    };
    Ok(output.one(&PauseResult { tenant_id, result: done, deliveries }, &text)?)
}
