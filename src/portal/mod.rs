//! The customers' pages: a link in an email leads to its invoice, behind what the tenant's settings ask.
//!
//! [`opening`] makes a session of a link, [`session`] knows it again, and [`guard`] decides on each request what it may
//! see. Whatever document bytes leave by, they are read with a [`guard::DocumentGrant`], which nothing else makes.

mod bytes;
mod close;
mod code;
mod content;
mod document;
mod failure;
mod fresh_link;
pub mod guard;
mod invoice;
mod invoices;
pub mod language;
mod logo;
mod opening;
pub mod pages;
mod preview;
mod proxies;
mod range;
pub mod session;
mod stored_zip;
mod turns;
mod verification;
pub mod words;

pub use failure::refuse_crowded;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};

use crate::config::Config;
use crate::documents::DocumentStore;
use crate::model::verification::VerificationConfig;
use crate::model::verification_key::RECORD_LABEL;
use crate::operator::fresh_link::FreshLink;
use crate::secrets::{HmacKeys, PORTAL_ANSWER_PATH, SecretKeys, portal_answer};
use crate::sms::SmsSender;
use crate::store::Store;
use crate::web::{FormTokens, SessionCookie, add_security_headers, assets_router, in_request_span};
pub use preview::PagePreview;

use bytes::DocumentBytes;
use proxies::LastNoticed;
use turns::Turns;

/// What a page may do. The preview is an `object`.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; object-src 'self'; frame-src 'self'; \
                           form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the pages are made with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Portal {
    config: Arc<Config>,
    store: Store,
    bytes: DocumentBytes,
    /// Whether and where text messages can be sent.
    verification: VerificationConfig,
    /// Names the record that a verification was proven against.
    record_keys: HmacKeys,
    /// What codes are kept by.
    code_keys: HmacKeys,
    /// What mobile numbers are counted by.
    number_keys: HmacKeys,
    /// Sends codes; none without a provider.
    sms: Option<SmsSender>,
    form_tokens: FormTokens,
    cookie: SessionCookie,
    /// Sends fresh links in place of expired ones.
    fresh_link: FreshLink,
    /// By what this installation is known.
    answer: Arc<str>,
    last_noticed: LastNoticed,
    turns: Turns,
    verification_turns: Turns,
}

impl Portal {
    /// `store` has connections of its own: visitors may use all of them. Without `sms` no codes are sent.
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        store: Store,
        documents: DocumentStore,
        keys: &SecretKeys,
        sms: Option<SmsSender>,
        fresh_link: FreshLink,
    ) -> Self {
        Self {
            bytes: DocumentBytes::new(documents),
            verification: config.sms.verification(),
            record_keys: keys.hmac_keys(RECORD_LABEL),
            code_keys: keys.hmac_keys(code::CODE_LABEL),
            number_keys: keys.hmac_keys(code::NUMBER_LABEL),
            sms,
            form_tokens: FormTokens::of(keys),
            cookie: SessionCookie::of_portal(&config.portal.url),
            fresh_link,
            answer: portal_answer(keys.link_keys().newest().fingerprint()).into(),
            last_noticed: LastNoticed::default(),
            turns: Turns::of_pages(),
            verification_turns: Turns::of_verifications(),
            config,
            store,
        }
    }
}

/// The portal's routes.
pub fn router(portal: Portal) -> Router {
    let pages = Router::new()
        .route("/i/{token}", get(opening::show).post(opening::open))
        .route("/invoices", get(invoices::show))
        .route("/invoices/{root}", get(invoice::show))
        .route("/close", post(close::close))
        .route("/logo/{sha256}", get(logo::show))
        .route("/links", post(fresh_link::ask))
        .layer(from_fn_with_state(portal.clone(), proxies::notice))
        .layer(from_fn_with_state(portal.turns.clone(), turns::in_turn));
    let verifications = Router::new()
        .route("/invoices/{root}/verification", get(verification::show).post(verification::answer))
        .layer(from_fn_with_state(portal.verification_turns.clone(), turns::in_turn));
    // A document may take long, and its turn ends before that.
    let documents = Router::new()
        .route("/invoices/{root}/documents/{number}", get(document::show))
        .route("/invoices/{root}/documents.zip", get(document::show_all));
    let all = pages
        .merge(verifications)
        .merge(documents)
        .route(PORTAL_ANSWER_PATH, get(answer))
        .merge(assets_router())
        .merge(pages::accent::router())
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(from_fn(failure::answer_panics));
    with_headers(all).with_state(portal)
}

/// What is served until the process has met its database: the page that says so.
pub fn starting_router() -> Router {
    let pages = Router::new().merge(assets_router()).merge(pages::accent::router()).fallback(failure::starting);
    with_headers(pages)
}

fn with_headers<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .layer(map_response(add_portal_headers))
        .layer(from_fn(keep_token_from_referrers))
        .layer(from_fn(in_request_span))
        .layer(map_response(add_security_headers))
}

/// Says whose portal this is; `doctor` asks, to see whether the public URL leads here.
async fn answer(State(portal): State<Portal>) -> String {
    portal.answer.to_string()
}

async fn not_found(uri: Uri, headers: HeaderMap) -> Response {
    session::not_found(&uri, &headers)
}

/// On pages whose address has a token, whatever answers: with `same-origin` a stylesheet of theirs would be asked for with
/// the whole address as `Referer`, and a proxy would log it. (`no-referrer` would make browsers send `Origin: null` with our
/// own form.)
async fn keep_token_from_referrers(request: Request, next: Next) -> Response {
    let has_token = request.uri().path().starts_with("/i/");
    let mut response = next.run(request).await;
    if has_token {
        response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
    }
    response
}

/// What a page does not say itself: it loads from here alone, runs nothing and stands in no frame; nothing of it is kept
/// or found by search engines, and no address of ours leaves the site (with `no-referrer`, browsers would send
/// `Origin: null` with our own forms).
async fn add_portal_headers(response: Response) -> Response {
    portal_headers(response)
}

fn portal_headers(mut response: Response) -> Response {
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
