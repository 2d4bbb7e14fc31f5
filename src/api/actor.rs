//! Who asks, as histories and the audit log keep it.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;

use super::ApiSettings;
use super::refusal::ApiRefusal;
use crate::model::access::Principal;
use crate::model::actor::Actor;
use crate::model::claimed_key::ClaimedKey;
use crate::web::Peer;

/// Who asks for a change: whom the access check let in, from the network of the client, under the request's idempotency
/// key.
pub(super) struct Asking(pub(super) Actor);

impl FromRequestParts<ApiSettings> for Asking {
    type Rejection = ApiRefusal;

    async fn from_request_parts(parts: &mut Parts, console: &ApiSettings) -> Result<Self, ApiRefusal> {
        let Some(principal) = parts.extensions.get::<Principal>() else {
            return Err(ApiRefusal::Internal("a request passed that nobody was recognised in".to_owned()));
        };
        let actor = Actor::new(principal.clone());
        let actor = match parts.extensions.get::<ClaimedKey>() {
            Some(key) => actor.under_key(*key),
            None => actor,
        };
        let Some(ConnectInfo(connected)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else {
            return Ok(Self(actor));
        };
        let peer = Peer::new(connected.ip(), &parts.headers, &console.trusted_proxies);
        Ok(Self(actor.from_network(peer.network().to_string())))
    }
}
