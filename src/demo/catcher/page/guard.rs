//! Who may ask, and what every answer carries.

use axum::extract::Request;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{StatusCode, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Refuses requests for any name but this machine's own: such a name was pointed here from outside.
pub(super) async fn only_this_machine(request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    let named = first.filter(|_| second.is_none()).and_then(|host| host.to_str().ok());
    let target = request.uri().authority().map(Authority::as_str);
    if named.is_some_and(is_this_machine) && target.is_none_or(is_this_machine) {
        return next.run(request).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, "This page answers to 127.0.0.1 and localhost only.\n").into_response()
}

/// Whether a `Host` names the loopback, with any port.
fn is_this_machine(host: &str) -> bool {
    host.parse::<Authority>().is_ok_and(|authority| {
        !host.contains('@')
            && ["127.0.0.1", "[::1]", "localhost"].iter().any(|name| authority.host().eq_ignore_ascii_case(name))
    })
}

/// Headers that are right for every answer; a stricter or own one of a route stays.
pub(super) async fn add_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for host in ["127.0.0.1", "127.0.0.1:8025", "localhost:1", "LOCALHOST", "[::1]:8025"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:80",
            "evil@127.0.0.1",
            "127.0.0.2",
            "::1",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
