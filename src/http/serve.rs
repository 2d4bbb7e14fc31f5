//! Serves a router until told to end, and then no longer than a deadline.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::listener::BoundedListener;

/// Serves `router` until `drain` is cancelled; requests under way then have `grace` to end.
///
/// axum waits for them without a deadline. Handlers may ask for the peer by `ConnectInfo<SocketAddr>`.
///
/// # Errors
/// If the listener fails.
pub async fn serve(listener: TcpListener, router: Router, drain: CancellationToken, grace: Duration) -> io::Result<()> {
    // The tap does nothing: it is how axum learns the peer's address from a listener that is not its own.
    let listener = BoundedListener::new(listener);
    let crowd = listener.crowd();
    let listener = listener.tap_io(|_| {});
    let router = router.layer(map_response(move |mut answer: Response| {
        crowd.show_out(&mut answer);
        std::future::ready(answer)
    }));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(drain.clone().cancelled_owned());
    let deadline = async {
        drain.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        served = serving => served,
        () = deadline => {
            tracing::warn!("requests were still under way when the listener had to end");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::Notify;

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    /// A listener with one request under way, which is answered when `answer` says so.
    struct Busy {
        stream: TcpStream,
        answer: Arc<Notify>,
        drain: CancellationToken,
        serving: tokio::task::JoinHandle<io::Result<()>>,
    }

    async fn busy(grace: Duration) -> Busy {
        let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let handler = get({
            let (asked, answer) = (asked.clone(), answer.clone());
            || async move {
                asked.notify_one();
                answer.notified().await;
                "late"
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut stream = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
        let drain = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, Router::new().route("/", handler), drain.clone(), grace));
        stream.write_all(REQUEST).await.expect("written");
        asked.notified().await;
        Busy { stream, answer, drain, serving }
    }

    #[tokio::test]
    async fn a_request_under_way_is_answered_before_the_end() {
        let mut busy = busy(Duration::from_mins(1)).await;
        busy.drain.cancel();
        busy.answer.notify_one();
        let mut answer = String::new();
        busy.stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("late"), "{answer}");
        busy.serving.await.expect("no panic").expect("served");
    }

    #[tokio::test]
    async fn a_request_without_end_does_not_hold_the_process() {
        let busy = busy(Duration::from_millis(20)).await;
        busy.drain.cancel();
        busy.serving.await.expect("no panic").expect("served");
    }
}
