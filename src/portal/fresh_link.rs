//! `POST /links`: a fresh link for an expired one.
//!
//! Whoever asks reads the same answer, whether the link has expired, was revoked, opens the portal or never was.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::session::Visitor;
use super::{Portal, pages};
use crate::operator::fresh_link::{FRESH_LINK_WINDOW, FreshLinkAnswer};
use crate::secrets::pasted_token;
use crate::web::check_origin;

/// The form on the page of a link that does not open.
#[derive(Debug, Deserialize)]
pub(super) struct FreshLinkRequest {
    token: String,
}

/// Has a fresh link sent, if this one has expired.
pub(super) async fn ask(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Result<Form<FreshLinkRequest>, FormRejection>,
) -> Response {
    if check_origin(&headers, &portal.config.portal.url).is_err() {
        return visitor.form_outdated();
    }
    let token = form.ok().map(|Form(form)| form.token);
    let token = token.as_deref().and_then(pasted_token);
    match portal.fresh_link.ask(token, &visitor.network()).await {
        Ok(FreshLinkAnswer::TooMany) => pages::too_many(&visitor.stranger(), FRESH_LINK_WINDOW),
        Ok(FreshLinkAnswer::Sent(_) | FreshLinkAnswer::NotSent(_)) => pages::fresh_link_asked(&visitor.stranger()),
        Err(error) => {
            tracing::warn!("failed to answer a request for a fresh link: {error}");
            visitor.later()
        }
    }
}
