//! `/api/v1/audit`: who did what, when, from where and why.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::ApiSettings;
use super::actor::Asking;
use super::refusal::ApiRefusal;
use crate::clock::Timestamp;
use crate::event::Malformed;
use crate::model::ids::{CustomerId, TenantId};
use crate::operator::audit_export::{AUDIT_COLUMNS, export_audit};
use crate::store::{AuditRecord, AuditSearch, PageRequest};
use crate::web::csv_answer;

/// The most entries of one answer.
const LIMIT_MAX: u32 = 500;
/// How many, unless somebody asks for more or less.
const LIMIT: u32 = 100;

/// Which entries.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    until: Option<String>,
    /// A name, or the id of an operator or token.
    #[serde(default)]
    who: Option<String>,
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    tenant_id: Option<String>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    limit: Option<u32>,
    /// Where an earlier answer ended.
    #[serde(default)]
    after: Option<String>,
}

/// Entries, newest first, and where the list goes on.
#[derive(Debug, Serialize)]
pub(super) struct AuditAnswer {
    entries: Vec<ListedEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct ListedEntry {
    entry: i64,
    at: Timestamp,
    action: &'static str,
    who_kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    who_id: Option<Uuid>,
    /// Missing where the details are erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<CustomerId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Value>,
    /// Deleted after 7 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    erased: bool,
}

/// Lists entries.
pub(super) async fn list(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<AuditAnswer>, ApiRefusal> {
    let query = read(query)?;
    let limit = query.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Malformed::at("limit", format!("must be between 1 and {LIMIT_MAX}")).into());
    }
    let after = query.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| Malformed::at("after", "is not the `next` of an earlier answer"))?;
    let request = PageRequest { limit, after };
    let page = console.store.audit_entries(&who.principal.scope, &query.filter()?, request).await?;
    let entries = page.items.into_iter().map(ListedEntry::of).collect();
    Ok(Json(AuditAnswer { entries, next: page.next.map(|next| next.to_string()) }))
}

/// The same entries as a file, all of them.
pub(super) async fn export(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Response, ApiRefusal> {
    let query = read(query)?;
    if query.limit.is_some() || query.after.is_some() {
        return Err(Malformed::at("$", "is a whole file: limit and after do not belong here").into());
    }
    let pages = export_audit(&console.store, &who, query.filter()?).await?;
    Ok(csv_answer("audit.csv", AUDIT_COLUMNS, pages))
}

fn read(query: Result<Query<AuditQuery>, QueryRejection>) -> Result<AuditQuery, Malformed> {
    let expected = "may be asked for with since, until, who, action, tenant_id, subject, limit and after";
    query.map(|Query(query)| query).map_err(|_| Malformed::at("$", expected))
}

impl AuditQuery {
    fn filter(&self) -> Result<AuditSearch, Malformed> {
        let moment = |name: &str, text: &Option<String>| {
            let read = text.as_deref().map(Timestamp::parse).transpose();
            read.map_err(|_| Malformed::at(name, "is not a time with its offset, as 2026-11-23T09:30:00Z"))
        };
        let action = self.action.as_deref().map(str::parse).transpose();
        Ok(AuditSearch {
            since: moment("since", &self.since)?,
            until: moment("until", &self.until)?,
            who: self.who.clone(),
            action: action.map_err(|_| Malformed::at("action", "is not an action of the audit log"))?,
            tenant: self.tenant_id.as_deref().map(TenantId::from),
            subject: self.subject.clone(),
        })
    }
}

impl ListedEntry {
    fn of(record: AuditRecord) -> Self {
        Self {
            entry: record.sequence,
            at: record.at,
            action: record.action.into_str(),
            who_kind: record.who_kind,
            who_id: record.who_id,
            who: record.who,
            tenant_id: record.tenant,
            customer_id: record.customer,
            subject: record.subject,
            reason: record.reason,
            change: record.change,
            network: record.network,
            erased: record.is_erased,
        }
    }
}
