//! Pages with a message, and at most one thing to do.

use std::time::Duration;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::layout::LayoutView;
use super::{PageLayout, answer};
use crate::portal::words::{NoticeWords, Words};

#[derive(Template)]
#[template(path = "portal/notice.html")]
struct NoticeTemplate<'a> {
    layout: LayoutView<'a>,
    notice: NoticeWords,
    icon: NoticeIcon,
    /// When to try again.
    again: Option<String>,
    /// Asks for a fresh link in the place of this token.
    fresh_link: Option<FreshLinkForm<'a>>,
    back: Option<String>,
    /// The tenant's contact stands in the message rather than below it.
    has_contact: bool,
}

struct FreshLinkForm<'a> {
    action: String,
    token: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoticeIcon {
    Lock,
    Clock,
    Mail,
    Done,
    Problem,
}

impl<'a> NoticeTemplate<'a> {
    fn new(layout: &PageLayout<'a>, icon: NoticeIcon, notice: fn(&Words) -> NoticeWords) -> Self {
        Self {
            layout: layout.view(),
            notice: notice(layout.language.words()),
            icon,
            again: None,
            fresh_link: None,
            back: None,
            has_contact: false,
        }
    }

    fn answer(&self, status: StatusCode) -> Response {
        answer(status, &self.layout, self)
    }
}

/// The customer's record has nothing to verify by.
#[must_use]
pub fn no_method(layout: &PageLayout<'_>) -> Response {
    let notice = NoticeTemplate::new(layout, NoticeIcon::Lock, |words| words.no_method);
    NoticeTemplate { has_contact: true, ..notice }.answer(StatusCode::FORBIDDEN)
}

/// So many verifications failed that none is tried until `wait` is over.
#[must_use]
pub fn locked(layout: &PageLayout<'_>, wait: Duration) -> Response {
    let notice = NoticeTemplate::new(layout, NoticeIcon::Lock, |words| words.locked);
    let again = Some(try_again(layout, wait));
    retry_after(NoticeTemplate { again, has_contact: true, ..notice }.answer(StatusCode::TOO_MANY_REQUESTS), wait)
}

/// So many requests came from the visitor's network that it has to wait.
#[must_use]
pub fn too_many(layout: &PageLayout<'_>, wait: Duration) -> Response {
    let notice = NoticeTemplate::new(layout, NoticeIcon::Clock, |words| words.too_many);
    let again = Some(try_again(layout, wait));
    retry_after(NoticeTemplate { again, ..notice }.answer(StatusCode::TOO_MANY_REQUESTS), wait)
}

/// No session, or none that has opened this invoice; the same for an id that never was.
#[must_use]
pub fn session_over(layout: &PageLayout<'_>) -> Response {
    NoticeTemplate::new(layout, NoticeIcon::Mail, |words| words.session_over).answer(StatusCode::FORBIDDEN)
}

/// The visitor has ended the session.
#[must_use]
pub fn session_ended(layout: &PageLayout<'_>) -> Response {
    NoticeTemplate::new(layout, NoticeIcon::Done, |words| words.session_ended).answer(StatusCode::OK)
}

/// The link was opened, and the browser did not bring the session's cookie.
#[must_use]
pub fn cookies_off(layout: &PageLayout<'_>) -> Response {
    NoticeTemplate::new(layout, NoticeIcon::Problem, |words| words.cookies_off).answer(StatusCode::FORBIDDEN)
}

/// The tenant's settings close the documents to all.
#[must_use]
pub fn documents_closed(layout: &PageLayout<'_>, back: &str) -> Response {
    let notice = NoticeTemplate::new(layout, NoticeIcon::Lock, |words| words.documents_closed);
    let back = Some(layout.language.link(back));
    NoticeTemplate { back, has_contact: true, ..notice }.answer(StatusCode::FORBIDDEN)
}

/// A link that has expired or was revoked. The form posts `token` to `/links`.
#[must_use]
pub fn link_expired(layout: &PageLayout<'_>, token: &str) -> Response {
    let notice = NoticeTemplate::new(layout, NoticeIcon::Clock, |words| words.link_expired);
    NoticeTemplate { fresh_link: Some(fresh_link(layout, token)), has_contact: true, ..notice }.answer(StatusCode::GONE)
}

/// A token that no link has. The form is the same, and so is its answer.
#[must_use]
pub fn link_unknown(layout: &PageLayout<'_>, token: &str) -> Response {
    let notice = NoticeTemplate::new(layout, NoticeIcon::Problem, |words| words.link_unknown);
    NoticeTemplate { fresh_link: Some(fresh_link(layout, token)), ..notice }.answer(StatusCode::NOT_FOUND)
}

/// The answer to everybody who asks for a fresh link.
#[must_use]
pub fn fresh_link_asked(layout: &PageLayout<'_>) -> Response {
    NoticeTemplate::new(layout, NoticeIcon::Mail, |words| words.fresh_link_asked).answer(StatusCode::OK)
}

/// The document store does not give the bytes that the invoice was sent with.
#[must_use]
pub fn document_unavailable(layout: &PageLayout<'_>, back: &str) -> Response {
    let notice = NoticeTemplate::new(layout, NoticeIcon::Problem, |words| words.document_unavailable);
    let back = Some(layout.language.link(back));
    NoticeTemplate { back, has_contact: true, ..notice }.answer(StatusCode::SERVICE_UNAVAILABLE)
}

/// A form without the session's token, or from another site.
#[must_use]
pub fn form_outdated(layout: &PageLayout<'_>) -> Response {
    NoticeTemplate::new(layout, NoticeIcon::Problem, |words| words.form_outdated).answer(StatusCode::FORBIDDEN)
}

#[must_use]
pub fn not_found(layout: &PageLayout<'_>) -> Response {
    NoticeTemplate::new(layout, NoticeIcon::Problem, |words| words.not_found).answer(StatusCode::NOT_FOUND)
}

#[must_use]
pub fn failed(layout: &PageLayout<'_>) -> Response {
    NoticeTemplate::new(layout, NoticeIcon::Problem, |words| words.failed).answer(StatusCode::INTERNAL_SERVER_ERROR)
}

/// There is no capacity for this request now.
#[must_use]
pub fn later(layout: &PageLayout<'_>, wait: Duration) -> Response {
    let notice = NoticeTemplate::new(layout, NoticeIcon::Clock, |words| words.later);
    retry_after(notice.answer(StatusCode::SERVICE_UNAVAILABLE), wait)
}

fn fresh_link<'a>(layout: &PageLayout<'_>, token: &'a str) -> FreshLinkForm<'a> {
    FreshLinkForm { action: layout.language.link("/links"), token }
}

fn try_again(layout: &PageLayout<'_>, wait: Duration) -> String {
    let words = layout.language.words();
    (words.try_again)(&(words.wait)(wait))
}

fn retry_after(mut response: Response, wait: Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}
