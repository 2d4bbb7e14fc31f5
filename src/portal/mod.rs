//! The customers' pages. Until they are built, a link answers honestly: not yet, and whom to ask.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::ids::Sha256;
use crate::store::Store;
use crate::tenant::TenantProfile;

/// How soon a customer may try again, in seconds.
const RETRY_AFTER: &str = "86400";

/// The portal's routes.
pub fn router(store: Store) -> Router {
    Router::new().route("/i/{token}", get(not_yet)).with_state(store)
}

/// 503 with the tenant's contact; 404 without telling whether such a link ever was.
async fn not_yet(State(store): State<Store>, Path(token): Path<String>) -> Response {
    match store.tenant_of_link(Sha256::of(token.as_bytes())).await {
        Ok(Some(tenant)) => page(StatusCode::SERVICE_UNAVAILABLE, &contact(&tenant)),
        Ok(None) => page(StatusCode::NOT_FOUND, "This link is not valid, or not any more."),
        Err(_) => page(StatusCode::SERVICE_UNAVAILABLE, "Please try again later."),
    }
}

fn page(status: StatusCode, text: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::RETRY_AFTER, RETRY_AFTER),
    ];
    (status, headers, format!("{text}\n")).into_response()
}

fn contact(tenant: &TenantProfile) -> String {
    let contact = &tenant.contact;
    let ways: Vec<&str> =
        [&contact.email, &contact.phone, &contact.url].into_iter().flatten().map(String::as_str).collect();
    let ask = if ways.is_empty() { tenant.sender.address.clone() } else { ways.join(", ") };
    format!("This page is not available yet. To receive your document, please contact {}: {ask}", tenant.name)
}
