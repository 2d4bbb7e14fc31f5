//! The HTTP API: events in, and what became of them; tenants, customers and settings.
//!
//! A file for each group of routes, with what the API's document says of them. Whatever goes wrong is a
//! [`refusal::ApiRefusal`], and every answer of it is `application/problem+json`. A request passes, in this order: our names
//! only (DNS rebinding), a panic's catch, a deadline, the token, and a bound on how many are worked on at once. Only then is
//! its body read, and it is done once if it names an `Idempotency-Key`.

mod access;
mod act_refusal;
mod actor;
mod audit;
mod body;
mod caller;
mod capacity;
mod conditional;
mod customers;
mod document;
mod etag;
mod event_report;
mod events;
mod idempotency;
mod invoices;
mod links;
mod logo;
mod me;
mod paging;
mod path;
mod pauses;
mod people;
mod permissions;
mod portal_locks;
mod refusal;
mod refused_tokens;
mod schemas;
mod settings;
mod settings_history;
mod settings_preview;
mod tenants;
mod upserted;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use ipnet::IpNet;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::compose::Templates;
use crate::config;
use crate::documents::DocumentStore;
use crate::intake::Intake;
use crate::model::ids::DeadLetterId;
use crate::model::verification::VerificationConfig;
use crate::operator::people::People;
use crate::operator::portal_settings::PortalSettings;
use crate::operator::redrive::Redrive;
use crate::operator::resend::Resend;
use crate::secrets::LinkKeys;
use crate::store::Store;
use crate::wake::Wakes;
use crate::web::{Access, HostAllowList, Probes, add_security_headers, in_request_span, probes_router};
use access::AccessGate;
use capacity::{Capacity, CapacityLimits};
use refusal::ApiRefusal;
use refused_tokens::RefusedTokens;

/// How long a request may take: longer than the database's own deadlines, so that these speak first.
const REQUEST_DEADLINE: Duration = Duration::from_mins(1);

/// Dead letters that the request that cures them puts back itself; the sweeper does the rest.
const AUTO_REDRIVES_AT_ONCE_MAX: u32 = 200;

/// What the API works with.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The database.
    pub store: Store,
    /// Takes events in.
    pub intake: Intake,
    /// Puts dead letters back.
    pub redrive: Redrive,
    /// Sends invoices again.
    pub resend: Resend,
    /// Adds and changes people and tokens.
    pub people: People,
    /// Looks ahead for settings.
    pub portal_settings: PortalSettings,
    /// What messages are put together with again.
    pub documents: DocumentStore,
    pub templates: Arc<Templates>,
    pub link_keys: LinkKeys,
    /// The portal's address, without a slash at its end.
    pub portal_url: String,
    /// The lanes' bells.
    pub wakes: Wakes,
    /// What customers can be verified by.
    pub verification: VerificationConfig,
    /// The proxies that are believed when they say whose request it is.
    pub trusted_proxies: Vec<IpNet>,
}

impl ApiSettings {
    /// Puts back what an upsert has cured. It is marked in the database: what is not put back now, the sweeper will.
    async fn auto_redrive(&self, marked: &[DeadLetterId]) {
        if marked.is_empty() {
            return;
        }
        if let Err(error) = self.redrive.auto_redrive(AUTO_REDRIVES_AT_ONCE_MAX).await {
            tracing::warn!(
                "failed to redrive {} dead letters whose cause is resolved; the sweeper tries again: {error}",
                marked.len()
            );
        }
    }
}

/// The API and the probes.
pub fn router(console: ApiSettings, probes: Probes, config: &config::ConsoleConfig) -> Router {
    router_beside(Router::new().fallback(async || ApiRefusal::NotFound), console, probes, config)
}

