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

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use parking_lot::Mutex;
    use tracing::Level;

    use super::*;
    use crate::web::wire::Listening;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The token of a link is what a log must not hold: who reads logs could open the invoice.
    #[tokio::test]
    async fn a_span_names_the_route_and_never_the_token() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_max_level(Level::TRACE).with_writer(move || writer.clone()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let page = get(|| async {
            tracing::info!("answered");
            "page"
        });
        let router = Router::new().route("/i/{token}", page).layer(from_fn(in_request_span));
        let answer = Listening::start(router).await.get("/i/SECRET-TOKEN").await;
        assert!(answer.ends_with("page"), "{answer}");
        let written = String::from_utf8(lines.0.lock().clone()).expect("UTF-8");
        assert!(written.contains("answered") && written.contains("/i/{token}"), "{written}");
        assert!(!written.contains("SECRET-TOKEN"), "{written}");
    }
}
