//! The pages of those who run the dispatcher: sign-in, support, settings, people.
//!
//! [`signed`] knows who asks; a handler is a thin shell over a verb of `operator/` or a query of `store/`, and a page of
//! [`pages`] is what it shows. The API does the same by the same verbs.

mod account;
mod answers;
mod audit;
mod customer;
mod delivery_actions;
mod facts;
mod invitation;
mod invoice;
pub mod language;
mod operators;
pub mod pages;
mod qr_code;
mod resend;
mod rights;
mod search;
mod sent_mail;
mod settings;
mod sign_in;
mod signed;
mod tenants;
pub mod terms;
mod tokens;
mod totp;
mod turns;
pub mod words;
mod work_list;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use tokio_util::sync::CancellationToken;

use crate::compose::Templates;
use crate::config::Config;
use crate::documents::DocumentStore;
use crate::operator::people::People;
use crate::operator::portal_settings::PortalSettings;
use crate::operator::redrive::Redrive;
use crate::operator::resend::Resend;
use crate::operator::sign_in::SignIn;
use crate::operator::test_mail::TestSender;
use crate::secrets::{LinkKeys, SecretKeys};
use crate::store::{Store, StoreError};
use crate::web::{Access, FormTokens, PortalPreview, assets_router, in_request_span};
pub(crate) use signed::{Signed, SignedForm};
use turns::PageTurns;

/// What a page may do: its scripts and styles are files of ours, nothing stands in it by itself. The mail as it was sent is a
/// frame of its own.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
                           connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
                           frame-ancestors 'none'";

/// What the pages are made with. Cheap to clone.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "pages that are still to come use the rest of it")]
pub struct Console {
    config: Arc<Config>,
    /// With connections of its own.
    store: Store,
    templates: Arc<Templates>,
    documents: DocumentStore,
    link_keys: LinkKeys,
    redrive: Redrive,
    resend: Resend,
    settings: PortalSettings,
    portal_preview: Arc<dyn PortalPreview>,
    test_sender: TestSender,
    people: People,
    sign_in: SignIn,
    access: Access,
    form_tokens: FormTokens,
    turns: PageTurns,
    sign_in_turns: PageTurns,
}

/// What the composition root hands in.
#[derive(Debug)]
pub struct ConsoleParts<'a> {
    pub config: Arc<Config>,
    /// Its connections are the pages' own: visitors may use all of them.
    pub store: Store,
    pub templates: Arc<Templates>,
    pub documents: DocumentStore,
    pub keys: &'a SecretKeys,
    pub redrive: Redrive,
    pub resend: Resend,
    /// Looks ahead for those who choose how invoices are secured.
    pub settings: PortalSettings,
    /// Draws the customers' pages for them.
    pub portal_preview: Arc<dyn PortalPreview>,
}

impl Console {
    #[must_use]
    pub fn new(parts: ConsoleParts<'_>) -> Self {
        let ConsoleParts { config, store, templates, documents, keys, redrive, resend, settings, portal_preview } =
            parts;
        let console = &config.console;
        Self {
            test_sender: TestSender::new(store.clone(), Arc::clone(&config), settings.clone()),
            people: People::new(store.clone(), console.url.clone()),
            sign_in: SignIn::new(store.clone(), keys, &console.totp_roles, console.url.host()),
            access: Access::new(store.clone(), console),
            form_tokens: FormTokens::of(keys),
            turns: PageTurns::of_pages(),
            sign_in_turns: PageTurns::of_sign_ins(),
            link_keys: keys.link_keys(),
            config,
            store,
            templates,
            documents,
            redrive,
            resend,
            settings,
            portal_preview,
        }
    }

    /// Encrypts operators' secrets by the newest key that older ones have encrypted; returns how many.
    pub async fn reseal(&self) -> Result<u64, StoreError> {
        self.sign_in.reseal().await
    }

    /// Writes the sign-ins that let nobody in to the audit log, until `end`; then what is left of them. Whoever serves the
    /// pages runs it beside them, and ends it after them.
    pub async fn keep_sign_in_journal(&self, end: CancellationToken) {
        self.sign_in.keep_journal(end).await;
    }
}

