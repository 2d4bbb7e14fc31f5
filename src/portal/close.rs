//! `/close`: the visitor ends the session, on a computer that others use, too.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;

use super::session::Visitor;
use super::{Portal, placeholder};
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
        return placeholder::foreign_form();
    }
    let Some(session) = visitor.session.map(|open| open.session) else { return ended(&portal) };
    let token = form.map(|Form(form)| form.csrf).unwrap_or_default();
    if portal.form_tokens.check(&headers, &portal.config.portal.url, session, &token).is_err() {
        return placeholder::foreign_form();
    }
    match portal.store.close_portal_session(session).await {
        Ok(()) => ended(&portal),
        Err(error) => {
            tracing::warn!("failed to end a visitor's session: {error}");
            placeholder::failed()
        }
    }
}

fn ended(portal: &Portal) -> Response {
    let mut page = placeholder::session_ended();
    page.headers_mut().insert(header::SET_COOKIE, portal.cookie.clear());
    page
}
