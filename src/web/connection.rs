//! One connection: HTTP/1.1 until its client takes too long, its place is another's, or the listener ends.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{self, HeaderValue};
use axum::http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::admission::{ConnectionSlot, Use};
use super::deadlines::HttpDeadlines;
use super::watched::{AnswerBody, RequestBody, WatchedStream};

/// What a connection holds of a request's head, and of an answer that is not written yet.
const BUFFER_BYTES_MAX: usize = 64 << 10;

/// What is read of the body of a request that is turned away: a connection that is closed with something unread is
/// reset, and the client may lose the answer ([RFC 9112 §9.6]).
///
/// [RFC 9112 §9.6]: https://www.rfc-editor.org/rfc/rfc9112#section-9.6
const UNWANTED_BYTES_MAX: usize = 64 << 10;

/// What is answered also where other requests are turned away.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// One connection, and what serves it.
pub(super) struct HttpConnection {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) place: ConnectionSlot,
    pub(super) router: Router,
    pub(super) deadlines: HttpDeadlines,
}

impl HttpConnection {
    /// Serves it. After `drain` what is under way is finished; after `end` nothing is.
    pub(super) async fn serve(self, drain: CancellationToken, end: CancellationToken) {
        let Self { stream, peer, place, router, deadlines } = self;
        let place = Arc::new(place);
        let progress = Arc::clone(&place.progress);
        let io = TokioIo::new(WatchedStream { stream, progress: Arc::clone(&progress) });
        let router = TowerToHyperService::new(router);
        let service = service_fn({
            let place = Arc::clone(&place);
            move |request| answer(router.clone(), Arc::clone(&place), peer, request)
        });
        // HTTP/1.1 alone: by HTTP/2 one connection would bring hundreds of requests at once. The deadlines are ours,
        // since hyper's for a head is its only one.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(BUFFER_BYTES_MAX)
            .serve_connection(io, service);
        let mut connection = pin!(connection);
        let mut is_draining = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        debug!(%peer, "a connection ended with an error: {error}");
                    }
                    return;
                }
                what = progress.overdue(&deadlines) => {
                    debug!(%peer, "closed a connection: {what} took too long");
                    return;
                }
                () = place.evicted.cancelled() => {
                    debug!(%peer, "a connection without a request made room for another one");
                    return;
                }
                () = end.cancelled() => return,
                () = drain.cancelled(), if !is_draining => {
                    is_draining = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

async fn answer(
    router: TowerToHyperService<Router>,
    place: Arc<ConnectionSlot>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let progress = Arc::clone(&place.progress);
    progress.head_received(!request.body().is_end_stream());
    let mut answer = if place.usable_for == Use::Probes && !PROBES.contains(&request.uri().path()) {
        let (head, body) = request.into_parts();
        let body = RequestBody { body, progress: Arc::clone(&progress) };
        // Larger, or broken off: it is turned away all the same.
        let _ = to_bytes(Body::new(body), UNWANTED_BYTES_MAX).await;
        (place.refusal)(&head.uri, &head.headers)
    } else {
        let mut request = request.map(|body| RequestBody { body, progress: Arc::clone(&progress) });
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request).await?
    };
    if place.is_wanted() {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    progress.answer_begins();
    Ok(answer.map(|body| AnswerBody { body, progress }))
}
