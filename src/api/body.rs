//! Bodies, read within bounds.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use super::refusal::ApiRefusal;
use crate::event::Malformed;
use crate::event::bounds::{line, text};
use crate::model::incoming::BODY_BYTES_MAX;

/// How long a body may take: 1 MiB at 56 kB/s.
pub(super) const BODY_DEADLINE: Duration = Duration::from_secs(20);
/// How much of a body that is too large is read nonetheless: who is still writing would otherwise be cut off before
/// seeing the answer.
const THROWN_AWAY_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;

/// The request with its body in memory, at most [`BODY_BYTES_MAX`] of it, if it comes within `deadline`.
pub(super) async fn received(request: Request, deadline: Duration) -> Result<Request, ApiRefusal> {
    let (head, body) = request.into_parts();
    // Packed bytes would be read as a broken event. `identity` packs nothing (RFC 9110 §8.4.1).
    let packed = |coding: &HeaderValue| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    if head.headers.get_all(header::CONTENT_ENCODING).iter().any(packed) {
        return Err(ApiRefusal::ContentEncoding);
    }
    // RFC 9110 §10.1.1: the sender waits for leave, and has sent nothing of it yet.
    if head.headers.contains_key(header::EXPECT) && body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(ApiRefusal::TooLarge);
    }
    let bytes = tokio::time::timeout(deadline, collect(body)).await.map_err(|_| ApiRefusal::BodyTooSlow)??;
    Ok(Request::from_parts(head, bytes.into()))
}

async fn collect(body: Body) -> Result<Bytes, ApiRefusal> {
    let mut chunks = body.into_data_stream();
    let mut bytes = BytesMut::new();
    let mut size = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiRefusal::BodyBroken)?;
        size += chunk.len();
        if size <= BODY_BYTES_MAX {
            bytes.extend_from_slice(&chunk);
        } else if size > THROWN_AWAY_BYTES_MAX {
            break;
        }
    }
    if size > BODY_BYTES_MAX { Err(ApiRefusal::TooLarge) } else { Ok(bytes.freeze()) }
}

/// The longest reason of a person, in characters.
pub(super) const REASON_CHARS_MAX: usize = 500;

/// The body of a request that says what to do, as JSON.
pub(super) fn read_json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, ApiRefusal> {
    expect_json(headers)?;
    // Serde takes an array, too, and reads the members by their order.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(Malformed::at("$", "must be an object").into());
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        // Serde's own words could repeat a value.
        let path = error.path().to_string();
        let path = if path == "." { "$".to_owned() } else { path };
        Malformed::at(path, "is missing, not known here, or of another type than it should be")
    })?;
    reader.end().map_err(|_| Malformed::at("$", "has something behind its end"))?;
    Ok(read)
}

/// Why a person decides something, without the blanks around it.
pub(super) fn reason(written: &str) -> Result<&str, Malformed> {
    let reason = written.trim();
    text("reason", reason, REASON_CHARS_MAX)?;
    line("reason", reason, REASON_CHARS_MAX)?;
    Ok(reason)
}

/// Refuses a body that does not say that it is JSON. (A page of another site must ask for leave to send one that says
/// so, and no client sends it.)
pub(super) fn expect_json(headers: &HeaderMap) -> Result<(), ApiRefusal> {
    match media_type(headers).as_deref() {
        Some("application/json") => Ok(()),
        _ => Err(ApiRefusal::MediaType { expected: "application/json" }),
    }
}

/// The media type without its parameters, in lower case; none if there is not exactly one.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (essence, _) = value.to_str().ok().map(|text| text.split_once(';').unwrap_or((text, "")))?;
    Some(essence.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use futures_util::stream;

    use super::*;

    /// A body that begins, and ends after `end` if it does.
    fn request(end: Option<&'static [u8]>) -> Request {
        let begin = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{\"id\": "))]);
        let body = match end {
            Some(end) => Body::from_stream(begin.chain(stream::iter([Ok(Bytes::from_static(end))]))),
            None => Body::from_stream(begin.chain(stream::pending())),
        };
        Request::new(body)
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        reason: String,
    }

    #[test]
    fn what_is_wanted_is_said_by_name() {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let read = |body: &str| read_json::<Wanted>(&headers, body.as_bytes()).map(|wanted| wanted.reason).ok();
        assert_eq!(read(" {\"reason\": \"why\"}\n").as_deref(), Some("why"));
        for other in ["[\"why\"]", "\n [\"why\"]", "[]", "{}", "\"why\"", "null", "", "{\"reason\": \"why\"} x"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn a_body_that_stays_away_is_answered_all_the_same() {
        let refusal = received(request(None), Duration::from_millis(1)).await.expect_err("it never ends");
        let response = refusal.into_response();
        assert_eq!(response.status(), 408);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");

        let whole = received(request(Some(b"1}")), BODY_DEADLINE).await.expect("it ends");
        let body = axum::body::to_bytes(whole.into_body(), BODY_BYTES_MAX).await.expect("a body");
        assert_eq!(body, "{\"id\": 1}");
    }
}
