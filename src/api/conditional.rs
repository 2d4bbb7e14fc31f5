//! Answers whose tag a client may know already ([RFC 9110 §13.1.2]): who follows something asks every few seconds.
//!
//! [RFC 9110 §13.1.2]: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::sha256::Sha256;

/// JSON with its tag; if the request shows that tag, 304 without it.
pub(super) fn json_unless_known(headers: &HeaderMap, answer: &impl Serialize) -> Response {
    let body = serde_json::to_vec(answer).expect("answers have texts as keys");
    let tag = format!("\"{}\"", &Sha256::of(&body).to_string()[..32]);
    let value = HeaderValue::try_from(tag.as_str()).expect("digits in quotes are a header's value");
    if is_known(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, value)]).into_response();
    }
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json")), (header::ETAG, value)];
    (headers, body).into_response()
}

/// Whether the client has what is tagged so. The weak comparison: a proxy may have marked the tag.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let shown = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    // Our tags hold no comma, so a comma always separates two.
    shown.flat_map(|text| text.split(',')).map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_shows_the_tag_gets_nothing_twice() {
        let first = json_unless_known(&HeaderMap::new(), &["R-1"]);
        assert_eq!(first.status(), 200);
        let tag = first.headers()[header::ETAG].clone();
        let known = tag.to_str().expect("ASCII");
        for (shown, status) in [
            (known.to_owned(), 304),
            (format!("\"other\", W/{known}"), 304),
            ("*".to_owned(), 304),
            ("\"other\"".to_owned(), 200),
        ] {
            let headers =
                HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::try_from(&shown).expect("a value"))]);
            let again = json_unless_known(&headers, &["R-1"]);
            assert_eq!((again.status().as_u16(), &again.headers()[header::ETAG]), (status, &tag), "{shown}");
        }
    }
}