/// Everything that the console's listener serves: the API, the probes, and `pages` at every other address.
pub fn router_beside(pages: Router, console: ApiSettings, probes: Probes, config: &config::ConsoleConfig) -> Router {
    let access = Access::new(console.store.clone(), config);
    let refused = Arc::new(RefusedTokens::new(console.store.clock().clone()));
    let router = Router::new()
        .merge(api(console, AccessGate { access, refused }))
        .merge(probes_router(probes))
        .method_not_allowed_fallback(async || ApiRefusal::MethodNotAllowed)
        // No page stands among the API's addresses.
        .route("/api", any(async || ApiRefusal::NotFound))
        .route("/api/{*rest}", any(async || ApiRefusal::NotFound))
        .fallback_service(pages)
        .layer(from_fn_with_state(REQUEST_DEADLINE, end_in_time))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(from_fn(in_request_span));
    let names = config.hosts.iter().map(String::as_str).chain([config.url.host()]);
    HostAllowList::new(config.listen, names).guard(router).layer(map_response(add_security_headers))
}

/// `/api/v1`: events have a room of their own, so that their storm does not keep an administrator out.
fn api(console: ApiSettings, gate: AccessGate) -> Router {
    let once = || from_fn_with_state(console.store.clone(), idempotency::once);
    let room = |limits| from_fn_with_state(Capacity::new(limits), capacity::enter);
    let events = Router::from(events::routes()).layer(once()).layer(room(CapacityLimits::EVENTS));
    let catalogue = Router::from(catalogue()).layer(once()).layer(room(CapacityLimits::CATALOGUE));
    let support = Router::from(support()).layer(once()).layer(room(CapacityLimits::SUPPORT));
    events
        .merge(catalogue)
        .merge(support)
        .method_not_allowed_fallback(async || ApiRefusal::MethodNotAllowed)
        .layer(from_fn_with_state(gate, access::check))
        .merge(Router::from(public()))
        .with_state(console)
}

/// What is the same of every installation, and asks for no token.
fn public() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().merge(document::routes()).merge(schemas::routes())
}

/// Master data, settings, links, the audit log.
fn catalogue() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default()
        .merge(tenants::routes())
        .merge(logo::routes())
        .merge(settings::routes())
        .merge(customers::routes())
        .merge(links::routes())
        .merge(portal_locks::routes())
        .merge(audit::routes())
        .merge(me::routes())
}

/// What people do from day to day.
fn support() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default()
        .merge(invoices::routes())
        .merge(pauses::routes())
        .merge(settings_history::routes())
        .merge(settings_preview::routes())
        .merge(people::routes())
}

/// The API's document, of the routes that [`router`] serves.
#[must_use]
pub fn document() -> OpenApi {
    OpenApiRouter::with_openapi(document::base())
        .merge(events::routes())
        .merge(catalogue())
        .merge(support())
        .merge(public())
        .into_openapi()
}

/// The document as it is served, and committed as `docs/openapi.json`.
#[must_use]
pub fn document_json() -> String {
    document::written(document())
}

/// Every request is answered, also when a server behind us hangs. What was begun may have been done: every request
/// that changes something may be repeated.
async fn end_in_time(State(deadline): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiRefusal::TookTooLong.into_response(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "tower-http hands it over so")]
fn answer_panic(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    ApiRefusal::Internal(format!("a panic: {message}")).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::header;
    use axum::routing::get;

    use super::*;
    use crate::web::wire::Listening;

    #[tokio::test]
    async fn whoever_waits_in_vain_is_reported_when_to_come_again() {
        let silent = Router::new()
            .route("/", get(std::future::pending::<()>))
            .layer(from_fn_with_state(Duration::from_millis(1), end_in_time));
        let answer = Listening::start(silent).await.get("/").await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: "), "{answer}");
    }

    #[tokio::test]
    async fn a_panic_is_answered_without_its_words() {
        let response = answer_panic(Box::new("a secret of ours".to_owned()));
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let body = to_bytes(response.into_body(), 1 << 16).await.expect("a body");
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
    }
}
