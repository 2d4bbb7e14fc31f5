//! Who asks: the browser's session, and the network that it asks from.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::response::Response;
use uuid::Uuid;

use super::{Portal, placeholder};
use crate::sha256::Sha256;
use crate::web::Peer;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The browser's session, if it has one that has not ended.
    pub session: Option<OpenSession>,
    pub peer: Peer,
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
}

impl FromRequestParts<Portal> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Response> {
        // The listener adds it to every request; without it, nobody's network is known.
        let Some(ConnectInfo(connected)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else {
            tracing::error!("a request of the portal came without its connection's address");
            return Err(placeholder::failed());
        };
        let peer = Peer::new(connected.ip(), &parts.headers, &portal.config.http.trusted_proxies);
        let session = match portal.cookie.read(&parts.headers) {
            Some(id) => open_session(portal, id.sha256()).await?,
            None => None,
        };
        Ok(Self { session, peer })
    }
}

async fn open_session(portal: &Portal, id_sha256: Sha256) -> Result<Option<OpenSession>, Response> {
    match portal.store.portal_session(id_sha256).await {
        Ok(found) => {
            Ok(found.map(|session| OpenSession { id_sha256, session, form_token: portal.form_tokens.token(session) }))
        }
        Err(error) => {
            tracing::warn!("failed to read a visitor's session: {error}");
            Err(placeholder::failed())
        }
    }
}
