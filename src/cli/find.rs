//! `find`: whatever a caller can name, over all tenants.

mod hit;

use serde_json::json;

use super::Globals;
use super::lookup::recipient_keys::warn_of_missing_key;
use super::lookup::which_invoice::quoted;
use crate::model::access::TenantScope;
use crate::model::audit::AuditAction;
use crate::model::ids::TenantId;
use crate::store::{FindCursor, FindPage, FindRequest, NewAuditEntry};
use hit::Hit;

/// Search everything: an invoice's number or the beginning of it, an address, a customer's id or name, a Message-ID, the
/// id of an event, a delivery or a dead letter
///
/// Over all tenants, whatever became of it. Case and blanks do not count; of numbers, names and ids the beginning is
/// enough, of an address nothing less than all of it. What is named exactly comes first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher find R-2026-0042
  invoice-dispatcher find \"acme ltd\"
  invoice-dispatcher find ap@customer.example --tenant acme")]
pub struct FindArgs {
    /// The text to search for
    #[arg(value_name = "TEXT", required = true, num_args = 1..)]
    pub text: Vec<String>,
    /// Only of this tenant
    #[arg(long)]
    pub tenant: Option<String>,
    /// Continue after the cursor of an earlier search
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<FindCursor>,
    /// Show at most this many, beside what has exactly this id
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub limit: u32,
    /// Show addresses and names of private customers whole; they are masked otherwise
    #[arg(long)]
    pub addresses: bool,
}

/// Does what the command line says.
pub async fn run(args: FindArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let output = globals.output();
    let text = args.text.join(" ");
    let tenant = args.tenant.map(TenantId::from);
    let scope = TenantScope::All.narrowed_to(tenant.as_ref());
    let request = FindRequest { text: &text, scope: &scope, after: args.after.as_ref(), limit: args.limit };
    let FindPage { hits: found, next } = app.store.find(&request).await?;
    let (more_customers, several_ids) = (found.more_customers, found.several_ids);
    if text.contains('@') {
        warn_of_missing_key(&app, output).await?;
    }
    if args.addresses {
        let who = globals.who();
        let entry = NewAuditEntry { tenant: tenant.as_ref(), ..NewAuditEntry::new(AuditAction::ListViewed, &who) };
        app.store.audit(&entry.with(json!({ "search": text }))).await?;
    }
    let hits = Hit::all(found, args.addresses, app.store.now());
    let none = if several_ids {
        "several ids begin like that, and nothing else is named so: write more of the id"
    } else {
        "nothing is named like that: check it, or write less of a number or a name; an address is found whole or not at all"
    };
    output.rows(&hits, none)?;
    if let Some(next) = next {
        output.say(&format!("\nthere are more: the same with --after {next}, or raise --limit"))?;
    }
    if several_ids && !hits.is_empty() {
        output.say("\nseveral ids begin like that, too: write more of the id to find what has it")?;
    }
    if more_customers {
        output.say("\nthere are more customers of this name: write more of it")?;
    }
    match hits.iter().find_map(Hit::invoice) {
        Some((tenant, number)) => {
            let (tenant, number) = (quoted(tenant), quoted(number));
            Ok(output.say(&format!("\nnext: `explain --tenant {tenant} --invoice {number}` says what happened"))?)
        }
        None => Ok(()),
    }
}
