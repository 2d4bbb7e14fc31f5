//! Bodies, read within bounds.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::refusal::Refusal;
use crate::event::BODY_BYTES_MAX;

/// How long a body may take: 1 MiB at 56 kB/s.
const BODY_DEADLINE: Duration = Duration::from_secs(20);
/// How much of a body that is too large is read nonetheless: who is still writing would otherwise be cut off before
/// seeing the answer.
const THROWN_AWAY_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;

/// The body of a request, at most [`BODY_BYTES_MAX`] of it.
pub(super) async fn read(request: Request) -> Result<Bytes, Refusal> {
    let waits_for_leave = request.headers().contains_key(header::EXPECT);
    let body = request.into_body();
    if waits_for_leave && body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        // RFC 9110 §10.1.1: nothing of it was sent yet.
        return Err(Refusal::TooLarge);
    }
    tokio::time::timeout(BODY_DEADLINE, collect(body)).await.map_err(|_| Refusal::BodyTooSlow)?
}

async fn collect(body: Body) -> Result<Bytes, Refusal> {
    let mut chunks = body.into_data_stream();
    let mut bytes = BytesMut::new();
    let mut size = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refusal::BodyBroken)?;
        size += chunk.len();
        if size <= BODY_BYTES_MAX {
            bytes.extend_from_slice(&chunk);
        } else if size > THROWN_AWAY_BYTES_MAX {
            break;
        }
    }
    if size > BODY_BYTES_MAX { Err(Refusal::TooLarge) } else { Ok(bytes.freeze()) }
}

/// The body of a request that must say that it is JSON. (Only such a request of a foreign page must ask for leave
/// first, which nobody gives it.)
pub(super) async fn read_json(request: Request) -> Result<Bytes, Refusal> {
    match media_type(request.headers()).as_deref() {
        Some("application/json") => read(request).await,
        _ => Err(Refusal::MediaType { expected: "application/json" }),
    }
}

/// The media type without its parameters, in lower case; none if there is not exactly one.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (essence, _) = value.to_str().ok().map(|text| text.split_once(';').unwrap_or((text, "")))?;
    Some(essence.trim().to_ascii_lowercase())
}
