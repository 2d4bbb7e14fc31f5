//! `tenants`: who sends invoices.

use clap::Subcommand;
use serde::Serialize;

use super::Globals;
use super::arguments::Limit;
use super::lookup::which_invoice::quoted;
use super::terminal::output::ListRow;
use super::terminal::table::Column;
use crate::model::access::TenantScope;
use crate::model::ids::{RelayName, TenantId};
use crate::store::ListedTenant;

/// List tenants
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
}

impl TenantRow {
    fn of(tenant: ListedTenant) -> Self {
        let ListedTenant { id, relay, profile } = tenant;
        Self { id, name: profile.name, sender: profile.sender.address, relay, locale: profile.locale }
    }
}

impl ListRow for TenantRow {
    const COLUMNS: &'static [Column] = &[
        Column::whole("TENANT"),
        Column::text("RELAY"),
        Column::text("LOCALE").wide_only(),
        Column::text("SENDER"),
        Column::text("NAME"),
    ];

    fn cells(&self) -> Vec<String> {
        let Self { id, name, sender, relay, locale } = self;
        vec![id.to_string(), relay.to_string(), locale.clone(), sender.clone(), name.clone()]
    }
}

/// Does what the command line says.
pub async fn run(args: TenantsArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let Action::List { after, limit } = args.action;
    let wanted = usize::try_from(limit.limit).unwrap_or(usize::MAX);
    let after = after.map(TenantId::from);
    let mut tenants = app.store.tenants(&TenantScope::All, after.as_ref(), limit.limit.saturating_add(1)).await?;
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
