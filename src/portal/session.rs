//! Who asks: the browser's session, the network that it asks from, and the languages that it prefers.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use uuid::Uuid;

use super::Portal;
use super::language::LanguageWish;
use super::pages::{self, PageLayout};
use crate::config::BaseUrl;
use crate::model::logo::LogoRef;
use crate::model::tenant::TenantProfile;
use crate::sha256::Sha256;
use crate::web::Peer;

/// How soon a visitor may try again what has no capacity now.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// Who asks.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The browser's session, if it has one that has not ended.
    pub session: Option<OpenSession>,
    pub peer: Peer,
    pub language: LanguageWish,
    /// The browser comes from a page of ours and brings no cookie.
    has_cookies_off: bool,
}

/// A session that has not ended.
#[derive(Debug, Clone)]
pub struct OpenSession {
    /// The id that the browser showed, as the database knows it.
    pub id_sha256: Sha256,
    /// The same under each of its ids.
    pub session: Uuid,
    /// What its forms bear.
    pub form_token: String,
}

impl Visitor {
    /// The network that events are recorded with.
    #[must_use]
    pub fn network(&self) -> String {
        self.peer.network().to_string()
    }

    /// A page for a visitor of whom nothing is known.
    #[must_use]
    pub fn stranger(&self) -> PageLayout<'static> {
        PageLayout::of_stranger(self.language.for_stranger())
    }

    /// A page of a tenant, for a customer whose language is `locale`. `path` is where it can be asked for again.
    #[must_use]
    pub fn layout<'a>(
        &'a self,
        (tenant, logo): (&'a TenantProfile, Option<LogoRef>),
        locale: &str,
        path: Option<&'a str>,
    ) -> PageLayout<'a> {
        PageLayout {
            language: self.language.for_customer(locale),
            tenant: Some(tenant),
            logo,
            path,
            csrf: self.session.as_ref().map(|session| session.form_token.as_str()),
        }
    }

    /// No session, or not of this page. The same for what never was.
    #[must_use]
    pub fn session_over(&self) -> Response {
        if self.has_cookies_off { pages::cookies_off(&self.stranger()) } else { pages::session_over(&self.stranger()) }
    }

    #[must_use]
    pub fn not_found(&self) -> Response {
        pages::not_found(&self.stranger())
    }

    #[must_use]
    pub fn form_outdated(&self) -> Response {
        pages::form_outdated(&self.stranger())
    }

    /// There is no capacity now.
    #[must_use]
    pub fn later(&self) -> Response {
        later(self.language)
    }
}

pub(super) fn later(language: LanguageWish) -> Response {
    pages::later(&PageLayout::of_stranger(language.for_stranger()), TRY_AGAIN)
}

/// The fault is ours.
pub(super) fn failed(language: LanguageWish) -> Response {
    pages::failed(&PageLayout::of_stranger(language.for_stranger()))
}

/// For what comes before there is a visitor.
pub(super) fn not_found(uri: &Uri, headers: &HeaderMap) -> Response {
    pages::not_found(&PageLayout::of_stranger(LanguageWish::of(uri, headers).for_stranger()))
}

impl FromRequestParts<Portal> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Response> {
        let language = LanguageWish::of(&parts.uri, &parts.headers);
        // The listener adds it to every request; without it, no network is known.
        let Some(ConnectInfo(connected)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else {
            tracing::error!("a request of the portal came without its connection's address");
            return Err(failed(language));
        };
        let peer = Peer::new(connected.ip(), &parts.headers, &portal.config.http.trusted_proxies);
        let session = match portal.cookie.read(&parts.headers) {
            Some(id) => open_session(portal, id.sha256()).await.map_err(|()| later(language))?,
            None => None,
        };
        let has_cookies_off =
            !portal.cookie.is_there(&parts.headers) && comes_from_us(&parts.headers, &portal.config.portal.url);
        Ok(Self { session, peer, language, has_cookies_off })
    }
}

async fn open_session(portal: &Portal, id_sha256: Sha256) -> Result<Option<OpenSession>, ()> {
    match portal.store.portal_session(id_sha256).await {
        Ok(found) => {
            Ok(found.map(|session| OpenSession { id_sha256, session, form_token: portal.form_tokens.token(session) }))
        }
        Err(error) => {
            tracing::warn!("failed to read a visitor's session: {error}");
            Err(())
        }
    }
}

/// Whether the browser followed a form or a link of one of our pages.
fn comes_from_us(headers: &HeaderMap, ours: &BaseUrl) -> bool {
    let says = |name: header::HeaderName, test: &dyn Fn(&str) -> bool| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(test)
    };
    let is_ours =
        |url: &str| url.strip_prefix(ours.origin()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    says(header::HeaderName::from_static("sec-fetch-site"), &|site| site == "same-origin")
        || says(header::REFERER, &is_ours)
}
