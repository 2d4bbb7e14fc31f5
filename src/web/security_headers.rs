//! Headers that every answer of every listener bears.

use axum::http::header::{self, HeaderValue};
use axum::response::Response;

/// Adds what an answer does not say itself: it is for the one who asked, so it is not kept, its type is not guessed, no
/// address of ours is passed on, and nothing in it runs, loads or shows in another site's frame.
pub async fn add_security_headers(mut response: Response) -> Response {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
