//! `/api/v1/tenants/{tenant_id}`: who sends invoices.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actor::Asking;
use super::caller::Caller;
use super::document::bodies::{ShownTenant, TenantBody};
use super::document::parameters::TenantInPath;
use super::document::problems::{BodyProblems, NotFound, Problems};
use super::path::{self, TenantPath};
use super::refusal::ApiRefusal;
use super::upserted::Upserted;
use super::{ApiSettings, body};
use crate::event::MemberWarning;
use crate::event::catalogue::{parse_tenant, warnings_of_tenant};
use crate::model::ids::TenantId;
use crate::model::tenant::Tenant;
use crate::store::TenantUpserted;

/// The routes of a tenant.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(show, put))
}

/// What a PUT did to a tenant.
#[derive(Debug, Serialize, ToSchema)]
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

/// Creates a tenant, or replaces all that is known of it but its settings.
///
/// `id` in the body may be left out, and must not differ. The settings count at creation only: an import cannot undo what an
/// administrator chose.
#[utoipa::path(
    put,
    path = "/api/v1/tenants/{tenant_id}",
    operation_id = "put_tenant",
    tag = "tenants",
    params(TenantInPath),
    request_body = TenantBody,
    responses(
        (status = 200, description = "It was known.", body = TenantAnswer),
        (status = 201, description = "It is new.", body = TenantAnswer),
        BodyProblems,
        NotFound,
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
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant_id}",
    operation_id = "show_tenant",
    tag = "tenants",
    params(TenantInPath),
    responses(
        (status = 200, description = "The tenant; it may be put back as it is.", body = ShownTenant),
        NotFound,
        Problems
    )
)]
pub(super) async fn show(
    State(console): State<ApiSettings>,
    caller: Caller,
    path: TenantPath,
) -> Result<Json<Tenant>, ApiRefusal> {
    let id = path::tenant(path)?;
    let tenant = console.store.tenant(&id, caller.scope()).await?;
    tenant.map(Json).ok_or(ApiRefusal::UnknownTenant(id))
}
