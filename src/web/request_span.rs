//! Each request is answered in a span of its own.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

use crate::event::is_traceparent;
use crate::telemetry::span;

/// Answers the request in its span.
pub async fn in_request_span(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let traceparent =
        request.headers().get("traceparent").and_then(|value| value.to_str().ok()).filter(|text| is_traceparent(text));
    let span = span::http_request(request.method().as_str(), route, traceparent);
    next.run(request).instrument(span).await
}
