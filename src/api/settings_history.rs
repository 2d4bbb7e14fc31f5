//! `/api/v1/tenants/{tenant_id}/settings/versions`: what a tenant's settings were, who chose them and why; and one back.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::act_refusal::ActRefusal;
use super::actor::Asking;
use super::caller::Caller;
use super::document::bodies::SettingsBody;
use super::document::parameters::{IdempotencyKeyHeader, IfMatchHeader, TenantInPath};
use super::document::problems::{BodyProblems, IdempotencyProblems, NotFound, Problems, VersionProblems};
use super::etag::IfMatch;
use super::path::{self, TenantPath};
use super::refusal::ApiRefusal;
use super::settings::{SettingsAnswer, answer, matched};
use super::{ApiSettings, body, paging};
use crate::clock::Timestamp;
use crate::model::settings::Settings;
use crate::operator::masking::Reader;
use crate::store::{SettingsChange, SettingsPut};

/// The routes of earlier settings.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(versions)).routes(routes!(restore))
}

/// Which part of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct VersionListQuery {
    /// The most versions of the answer; 100 without it.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of an earlier answer.
    #[serde(default)]
    after: Option<String>,
}

/// Settings that ever held, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionsAnswer {
    versions: Vec<ListedVersion>,
    /// Where the list goes on, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Settings that held from some moment.
#[derive(Debug, Serialize, ToSchema)]
struct ListedVersion {
    version: i64,
    #[serde(flatten)]
    #[schema(value_type = SettingsBody)]
    settings: Settings,
    changed_at: Timestamp,
    changed_by: String,
    /// Why, where somebody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Which earlier settings are to hold again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"version": 3, "reason": "customers could not open their invoices"}))]
pub(super) struct RestoreBody {
    version: i64,
    #[serde(default)]
    #[schema(min_length = 1, max_length = 500)]
    reason: Option<String>,
}

/// Lists every settings that ever held for a tenant, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant_id}/settings/versions",
    operation_id = "list_settings_versions",
    tag = "settings",
    params(TenantInPath, VersionListQuery),
    responses((status = 200, description = "The versions.", body = VersionsAnswer), NotFound, Problems)
)]
pub(super) async fn versions(
    State(console): State<ApiSettings>,
    caller: Caller,
    path: TenantPath,
    query: Result<Query<VersionListQuery>, QueryRejection>,
) -> Result<Json<VersionsAnswer>, ApiRefusal> {
    let tenant = path::tenant(path)?;
    let Query(VersionListQuery { limit, after }) = query.map_err(|refused| {
        paging::unreadable(&refused, "may be asked for with limit and after, and with nothing else")
    })?;
    let limit = paging::limit(limit)?;
    let before = after.map(|after| after.parse::<i64>()).transpose().map_err(|_| paging::no_cursor())?;
    let mut changes = console.store.settings_changes(&tenant, caller.scope(), before, limit + 1).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = changes.len() > wanted;
    changes.truncate(wanted);
    let next = changes.last().filter(|_| more).map(|last| last.version.to_string());
    // A tenant has settings from its beginning on.
    if changes.is_empty() && console.store.settings(&tenant, caller.scope()).await?.is_none() {
        return Err(ApiRefusal::UnknownTenant(tenant));
    }
    let reader = Reader::of_principal(&caller.0);
    Ok(Json(VersionsAnswer {
        versions: changes.into_iter().map(|change| ListedVersion::of(change, &reader)).collect(),
        next,
    }))
}

/// Lets what held as an earlier version hold again, as a new version, if those that the request read still do.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant_id}/settings/restore",
    operation_id = "restore_settings",
    tag = "settings",
    params(TenantInPath, IfMatchHeader, IdempotencyKeyHeader),
    request_body = RestoreBody,
    responses(
        (
            status = 200,
            description = "The settings that hold now.",
            body = SettingsAnswer,
            headers(("ETag" = String, description = "What the next change sends as If-Match."))
        ),
        BodyProblems,
        IdempotencyProblems,
        NotFound,
        VersionProblems,
        Problems
    )
)]
pub(super) async fn restore(
    State(console): State<ApiSettings>,
    caller: Caller,
    Asking(who): Asking,
    path: TenantPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiRefusal> {
    let tenant = path::tenant(path)?;
    let if_match = IfMatch::read(&headers);
    body::expect_json(&headers)?;
    let current = console.store.settings(&tenant, caller.scope()).await?;
    let current = current.ok_or_else(|| ApiRefusal::UnknownTenant(tenant.clone()))?;
    let version = matched(if_match, current.version)?;
    let wanted: RestoreBody = body::read_json(&headers, &body)?;
    let reason = wanted.reason.as_deref().map(body::reason).transpose()?;
    // Before they are saved: once they are, nothing can go wrong any more.
    let customers = console.store.customer_groups(&tenant, caller.scope()).await?;
    match console.store.restore_settings(&tenant, wanted.version, version, reason, &who).await? {
        SettingsPut::Saved(saved) => Ok(answer(saved, &customers, &console.verification, Vec::new())),
        SettingsPut::Conflict(current) => Err(ApiRefusal::Changed { version: current.version }),
        SettingsPut::UnknownTenant => Err(ApiRefusal::UnknownTenant(tenant)),
        SettingsPut::UnknownVersion => Err(ActRefusal::UnknownVersion.into()),
    }
}

impl ListedVersion {
    fn of(change: SettingsChange, reader: &Reader) -> Self {
        let SettingsChange { version, settings, changed_at, changed_by, reason } = change;
        Self { version, settings, changed_at, changed_by, reason: reason.map(|reason| reader.text(&reason)) }
    }
}
