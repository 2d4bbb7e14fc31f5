//! `audit`: who did what.

use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;

use super::Globals;
use super::arguments::{Limit, moment, spelled};
use super::terminal::format::relative;
use super::terminal::output::ListRow;
use super::terminal::table::Column;
use crate::clock::Timestamp;
use crate::model::audit::AuditAction;
use crate::model::ids::TenantId;
use crate::operator::audit_view::view_audit;
use crate::store::{AuditRecord, AuditSearch, Cursor, PageRequest};

/// List what people did: who, what, why and when
#[derive(Debug, clap::Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    pub action: AuditListing,
}

#[derive(Debug, Subcommand)]
pub enum AuditListing {
    /// List entries of the audit log, newest first; `doctor --audit` proves them
    #[command(after_help = "Examples:
  invoice-dispatcher audit list --tenant acme
  invoice-dispatcher audit list --action settings_changed --since 2026-11-01T00:00:00Z")]
    List(Box<AuditSelection>),
}

/// Which entries a list shows.
#[derive(Debug, clap::Args)]
pub struct AuditSelection {
    /// Only since then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Only before then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Only by whom: a name as the list shows it, or the id of an operator or token
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Only of this kind
    #[arg(long, value_parser = spelled!(AuditAction), hide_possible_values = true)]
    action: Option<AuditAction>,
    /// Only of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only upon this delivery, dead letter, customer, relay or sender
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Continue after the cursor of an earlier list
    #[arg(long, value_name = "CURSOR")]
    after: Option<Cursor>,
    #[command(flatten)]
    limit: Limit,
}

/// An entry in a list.
#[derive(Serialize)]
struct ListedAct {
    entry: i64,
    at: Timestamp,
    action: &'static str,
    who_kind: String,
    who: Option<String>,
    tenant_id: Option<String>,
    customer_id: Option<String>,
    subject: Option<String>,
    reason: Option<String>,
    change: Option<Value>,
    network: Option<String>,
    erased: bool,
    #[serde(skip)]
    now: Timestamp,
}

impl ListRow for ListedAct {
    const COLUMNS: &'static [Column] = &[
        Column::whole("ENTRY"),
        Column::text("WHEN"),
        Column::text("WHO"),
        Column::whole("WHAT"),
        Column::text("TENANT").wide_only(),
        Column::text("SUBJECT"),
        Column::text("WHY").if_room(),
    ];

    fn cells(&self) -> Vec<String> {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        // Of an import people look for the file.
        let file = self.change.as_ref().and_then(|change| change.get("file")?.as_str()).map(str::to_owned);
        vec![
            self.entry.to_string(),
            relative(self.at, self.now),
            self.who.clone().unwrap_or_else(|| "(erased)".to_owned()),
            self.action.to_owned(),
            or_dash(&self.tenant_id),
            or_dash(&file.or_else(|| self.subject.clone())),
            or_dash(&self.reason),
        ]
    }
}

impl ListedAct {
    fn of(record: AuditRecord, now: Timestamp) -> Self {
        Self {
            entry: record.sequence,
            at: record.at,
            action: record.action.into_str(),
            who_kind: record.who_kind,
            who: record.who,
            tenant_id: record.tenant.map(|tenant| tenant.to_string()),
            customer_id: record.customer.map(|customer| customer.to_string()),
            subject: record.subject,
            reason: record.reason,
            change: record.change,
            network: record.network,
            erased: record.is_erased,
            now,
        }
    }
}

/// Does what the command line says.
pub async fn run(args: AuditArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let AuditListing::List(wanted) = args.action;
    let AuditSelection { since, until, by, action, tenant, subject, after, limit } = *wanted;
    let filter = AuditSearch { since, until, who: by, action, tenant: tenant.map(TenantId::from), subject };
    let request = PageRequest { limit: limit.limit, after };
    let page = view_audit(&app.store, &globals.who(), &filter, request).await?;
    let now = app.store.now();
    let rows: Vec<ListedAct> = page.items.into_iter().map(|record| ListedAct::of(record, now)).collect();
    globals.output().rows(&rows, "no entry is like that")?;
    match page.next {
        Some(next) => {
            Ok(globals.output().say(&format!("\nthere are more: the same with --after {next}, or raise --limit"))?)
        }
        None => Ok(()),
    }
}
