//! `/api/v1/tenants/{tenant_id}/settings`: what an administrator chooses, changed only by who knows what holds now.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actor::Asking;
use super::caller::Caller;
use super::document::bodies::{SettingsBody, SettingsChangeBody};
use super::document::parameters::{IfMatchHeader, TenantInPath};
use super::document::problems::{BodyProblems, NotFound, Problems, VersionProblems};
use super::etag::{self, IfMatch};
use super::path::{self, TenantPath};
use super::refusal::ApiRefusal;
use super::{ApiSettings, body};
use crate::event::MemberWarning;
use crate::event::catalogue::{parse_settings, reason_of_settings, warnings_of_settings};
use crate::model::customer_group::CustomerGroup;
use crate::model::settings::{Settings, VersionedSettings};
use crate::model::verification::VerificationConfig;
use crate::policy::consequences::{PolicyWarning, policy_warnings};
use crate::store::SettingsPut;

/// The routes of a tenant's settings.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(show, put))
}

/// Settings, with their version and what is to be said about them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SettingsAnswer {
    /// The `ETag` without its quotes; counts the changes, from 1.
    version: i64,
    #[serde(flatten)]
    #[schema(value_type = SettingsBody)]
    settings: Settings,
    warnings: Vec<PolicyWarning>,
    /// What of the body is ignored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ignored: Vec<MemberWarning>,
}

/// Shows the settings that hold now.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant_id}/settings",
    operation_id = "show_settings",
    tag = "settings",
    params(TenantInPath),
    responses(
        (
            status = 200,
            description = "The settings.",
            body = SettingsAnswer,
            headers(("ETag" = String, description = "What a change sends as If-Match."))
        ),
        NotFound,
        Problems
    )
)]
pub(super) async fn show(
    State(console): State<ApiSettings>,
    caller: Caller,
    path: TenantPath,
) -> Result<Response, ApiRefusal> {
    let tenant = path::tenant(path)?;
    let settings = console
        .store
        .settings(&tenant, caller.scope())
        .await?
        .ok_or_else(|| ApiRefusal::UnknownTenant(tenant.clone()))?;
    let customers = console.store.customer_groups(&tenant, caller.scope()).await?;
    Ok(answer(settings, &customers, &console.verification, Vec::new()))
}

/// Lets other settings hold, if those that the request read still do.
///
/// They take effect at once. `version` and `warnings` in the body are ignored, so that what was read can be put back.
#[utoipa::path(
    put,
    path = "/api/v1/tenants/{tenant_id}/settings",
    operation_id = "put_settings",
    tag = "settings",
    params(TenantInPath, IfMatchHeader),
    request_body = SettingsChangeBody,
    responses(
        (
            status = 200,
            description = "The settings that hold now.",
            body = SettingsAnswer,
            headers(("ETag" = String, description = "What the next change sends as If-Match."))
        ),
        BodyProblems,
        NotFound,
        VersionProblems,
        Problems
    )
)]
pub(super) async fn put(
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
    let current = console
        .store
        .settings(&tenant, caller.scope())
        .await?
        .ok_or_else(|| ApiRefusal::UnknownTenant(tenant.clone()))?;
    let version = matched(if_match, current.version)?;
    let settings = parse_settings(&body)?;
    let reason = reason_of_settings(&body, body::REASON_CHARS_MAX)?;
    // Before they are saved: once they are, nothing can go wrong any more.
    let customers = console.store.customer_groups(&tenant, caller.scope()).await?;
    match console.store.put_settings(&tenant, &settings, version, reason.as_deref(), &who).await? {
        SettingsPut::Saved(saved) => Ok(answer(saved, &customers, &console.verification, warnings_of_settings(&body))),
        SettingsPut::Conflict(current) => Err(ApiRefusal::Changed { version: current.version }),
        SettingsPut::UnknownTenant | SettingsPut::UnknownVersion => Err(ApiRefusal::UnknownTenant(tenant)),
    }
}

/// The version that a change has to find, if it names one.
pub(super) fn matched(if_match: IfMatch, current: i64) -> Result<Option<i64>, ApiRefusal> {
    match if_match {
        IfMatch::Absent => Err(ApiRefusal::NoIfMatch),
        IfMatch::Any => Ok(None),
        IfMatch::Versions(versions) if versions.contains(&current) => Ok(Some(current)),
        IfMatch::Versions(_) => Err(ApiRefusal::Changed { version: current }),
    }
}

pub(super) fn answer(
    versioned: VersionedSettings,
    customers: &[CustomerGroup],
    verification: &VerificationConfig,
    ignored: Vec<MemberWarning>,
) -> Response {
    let VersionedSettings { version, settings } = versioned;
    let warnings = policy_warnings(settings, customers, verification);
    ([(header::ETAG, etag::of(version))], Json(SettingsAnswer { version, settings, warnings, ignored })).into_response()
}
