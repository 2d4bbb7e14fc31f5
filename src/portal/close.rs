//! `/close`: the visitor ends the session, on a computer that others use, too.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;

use super::session::Visitor;
use super::{Portal, pages};
use crate::web::check_origin;

#[derive(Deserialize)]
pub(super) struct CloseForm {
    /// The session's.
    #[serde(default)]
    csrf: String,
}

pub(super) async fn close(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Result<Form<CloseForm>, FormRejection>,
) -> Response {
    // Also without a session: another site's form, which brings no cookie, would have the browser forget it.
    if check_origin(&headers, &portal.config.portal.url).is_err() {
        return visitor.form_outdated();
    }
    let Some(session) = visitor.session.as_ref().map(|open| open.session) else { return ended(&portal, &visitor) };
    let token = form.map(|Form(form)| form.csrf).unwrap_or_default();
    if portal.form_tokens.check(&headers, &portal.config.portal.url, session, &token).is_err() {
        return visitor.form_outdated();
    }
    match portal.store.close_portal_session(session).await {
        Ok(()) => ended(&portal, &visitor),
        Err(error) => {
            tracing::warn!("failed to end a visitor's session: {error}");
            visitor.later()
        }
    }
}

fn ended(portal: &Portal, visitor: &Visitor) -> Response {
    let mut page = pages::session_ended(&visitor.stranger());
    page.headers_mut().insert(header::SET_COOKIE, portal.cookie.clear());
    page
}
