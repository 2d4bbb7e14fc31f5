//! What a visitor sees where no page can be made: a fault of ours, no room for another request, a process that is starting.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::http::{HeaderMap, Uri};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt as _;

use super::language::LanguageWish;
use super::portal_headers;
use super::session::{failed, later};

/// Without it, a panic would only end the connection: a browser would blame the visitor's network.
pub(super) async fn answer_panics(request: Request, next: Next) -> Response {
    let language = LanguageWish::of(request.uri(), request.headers());
    AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a page of the portal failed by a panic; what it said stands in the error output");
        failed(language)
    })
}

/// The process has not met its database.
pub(super) async fn starting(uri: Uri, headers: HeaderMap) -> Response {
    later(LanguageWish::of(&uri, &headers))
}

/// All connections of the listener are at work.
#[must_use]
pub fn refuse_crowded(uri: &Uri, headers: &HeaderMap) -> Response {
    portal_headers(later(LanguageWish::of(uri, headers)))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::get;

    use super::*;
    use crate::portal::{starting_router, with_headers};
    use crate::web::wire::Listening;

    async fn ask(router: Router, path: &str) -> String {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Language: nl\r\nConnection: close\r\n\r\n");
        Listening::start(router).await.ask(&request).await
    }

    async fn broken() -> &'static str {
        panic!("a secret of ours")
    }

    #[tokio::test]
    async fn a_panic_is_a_page_that_tells_nothing() {
        let router = Router::new().route("/i/{token}", get(broken)).layer(from_fn(answer_panics));
        let answer = ask(with_headers(router), "/i/TOKEN").await;
        assert!(answer.starts_with("HTTP/1.1 500") && answer.contains("Er is iets misgegaan"), "{answer}");
        assert!(!answer.contains("secret"), "{answer}");
        let head = answer.to_lowercase();
        for header in
            ["referrer-policy: strict-origin\r\n", "cache-control: private, no-store\r\n", "frame-ancestors 'none'"]
        {
            assert!(head.contains(header), "{header}: {answer}");
        }
    }

    #[tokio::test]
    async fn a_process_that_is_starting_shows_a_page_in_its_style() {
        let answer = ask(starting_router(), "/i/TOKEN").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("Probeer het zo meteen opnieuw"), "{answer}");
        assert!(answer.to_lowercase().contains("retry-after: 10\r\n"), "{answer}");
        let style = answer.split("rel=\"stylesheet\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
        let style = ask(starting_router(), style.expect("a stylesheet")).await;
        assert!(style.starts_with("HTTP/1.1 200"), "{style}");
    }

    #[test]
    fn a_crowded_listener_shows_a_page() {
        let answer = refuse_crowded(&Uri::from_static("/i/TOKEN?lang=fr"), &HeaderMap::new());
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["content-language"], "fr");
        assert_eq!(answer.headers()["cache-control"], "private, no-store");
        assert_eq!(answer.headers()["retry-after"], "10");
        assert!(answer.headers().contains_key("content-security-policy"));
    }
}
