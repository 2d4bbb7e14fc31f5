//! Plain pages until the real ones take their place.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use crate::model::tenant::TenantProfile;

fn page(status: StatusCode, text: &str) -> Response {
    (status, Html(format!("<!doctype html><title>Portal</title><p>{text}</p>\n"))).into_response()
}

pub(super) fn open() -> Response {
    page(StatusCode::OK, r#"<form method="post"><button>Open invoice</button></form>"#)
}

pub(super) fn link_expired(tenant: &TenantProfile) -> Response {
    let contact = &tenant.contact;
    let ways: Vec<&str> =
        [&contact.email, &contact.phone, &contact.url].into_iter().flatten().map(String::as_str).collect();
    let ask = if ways.is_empty() { tenant.sender.address.clone() } else { ways.join(", ") };
    // A tenant's name is a text for a page only once it is escaped.
    let escaped = ask.replace('&', "&amp;").replace('<', "&lt;");
    page(StatusCode::GONE, &format!("This link has ended. Please contact: {escaped}"))
}

pub(super) fn link_unknown() -> Response {
    page(StatusCode::NOT_FOUND, "This link is not valid, or not any more.")
}

pub(super) fn session_over() -> Response {
    page(StatusCode::FORBIDDEN, "Your session is over. Please open the link in your email again.")
}

pub(super) fn invoice(number: &str) -> Response {
    let escaped = number.replace('&', "&amp;").replace('<', "&lt;");
    page(StatusCode::OK, &format!("Invoice {escaped}"))
}

pub(super) fn verification_asked() -> Response {
    page(StatusCode::OK, "Please prove who you are.")
}

pub(super) fn document_unavailable() -> Response {
    page(StatusCode::SERVICE_UNAVAILABLE, "This document is not available.")
}

pub(super) fn not_found() -> Response {
    page(StatusCode::NOT_FOUND, "There is no such page.")
}

pub(super) fn session_ended() -> Response {
    page(StatusCode::OK, "Your session is closed.")
}

pub(super) fn foreign_form() -> Response {
    page(StatusCode::FORBIDDEN, "This form was not sent from our page. Please open the link in your email again.")
}

pub(super) fn failed() -> Response {
    let mut answer = page(StatusCode::SERVICE_UNAVAILABLE, "Please try again later.");
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
    answer
}
