//! The customers' pages. Until they are built, a link answers honestly: not yet, and whom to ask.

pub mod language;
pub mod pages;
pub mod words;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Semaphore;

use crate::model::tenant::TenantProfile;
use crate::sha256::Sha256;
use crate::store::Store;
use crate::web::{add_security_headers, in_request_span};

/// How soon a customer may try again, in seconds.
const RETRY_AFTER: &str = "86400";

/// Requests that ask the database at once. The API, which shares its connections with these pages, has the rest.
const AT_ONCE_MAX: usize = 2;
/// How long a request may wait for its turn.
const TURN_DEADLINE: Duration = Duration::from_secs(2);
/// How long a request may take, once it is its turn.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// The portal's routes.
pub fn router(store: Store) -> Router {
    let turns = Arc::new(Semaphore::new(AT_ONCE_MAX));
    Router::new()
        .route("/i/{token}", get(not_yet))
        .layer(from_fn_with_state(turns, in_turn))
        .layer(from_fn(in_request_span))
        .layer(map_response(add_security_headers))
        .with_state(store)
}

/// Whoever comes, in whatever numbers, gets an answer in time.
async fn in_turn(State(turns): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let answering = async {
        // The semaphore is never closed: only the deadline ends this without a turn.
        let _turn = tokio::time::timeout(TURN_DEADLINE, turns.acquire()).await.ok()?.ok()?;
        tokio::time::timeout(ANSWER_DEADLINE, next.run(request)).await.ok()
    };
    answering.await.unwrap_or_else(|| {
        let mut answer = page(StatusCode::SERVICE_UNAVAILABLE, "Please try again later.");
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        answer
    })
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
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::RETRY_AFTER, RETRY_AFTER)];
    (status, headers, format!("{text}\n")).into_response()
}

fn contact(tenant: &TenantProfile) -> String {
    let contact = &tenant.contact;
    let ways: Vec<&str> =
        [&contact.email, &contact.phone, &contact.url].into_iter().flatten().map(String::as_str).collect();
    let ask = if ways.is_empty() { tenant.sender.address.clone() } else { ways.join(", ") };
    format!("This page is not available yet. To receive your document, please contact {}: {ask}", tenant.name)
}
