//! `/api/v1/tenants/{tenant_id}`: who sends invoices.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;

use super::actor::Asking;
use super::caller::Caller;
use super::path::{self, TenantPath};
use super::refusal::ApiRefusal;
use super::upserted::Upserted;
use super::{ApiSettings, body};
use crate::event::MemberWarning;
use crate::event::catalogue::{parse_tenant, warnings_of_tenant};
use crate::model::ids::TenantId;
use crate::model::tenant::Tenant;
use crate::store::TenantUpserted;

/// What a PUT did.
#[derive(Debug, Serialize)]
struct TenantAnswer {
    id: TenantId,
    result: Upserted,
    /// The relay or the place in the document store has changed.
    moved: bool,
    /// The body's settings are not those that hold; they were not applied.
    settings_ignored: bool,
    /// Dead letters that are put back, because the tenant was what they lacked.
    dead_letters_cured: usize,
    /// What of the body is ignored.
    warnings: Vec<MemberWarning>,
}

/// Remembers a tenant.
pub(super) async fn put(
    State(console): State<ApiSettings>,
    caller: Caller,
    Asking(who): Asking,
    path: TenantPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiRefusal> {
    let id = path::tenant(path)?;
    caller.expect_in_scope(&id)?;
    body::expect_json(&headers)?;
    let tenant = parse_tenant(&body, Some(&id))?;
    let TenantUpserted { created, profile_changed, moved, settings_ignored, resolvable } =
        console.store.upsert_tenant(&tenant, &who).await?;
    let result = Upserted::of(created, profile_changed || moved);
    console.auto_redrive(&resolvable).await;
    let (dead_letters_cured, warnings) = (resolvable.len(), warnings_of_tenant(&body));
    let answer = TenantAnswer { id, result, moved, settings_ignored, dead_letters_cured, warnings };
    Ok((result.status(), Json(answer)).into_response())
}

/// Shows a tenant, with the settings that hold now.
pub(super) async fn show(
    State(console): State<ApiSettings>,
    caller: Caller,
    path: TenantPath,
) -> Result<Json<Tenant>, ApiRefusal> {
    let id = path::tenant(path)?;
    let tenant = console.store.tenant(&id, caller.scope()).await?;
    tenant.map(Json).ok_or(ApiRefusal::UnknownTenant(id))
}
