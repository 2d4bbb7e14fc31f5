//! Pages with a message, and at most one thing to do. They hold nothing of anybody, so they need no session.

use std::time::Duration;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{answer, retry_after};
use super::layout::{FrontView, SignedOutLayout};
use crate::console::words::{ConsoleNotice, ConsoleWords};

#[derive(Template)]
#[template(path = "console/notice.html")]
struct ConsoleNoticeTemplate<'a> {
    layout: FrontView<'a>,
    notice: ConsoleNotice,
    again: Option<String>,
    way_out: Option<(&'static str, &'static str)>,
}

/// Where a notice leads.
#[derive(Debug, Clone, Copy)]
enum WayOut {
    Start,
    SignIn,
    Nowhere,
}

fn show(
    layout: &SignedOutLayout<'_>,
    status: StatusCode,
    notice: fn(&ConsoleWords) -> ConsoleNotice,
    way_out: WayOut,
    wait: Option<Duration>,
) -> Response {
    let words = layout.words();
    let template = ConsoleNoticeTemplate {
        layout: layout.view(),
        notice: notice(words),
        again: wait.map(|wait| (words.notices.try_again)(&(words.frame.wait)(wait))),
        way_out: match way_out {
            WayOut::Start => Some(("/", words.notices.to_start)),
            WayOut::SignIn => Some(("/sign-in", words.notices.to_sign_in)),
            WayOut::Nowhere => None,
        },
    };
    let response = answer(status, layout.language, &template);
    match wait {
        Some(wait) => retry_after(response, wait),
        None => response,
    }
}

/// It does not exist, or not for this person: both look alike.
#[must_use]
pub fn not_found(layout: &SignedOutLayout<'_>) -> Response {
    show(layout, StatusCode::NOT_FOUND, |words| words.notices.not_found, WayOut::Start, None)
}

/// The role does not allow it.
#[must_use]
pub fn forbidden(layout: &SignedOutLayout<'_>) -> Response {
    show(layout, StatusCode::FORBIDDEN, |words| words.notices.forbidden, WayOut::Start, None)
}

/// What should say where a list goes on says nothing of the kind.
#[must_use]
pub fn cursor_unknown(layout: &SignedOutLayout<'_>) -> Response {
    show(layout, StatusCode::BAD_REQUEST, |words| words.notices.cursor_unknown, WayOut::Start, None)
}

/// A form without the session's token, or from another site.
#[must_use]
pub fn form_outdated(layout: &SignedOutLayout<'_>) -> Response {
    show(layout, StatusCode::FORBIDDEN, |words| words.notices.form_outdated, WayOut::Start, None)
}

/// A form of this session that cannot be read: a field stands in it twice.
#[must_use]
pub fn form_unreadable(layout: &SignedOutLayout<'_>) -> Response {
    show(layout, StatusCode::BAD_REQUEST, |words| words.notices.form_unreadable, WayOut::Start, None)
}

/// What was asked for does not fit the state any more.
#[must_use]
pub fn conflict(layout: &SignedOutLayout<'_>) -> Response {
    show(layout, StatusCode::CONFLICT, |words| words.notices.conflict, WayOut::Start, None)
}

#[must_use]
pub fn session_over(layout: &SignedOutLayout<'_>) -> Response {
    show(layout, StatusCode::FORBIDDEN, |words| words.notices.session_over, WayOut::SignIn, None)
}

#[must_use]
pub fn invitation_unknown(layout: &SignedOutLayout<'_>) -> Response {
    show(layout, StatusCode::NOT_FOUND, |words| words.notices.invitation_unknown, WayOut::Nowhere, None)
}

#[must_use]
pub fn too_many(layout: &SignedOutLayout<'_>, wait: Duration) -> Response {
    show(layout, StatusCode::TOO_MANY_REQUESTS, |words| words.notices.too_many, WayOut::Nowhere, Some(wait))
}

#[must_use]
pub fn failed(layout: &SignedOutLayout<'_>) -> Response {
    show(layout, StatusCode::INTERNAL_SERVER_ERROR, |words| words.notices.failed, WayOut::Start, None)
}

/// The database does not answer.
#[must_use]
pub fn unavailable(layout: &SignedOutLayout<'_>, wait: Duration) -> Response {
    show(layout, StatusCode::SERVICE_UNAVAILABLE, |words| words.notices.unavailable, WayOut::Nowhere, Some(wait))
}
