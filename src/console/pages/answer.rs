//! From a template to an answer.

use std::time::Duration;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::clean;
use crate::console::language::ConsoleLanguage;
use crate::web::short_hash;

pub(super) fn answer(status: StatusCode, language: ConsoleLanguage, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => html_response(status, language, clean_page(html)),
        Err(error) => not_rendered(&error),
    }
}

/// A page that is asked for again and again while something moves: 304 if the reader has it already.
///
/// The tag is of the page's own text, so whatever changes on it counts, and nothing else.
pub(super) fn answer_polled(
    language: ConsoleLanguage,
    page: &impl Template,
    if_none_match: Option<&HeaderValue>,
) -> Response {
    let html = match page.render() {
        Ok(html) => clean_page(html),
        Err(error) => return not_rendered(&error),
    };
    let tag = format!("\"{}\"", short_hash(html.as_bytes()));
    let mut response = if if_none_match.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        html_response(StatusCode::OK, language, html)
    };
    response.headers_mut().insert(header::ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits and quotes"));
    response
}

/// Nothing that turns the direction of writing or steers a terminal that the page is copied into: numbers, names, reasons and
/// a relay's answers come from outside, and every page shows some.
fn clean_page(html: String) -> String {
    let is_unsafe = |c: char| c != '\n' && clean::is_unsafe(c);
    if html.chars().any(is_unsafe) { html.replace(is_unsafe, "\u{fffd}") } else { html }
}

fn html_response(status: StatusCode, language: ConsoleLanguage, html: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_LANGUAGE, HeaderValue::from_static(language.code())),
    ];
    (status, headers, html).into_response()
}

fn not_rendered(error: &askama::Error) -> Response {
    tracing::error!(%error, "A page of the console cannot be rendered");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Says when to try again.
pub(super) fn retry_after(mut response: Response, wait: Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}