/// The console's routes. Whoever serves them checks the request's `Host`.
pub fn router(console: Console) -> Router {
    let entrance = Router::new()
        .route("/sign-in", get(sign_in::show).post(sign_in::enter))
        .route("/sign-in/code", get(sign_in::show_code).post(sign_in::enter_code))
        .route("/invitation/{token}", get(invitation::show).post(invitation::accept))
        .route("/account/totp", get(totp::show).post(totp::confirm))
        .route("/account/password", post(account::change_password))
        .route("/account/recovery-codes", post(account::renew_recovery_codes))
        .layer(from_fn_with_state(console.sign_in_turns.clone(), turns::in_turn));
    let pages = Router::new()
        .route("/sign-out", post(sign_in::sign_out))
        .route("/language", post(sign_in::choose_language))
        .route("/account", get(account::show))
        .route("/account/sessions/{session}/end", post(account::end_session))
        .route("/account/sessions/end-others", post(account::end_other_sessions))
        .route("/", get(work_list::show))
        .route("/work-list/news", get(work_list::news))
        .route("/search", get(search::show))
        .route("/search.csv", get(search::export))
        .route("/invoices", get(invoice::show))
        .route("/deliveries/{id}", get(invoice::of_delivery))
        .route("/deliveries/{id}/acknowledge", post(delivery_actions::acknowledge))
        .route("/deliveries/{id}/send-now", post(delivery_actions::send_now))
        .route("/deliveries/{id}/cancel", post(delivery_actions::cancel))
        .route("/deliveries/{id}/mark-sent", post(delivery_actions::mark_sent))
        .route("/deliveries/{id}/revoke-links", post(delivery_actions::revoke_links))
        .route("/deliveries/{id}/lift-lock", post(delivery_actions::lift_lock))
        .route("/deliveries/{id}/mail", get(sent_mail::show))
        .route("/deliveries/{id}/mail/html", get(sent_mail::html))
        .route("/resend", get(resend::plan).post(resend::act))
        .route("/customers/{tenant}/{customer}", get(customer::show))
        .route("/tenants", get(tenants::list))
        .route("/tenants/{tenant}", get(tenants::show))
        .route("/tenants/{tenant}/pause", post(tenants::pause))
        .route("/tenants/{tenant}/resume", post(tenants::resume))
        .route("/settings/portal", get(settings::show).post(settings::save))
        .route("/settings/portal/restore", post(settings::restore))
        .route("/settings/portal/test", post(settings::test_mail::send))
        .route("/settings/portal/mail", get(settings::previews::mail))
        .route("/settings/portal/mail/html", get(settings::previews::html))
        .route("/settings/portal/page", get(settings::previews::page))
        .route("/logo/{sha256}", get(settings::previews::logo))
        .route("/audit", get(audit::show))
        .route("/audit.csv", get(audit::export))
        .route("/operators", get(operators::list).post(operators::add))
        .route("/operators/{id}", post(operators::change))
        .route("/operators/{id}/invite", post(operators::invite))
        .route("/operators/{id}/reset-totp", post(operators::reset_totp))
        .route("/operators/{id}/disable", post(operators::disable))
        .route("/operators/{id}/enable", post(operators::enable))
        .route("/tokens", get(tokens::list).post(tokens::add))
        .route("/tokens/{id}/revoke", post(tokens::revoke))
        .layer(from_fn_with_state(console.turns.clone(), turns::in_turn));
    let portal_stylesheets = console.portal_preview.stylesheets();
    entrance
        .merge(pages)
        .merge(assets_router())
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .with_state(console)
        .merge(portal_stylesheets)
        .layer(map_response(add_console_headers))
        .layer(from_fn(keep_token_from_referrers))
        .layer(from_fn(in_request_span))
}

/// For who is signed in, a page within the console; for all others, the way in: what is there is not theirs to know.
async fn not_found(signed: Signed) -> Response {
    signed.not_found()
}

/// On pages whose address has a token: with `same-origin` a stylesheet of theirs would be asked for with the whole address as
/// `Referer`, and a proxy would log it.
async fn keep_token_from_referrers(request: Request, next: Next) -> Response {
    let has_token = request.uri().path().starts_with("/invitation/");
    let mut response = next.run(request).await;
    if has_token {
        response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
    }
    response
}

/// What a page does not say itself. `same-origin`: with `no-referrer`, browsers would send `Origin: null` with our own forms.
async fn add_console_headers(mut response: Response) -> Response {
    const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
    for (name, value) in [
        (header::CACHE_CONTROL, "private, no-store"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (ROBOTS, "noindex, nofollow"),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
