//! `/logo/{sha256}`: a tenant's logo, under the digest of its bytes.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::Portal;
use crate::sha256::Sha256;
use crate::web::kept_for_good;

pub(super) async fn show(State(portal): State<Portal>, name: Result<Path<String>, PathRejection>) -> Response {
    let Some(sha256) = name.ok().and_then(|Path(name)| Sha256::from_hex(&name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match portal.store.logo(sha256).await {
        Ok(Some(logo)) => kept_for_good(logo.format.into_str(), logo.bytes),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::warn!("failed to read a tenant's logo: {error}");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
