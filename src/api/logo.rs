//! `/api/v1/tenants/{tenant_id}/logo`: the image at the head of a tenant's pages.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::actor::Asking;
use super::caller::Caller;
use super::path::{self, TenantPath};
use super::refusal::ApiRefusal;
use super::{ApiSettings, body};
use crate::event::Malformed;
use crate::model::logo::Logo;
use crate::store::LogoSaved;

const EXPECTED: &str = "image/png or image/jpeg";

/// Gives a tenant its logo: the body is the image.
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

/// Shows a tenant's logo.
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
