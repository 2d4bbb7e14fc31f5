//! `/api/v1/audit`: who did what, when, from where and why.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::ApiSettings;
use super::actor::Asking;
use super::document::problems::Problems;
use super::document::schemas::PrincipalWord;
use super::paging::unreadable;
use super::refusal::ApiRefusal;
use crate::clock::Timestamp;
use crate::event::Malformed;
use crate::event::bounds::{KEY_MAX, identifier, loose_text};
use crate::model::audit::AuditAction;
use crate::model::ids::{CustomerId, TenantId};
use crate::operator::audit_export::{AUDIT_COLUMNS, export_audit};
use crate::operator::audit_view::view_audit;
use crate::store::{AuditRecord, AuditSearch, PageRequest};
use crate::web::csv_answer;

/// The routes of the audit log.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(export))
}

/// The longest name or subject that is looked for, in characters.
const SOUGHT_CHARS_MAX: usize = 1024;
/// The most entries of one answer.
const LIMIT_MAX: u32 = 500;
/// How many, unless somebody asks for more or less.
const LIMIT: u32 = 100;

/// Which entries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// From this moment on.
    #[serde(default)]
    #[param(value_type = Option<Timestamp>)]
    since: Option<String>,
    /// Before this moment.
    #[serde(default)]
    #[param(value_type = Option<Timestamp>)]
    until: Option<String>,
    /// A name as entries show it, or the id of an operator or token.
    #[serde(default)]
    #[param(max_length = 1024)]
    who: Option<String>,
    #[serde(default)]
    #[param(value_type = Option<AuditAction>)]
    action: Option<String>,
    #[serde(default)]
    tenant_id: Option<TenantId>,
    /// What was acted upon, exactly.
    #[serde(default)]
    #[param(max_length = 1024)]
    subject: Option<String>,
    /// The most entries of the answer; 100 without it.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of an earlier answer.
    #[serde(default)]
    after: Option<String>,
}

/// [`AuditQuery`] without the page: a file is whole.
enum ExportQuery {}

impl IntoParams for ExportQuery {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let all = AuditQuery::into_params(place).into_iter();
        all.filter(|parameter| !matches!(parameter.name.as_str(), "limit" | "after")).collect()
    }
}

/// Entries, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditAnswer {
    entries: Vec<ListedEntry>,
    /// Where the list goes on, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One act.
#[derive(Debug, Serialize, ToSchema)]
struct ListedEntry {
    /// Its number; a chain of digests joins them.
    entry: i64,
    at: Timestamp,
    #[schema(value_type = AuditAction)]
    action: &'static str,
    #[schema(value_type = PrincipalWord)]
    who_kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    who_id: Option<Uuid>,
    /// Missing where the details are erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<CustomerId>,
    /// What was acted upon.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What was changed, from what to what.
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Value>,
    /// Deleted after 7 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    /// A customer was erased whom the entry named: `who`, `reason` and `change` are gone.
    erased: bool,
}

/// Lists entries, newest first.
///
/// Nothing in them is masked. That somebody has read them is an entry, too: one for all pages of a search within 15 minutes.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    operation_id = "list_audit_entries",
    tag = "audit",
    params(AuditQuery),
    responses((status = 200, description = "The entries.", body = AuditAnswer), Problems)
)]
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
    let page = view_audit(&console.store, &who, &query.filter()?, request).await?;
    let entries = page.items.into_iter().map(ListedEntry::of).collect();
    Ok(Json(AuditAnswer { entries, next: page.next.map(|next| next.to_string()) }))
}

/// Shows the same entries as a file, all of them.
///
/// UTF-8 with a byte order mark; a cell that a spreadsheet would take for a formula begins with an apostrophe. That it was
/// exported is an entry, too.
#[utoipa::path(
    get,
    path = "/api/v1/audit.csv",
    operation_id = "export_audit_entries",
    tag = "audit",
    params(ExportQuery),
    responses(
        (status = 200, description = "The entries.", body = String, content_type = "text/csv"),
        Problems
    )
)]
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
    query.map(|Query(query)| query).map_err(|refused| unreadable(&refused, expected))
}

impl AuditQuery {
    fn filter(&self) -> Result<AuditSearch, Malformed> {
        let moment = |name: &str, text: &Option<String>| {
            let read = text.as_deref().map(Timestamp::parse).transpose();
            read.map_err(|_| Malformed::at(name, "is not a time with its offset, as 2026-11-23T09:30:00Z"))
        };
        // What PostgreSQL would refuse.
        let sought = |name: &str, text: &Option<String>| {
            text.as_deref().map_or(Ok(()), |text| loose_text(name, text, SOUGHT_CHARS_MAX))
        };
        sought("who", &self.who)?;
        sought("subject", &self.subject)?;
        if let Some(tenant) = &self.tenant_id {
            identifier("tenant_id", tenant.as_str(), KEY_MAX)?;
        }
        let action = self.action.as_deref().map(str::parse).transpose();
        Ok(AuditSearch {
            since: moment("since", &self.since)?,
            until: moment("until", &self.until)?,
            who: self.who.clone(),
            action: action.map_err(|_| Malformed::at("action", "is not an action of the audit log"))?,
            tenant: self.tenant_id.clone(),
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
