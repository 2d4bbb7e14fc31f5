//! Who asks: somebody who has signed in, and by which page of ours they came.

use std::net::SocketAddr;

use axum::Form;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use tracing::{error, warn};

use super::Console;
use super::language::ConsoleLanguage;
use super::pages::{self, ActionDone, ConsoleLayout, SignedOutLayout};
use super::turns::{FORM_BYTES_MAX, TRY_AGAIN};
use crate::clock::Timestamp;
use crate::model::access::{Principal, SessionStage};
use crate::policy::permission::Permission;
use crate::store::{OperatorSession, StoreError};
use crate::web::{Peer, check_origin};

/// The longest path that a sign-in leads back to.
const NEXT_LENGTH_MAX: usize = 1_000;

/// Somebody who has signed in, and what their request says.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) principal: Principal,
    pub(crate) session: OperatorSession,
    /// What the session's forms bear.
    pub(crate) form_token: String,
    /// The network of the peer (/24, /64).
    pub(crate) network: Option<String>,
    pub(crate) language: ConsoleLanguage,
    /// Path and query of the request.
    pub(crate) path: String,
    pub(crate) now: Timestamp,
    /// What the query says was done just before.
    pub(crate) done: Option<ActionDone>,
}

impl Signed {
    /// What stands around a page.
    pub(crate) fn layout(&self) -> ConsoleLayout<'_> {
        ConsoleLayout {
            language: self.language,
            principal: &self.principal,
            csrf: &self.form_token,
            path: &self.path,
            now: self.now,
            open_work: None,
            done: self.done,
        }
    }

    /// Refuses whoever may not do that at all.
    ///
    /// # Errors
    /// The page that says so.
    pub(crate) fn require(&self, permission: Permission) -> Result<(), Response> {
        if self.principal.may(permission) { Ok(()) } else { Err(pages::forbidden(&self.front())) }
    }

    /// Also for what is there, and outside of their tenants.
    pub(crate) fn not_found(&self) -> Response {
        pages::not_found(&self.front())
    }

    /// The database does not do what it is asked.
    pub(crate) fn failed(&self, error: &StoreError) -> Response {
        if error.is_unavailable() {
            warn!("a page of the console was turned away: {error}");
            return pages::unavailable(&self.front(), TRY_AGAIN);
        }
        if error.is_refused() {
            // NUL, for example: nothing of ours is named so.
            warn!("a page of the console was asked for something that cannot be: {error}");
            return self.not_found();
        }
        error!("a page of the console failed: {error}");
        pages::failed(&self.front())
    }

    /// For a page without the navigation.
    pub(crate) fn front(&self) -> SignedOutLayout<'_> {
        SignedOutLayout { language: self.language, path: None }
    }
}

/// A form that somebody who has signed in has sent from a page of ours: with their session's token.
#[derive(Debug)]
pub(crate) struct SignedForm<T> {
    pub(crate) signed: Signed,
    pub(crate) form: T,
}

/// Every form bears it.
#[derive(Debug, Default, Deserialize)]
struct FormTokenField {
    #[serde(default)]
    csrf: String,
}

/// A browser, whoever uses it.
#[derive(Debug, Clone)]
pub(super) struct ConsoleVisitor {
    pub(super) language: ConsoleLanguage,
    pub(super) network: Option<String>,
    /// What the browser calls itself, in short.
    pub(super) browser: Option<String>,
    /// The session that it shows, however far that has come.
    pub(super) session: Option<OperatorSession>,
    path: String,
    is_by_script: bool,
}

impl ConsoleVisitor {
    /// How far the browser's session has come.
    pub(super) fn stage(&self) -> Option<SessionStage> {
        self.session.as_ref().map(|session| session.stage)
    }

    pub(super) fn layout(&self) -> SignedOutLayout<'_> {
        SignedOutLayout { language: self.language, path: None }
    }

    /// The same for a page that can be asked for again: in another language.
    pub(super) fn layout_here(&self) -> SignedOutLayout<'_> {
        SignedOutLayout { language: self.language, path: Some(&self.path) }
    }

    /// The database does not do what it is asked.
    pub(super) fn failed(&self, error: &impl std::fmt::Display) -> Response {
        warn!("a sign-in could not be decided: {error}");
        pages::unavailable(&self.layout(), TRY_AGAIN)
    }

    /// Where somebody has to go first, whose session has not come far enough.
    fn entrance(&self, method: &Method) -> Response {
        let path = match self.stage() {
            Some(SessionStage::Code) => "/sign-in/code".to_owned(),
            Some(SessionStage::Enrol) => "/account/totp".to_owned(),
            Some(SessionStage::Open) | None => {
                leading_on("/sign-in", (method == Method::GET).then_some(self.path.as_str()).and_then(safe_next))
            }
        };
        if self.is_by_script {
            // A script would put the sign-in page into a part of this one: the whole page goes there.
            let location = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/sign-in"));
            return (StatusCode::UNAUTHORIZED, [(HeaderName::from_static("hx-redirect"), location)]).into_response();
        }
        see_other(&path)
    }
}

/// What stands for itself in a query's value.
const NEXT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_');

/// The path of the entrance, from which it goes on to `next`.
pub(super) fn leading_on(path: &str, next: Option<&str>) -> String {
    match next.filter(|next| *next != "/") {
        Some(next) => format!("{path}?next={}", percent_encoding::utf8_percent_encode(next, NEXT)),
        None => path.to_owned(),
    }
}

