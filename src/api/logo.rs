//! `/api/v1/tenants/{tenant_id}/logo`: the image at the head of a tenant's pages.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actor::Asking;
use super::caller::Caller;
use super::document::parameters::TenantInPath;
use super::document::problems::{BodyProblems, NotFound, Problems};
use super::path::{self, TenantPath};
use super::refusal::ApiRefusal;
use super::{ApiSettings, body};
use crate::event::Malformed;
use crate::model::logo::Logo;
use crate::store::LogoSaved;

/// The routes of a tenant's logo.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(show, put, delete))
}

const EXPECTED: &str = "image/png or image/jpeg";

/// Gives a tenant its logo: the body is the image.
///
/// At most 100,000 bytes, and 2,000 pixels in either direction. It is decoded before it is taken.
#[utoipa::path(
    put,
    path = "/api/v1/tenants/{tenant_id}/logo",
    operation_id = "put_logo",
    tag = "tenants",
    params(TenantInPath),
    request_body(content(("image/png"), ("image/jpeg"))),
    responses(
        (status = 201, description = "The tenant had none."),
        (status = 204, description = "It took the place of another, or is the same."),
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
) -> Result<StatusCode, ApiRefusal> {
    let id = path::tenant(path)?;
    caller.expect_in_scope(&id)?;
    let told = body::media_type(&headers);
    if !matches!(told.as_deref(), Some("image/png" | "image/jpeg")) {
        return Err(ApiRefusal::MediaType { expected: EXPECTED });
    }
    let logo = Logo::read(body).map_err(|invalid| Malformed::at("$", invalid.to_string()))?;
    match console.store.save_logo(&id, &logo, &who).await? {
        LogoSaved::Created => Ok(StatusCode::CREATED),
        LogoSaved::Changed | LogoSaved::Unchanged => Ok(StatusCode::NO_CONTENT),
        LogoSaved::UnknownTenant => Err(ApiRefusal::UnknownTenant(id)),
    }
}

/// Shows a tenant's logo, byte for byte.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant_id}/logo",
    operation_id = "show_logo",
    tag = "tenants",
    params(TenantInPath),
    responses(
        (
            status = 200,
            description = "The image.",
            content(("image/png"), ("image/jpeg")),
            headers(("ETag" = String, description = "Its SHA-256."))
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
    let id = path::tenant(path)?;
    let logo = console.store.logo_of(&id, caller.scope()).await?.ok_or(ApiRefusal::NoLogo)?;
    let tag = HeaderValue::try_from(format!("\"{}\"", logo.sha256)).expect("digits fit a header");
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(logo.format.into_str())), (header::ETAG, tag)];
    Ok((headers, logo.bytes).into_response())
}

/// Takes a tenant's logo away. That it has none is no fault: the request may be repeated.
#[utoipa::path(
    delete,
    path = "/api/v1/tenants/{tenant_id}/logo",
    operation_id = "delete_logo",
    tag = "tenants",
    params(TenantInPath),
    responses((status = 204, description = "It has none now."), NotFound, Problems)
)]
pub(super) async fn delete(
    State(console): State<ApiSettings>,
    caller: Caller,
    Asking(who): Asking,
    path: TenantPath,
) -> Result<StatusCode, ApiRefusal> {
    let id = path::tenant(path)?;
    caller.expect_in_scope(&id)?;
    console.store.delete_logo(&id, &who).await?;
    Ok(StatusCode::NO_CONTENT)
}