/// A path of ours: never another site's, however it is written.
pub(super) fn safe_next(next: &str) -> Option<&str> {
    let is_path = next.starts_with('/') && !next[1..].starts_with(['/', '\\']);
    let is_clean = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') && next.len() <= NEXT_LENGTH_MAX;
    let is_entrance = ["/sign-in", "/sign-out", "/invitation/"].iter().any(|path| next.starts_with(path));
    (is_path && is_clean && !is_entrance).then_some(next)
}

/// `303`: the next page is asked for by `GET`.
pub(crate) fn see_other(path: &str) -> Response {
    let location = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

impl FromRequestParts<Console> for ConsoleVisitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Response> {
        let language = ConsoleLanguage::of(&parts.headers);
        // The listener adds it to every request; without it, no network is known.
        let connected = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let network = connected.map(|ConnectInfo(connected)| {
            Peer::new(connected.ip(), &parts.headers, &console.config.http.trusted_proxies).network().to_string()
        });
        let session = console.access.session(&parts.headers).await.map_err(|error| {
            warn!("failed to read a session of the console: {error}");
            pages::unavailable(&SignedOutLayout { language, path: None }, TRY_AGAIN)
        })?;
        Ok(Self {
            language,
            network,
            browser: browser(&parts.headers),
            session,
            path: parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            is_by_script: parts.headers.contains_key("hx-request"),
        })
    }
}

impl FromRequestParts<Console> for Signed {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Response> {
        let visitor = ConsoleVisitor::from_request_parts(parts, console).await?;
        let is_open = |session: &OperatorSession| session.stage == SessionStage::Open;
        let Some(session) = visitor.session.clone().filter(is_open) else {
            return Err(visitor.entrance(&parts.method));
        };
        let done = parts.uri.query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("done="));
        Ok(Self {
            principal: session.principal(),
            form_token: console.form_tokens.token(session.session),
            session,
            network: visitor.network,
            language: visitor.language,
            path: visitor.path,
            now: console.store.now(),
            done: done.and_then(|done| done.parse().ok()),
        })
    }
}

impl<T: DeserializeOwned> FromRequest<Console> for SignedForm<T> {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let signed = Signed::from_request_parts(&mut parts, console).await?;
        let outdated = || pages::form_outdated(&signed.front());
        let bytes = to_bytes(body, FORM_BYTES_MAX).await.map_err(|_| outdated())?;
        let again = |parts: &Parts| Request::from_parts(parts.clone(), Body::from(bytes.clone()));
        let token = Form::<FormTokenField>::from_request(again(&parts), &()).await.map_err(|_| outdated())?;
        check_form(console, &parts.headers, &signed.session, &token.csrf).map_err(|()| outdated())?;
        let form = Form::<T>::from_request(again(&parts), &()).await;
        let Form(form) = form.map_err(|_| pages::form_unreadable(&signed.front()))?;
        Ok(Self { signed, form })
    }
}

/// A field that shows itself nowhere.
pub(super) fn secret<'de, D: Deserializer<'de>>(field: D) -> Result<SecretString, D::Error> {
    String::deserialize(field).map(SecretString::from)
}

/// Whether a form was sent from a page of this session.
pub(super) fn check_form(
    console: &Console,
    headers: &HeaderMap,
    session: &OperatorSession,
    token: &str,
) -> Result<(), ()> {
    console.form_tokens.check(headers, &console.config.console.url, session.session, token).map_err(drop)
}

/// Whether a form without a session was sent from a page of ours.
pub(super) fn comes_from_us(console: &Console, headers: &HeaderMap) -> bool {
    check_origin(headers, &console.config.console.url).is_ok()
}

/// Browser and system, by the words that each uses of itself: for people who look through their own sessions.
fn browser(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(header::USER_AGENT)?.to_str().ok()?;
    // The order counts: each later one also calls itself by the earlier names.
    let browsers =
        [("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari")];
    let systems = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let named =
        |names: &[(&str, &'static str)]| names.iter().find(|(word, _)| agent.contains(word)).map(|(_, name)| *name);
    match (named(&browsers), named(&systems)) {
        (Some(browser), Some(system)) => Some(format!("{browser}, {system}")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_leads_to_pages_of_ours_alone() {
        for good in ["/", "/invoices?tenant=acme&number=R-1", "/operators", "/account/totp"] {
            assert_eq!(safe_next(good), Some(good), "{good}");
        }
        let long = format!("/{}", "x".repeat(NEXT_LENGTH_MAX));
        for bad in [
            "",
            "x",
            "//evil.example",
            "/\\evil.example",
            "/a\\b",
            "https://evil.example",
            "/a\r\nset-cookie: x",
            "/\u{e9}",
            "/sign-in",
            "/sign-in?next=/",
            "/sign-out",
            long.as_str(),
        ] {
            assert_eq!(safe_next(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_browser_is_named_in_short() {
        let named = |agent: &'static str| {
            browser(&HeaderMap::from_iter([(header::USER_AGENT, HeaderValue::from_static(agent))]))
        };
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";
        assert_eq!(named(firefox).as_deref(), Some("Firefox, Linux"));
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 \
                    Safari/537.36 Edg/131.0.0.0";
        assert_eq!(named(edge).as_deref(), Some("Edge, Windows"));
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Version/18.1 Mobile/15E148 Safari/604.1";
        assert_eq!(named(phone).as_deref(), Some("Safari, iPhone"));
        assert_eq!(named("curl/8.5.0"), None);
        assert_eq!(browser(&HeaderMap::new()), None);
    }
}
