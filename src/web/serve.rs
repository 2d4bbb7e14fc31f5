//! Accepts connections until told to end, and then serves them no longer than a deadline.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::admission::{Admission, Use};
use super::connection::HttpConnection;
use super::limits::Limits;

/// How long nothing is accepted after the system had no file for another connection.
const AFTER_SHORTAGE: Duration = Duration::from_millis(250);

/// Serves `router` until `drain` is cancelled; requests under way then have `grace` to end.
///
/// Handlers may ask for the peer by `ConnectInfo<SocketAddr>`.
pub async fn serve(listener: TcpListener, router: Router, drain: CancellationToken, grace: Duration) {
    serve_within(Limits::default(), listener, router, drain, grace).await;
}

/// As [`serve`], within other limits.
pub async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    router: Router,
    drain: CancellationToken,
    grace: Duration,
) {
    let admission = Admission::new(limits);
    let (connections, end) = (TaskTracker::new(), CancellationToken::new());
    while let Some(connection) = drain.run_until_cancelled(next(&listener, &admission, &router)).await {
        connections.spawn(connection.serve(drain.clone(), end.clone()));
    }
    // New connections are refused, and go to another process.
    drop(listener);
    connections.close();
    if tokio::time::timeout(grace, connections.wait()).await.is_err() {
        warn!("{} requests were still under way when the listener had to end", connections.len());
        end.cancel();
        connections.wait().await;
    }
}

async fn next(listener: &TcpListener, admission: &Admission, router: &Router) -> HttpConnection {
    loop {
        let (stream, peer) = accept(listener).await;
        // A peer that has enough loses this connection; the others wait in the kernel's queue meanwhile.
        let Some(place) = admission.admit(peer.ip()).await else { continue };
        // An answer goes out at once, in whatever pieces it is written. An error ends the connection soon enough.
        let _ = stream.set_nodelay(true);
        let limits = &admission.limits;
        if let Some(bytes) = limits.send_buffer_bytes {
            let _ = set_socket_send_buffer_size(&stream, bytes);
        }
        let deadlines = match place.usable_for {
            Use::Any => limits.deadlines,
            Use::Probes => limits.probe_deadlines,
        };
        return HttpConnection { stream, peer, place, router: router.clone(), deadlines };
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // Of this connection alone: it ended before it was taken.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                warn!("failed to accept a connection: {error}");
                tokio::time::sleep(AFTER_SHORTAGE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use axum::body::Bytes;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::web::deadlines::HttpDeadlines;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    /// What a test waits for that comes at once.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// A listener with one request under way, which is answered when `answer` says so.
    struct Busy {
        stream: TcpStream,
        answer: Arc<Notify>,
        drain: CancellationToken,
        serving: JoinHandle<()>,
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
        busy.serving.await.expect("no panic");
    }

    #[tokio::test]
    async fn a_request_without_end_does_not_hold_the_process() {
        let busy = busy(Duration::from_millis(20)).await;
        busy.drain.cancel();
        busy.serving.await.expect("no panic");
    }

    /// A listener with short deadlines: `/` reads a body, `/large` answers with 64 MiB, `/livez` is a probe.
    struct Short {
        address: SocketAddr,
        _end: tokio_util::sync::DropGuard,
    }

    /// Long enough for a machine with much else to do.
    const SHORT: HttpDeadlines = HttpDeadlines {
        head: Duration::from_secs(1),
        idle: Duration::from_secs(1),
        body: Duration::from_secs(1),
        work: Duration::from_secs(20),
        write: Duration::from_secs(2),
        write_bytes_min: 32 << 10,
    };

    impl Short {
        async fn start(limits: Limits) -> Self {
            let router = Router::new()
                .route("/", post(|body: Bytes| async move { body.len().to_string() }))
                .route("/large", get(|| async { vec![b'x'; 64 << 20] }))
                .route("/livez", get(|| async { "alive" }));
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("bound");
            let end = CancellationToken::new();
            tokio::spawn(serve_within(limits, listener, router, end.clone(), Duration::ZERO));
            Self { address, _end: end.drop_guard() }
        }

        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.expect("it listens")
        }

        async fn ask(&self, path: &str) -> String {
            let mut stream = self.connect().await;
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.expect("written");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("an answer");
            answer
        }
    }

    fn short() -> Limits {
        Limits { deadlines: SHORT, probe_deadlines: SHORT, ..Limits::default() }
    }

    /// Sends a byte every few milliseconds, until the other side has closed.
    async fn drip(stream: &mut TcpStream) {
        let dripping = async {
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, dripping).await.expect("the listener closes the connection");
    }

    #[tokio::test]
    async fn a_head_a_body_and_a_pause_without_end_are_cut_off() {
        let short = Short::start(short()).await;
        for begin in ["GET /livez HTTP/1.1\r\nX: ", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"] {
            let mut stream = short.connect().await;
            stream.write_all(begin.as_bytes()).await.expect("written");
            drip(&mut stream).await;
        }
        for begin in ["", "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let mut stream = short.connect().await;
            stream.write_all(begin.as_bytes()).await.expect("written");
            let mut answer = Vec::new();
            let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
            read.expect("the listener closes the connection").expect("in good order");
            assert_eq!(answer.is_empty(), begin.is_empty());
        }
    }

    #[tokio::test]
    async fn whoever_does_not_read_the_answer_is_cut_off() {
        let short = Short::start(short()).await;
        let mut stream = short.connect().await;
        stream.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("written");
        // The sockets take a few MB; then the listener waits for us, in vain.
        let closed = async {
            while stream.write_all(b"\r\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, closed).await.expect("the listener closes the connection");
        // Who reads it gets all of it, however long after the deadline it ends.
        let answer = short.ask("/large").await;
        assert!(answer.len() > 64 << 20, "{}", answer.len());
    }

    /// A minute of a phone that takes 1 kB a second, in two seconds: it takes 60 kB in each minute, of 480 kB.
    #[tokio::test]
    async fn a_slow_phone_gets_the_whole_answer() {
        const MINUTES: usize = 8;
        let slow = Limits::default().for_customers(1_024);
        let deadlines = HttpDeadlines { write: slow.deadlines.write / 30, ..slow.deadlines };
        let router = Router::new().route("/", get(|| async { vec![b'x'; MINUTES * 60_000] }));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let end = CancellationToken::new();
        tokio::spawn(serve_within(Limits { deadlines, ..slow }, listener, router, end.clone(), Duration::ZERO));
        let _end = end.drop_guard();
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        // Else this side's system would take all at once.
        socket.set_recv_buffer_size(4 << 10).expect("a small buffer");
        let mut stream = socket.connect(address).await.expect("it listens");
        stream.write_all(REQUEST).await.expect("written");
        let (mut taken, mut piece) = (0, vec![0; 6_000]);
        let mut pieces = tokio::time::interval(Duration::from_millis(200));
        pieces.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            pieces.tick().await;
            let count = stream.read(&mut piece).await.expect("it is not cut off");
            if count == 0 {
                break;
            }
            taken += count;
        }
        assert!(taken > MINUTES * 60_000, "all of it, and its head: {taken}");
    }

    #[tokio::test]
    async fn http2_is_not_spoken() {
        let short = Short::start(Limits::default()).await;
        let mut stream = short.connect().await;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("written");
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        let _ = read.expect("the listener closes the connection");
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
    }

    /// Asks ten times how the process is, sooner than any deadline ends those who hold connections.
    async fn assert_probes_are_answered(short: &Short) {
        let began = Instant::now();
        for _ in 0..10 {
            let answer = tokio::time::timeout(PATIENCE, short.ask("/livez")).await.expect("in time");
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        assert!(began.elapsed() < HttpDeadlines::DEFAULT.head, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn probes_are_answered_beside_300_connections_of_one_address() {
        let short = Short::start(Limits::default()).await;
        let mut silent = Vec::new();
        for _ in 0..300 {
            silent.push(short.connect().await);
        }
        assert_probes_are_answered(&short).await;
        drop(silent);

        let mut slow = Vec::new();
        for _ in 0..300 {
            let mut stream = short.connect().await;
            // Some of them are turned away by then.
            let _ = stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").await;
            slow.push(stream);
        }
        assert_probes_are_answered(&short).await;
        let answer = short.ask("/large").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
    }

    #[tokio::test]
    async fn one_peer_does_not_get_all_places() {
        let short = Short::start(Limits { per_peer_max: 10, exempt: Vec::new(), ..Limits::default() }).await;
        let mut streams = Vec::new();
        for _ in 0..10 {
            let mut stream = short.connect().await;
            let head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
            stream.write_all(head).await.expect("written");
            // Its body is asked for: it is at work.
            let mut continued = [0; 25];
            stream.read_exact(&mut continued).await.expect("an answer");
            assert_eq!(&continued, b"HTTP/1.1 100 Continue\r\n\r\n");
            streams.push(stream);
        }
        let mut refused = short.connect().await;
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(PATIENCE, refused.read_to_end(&mut answer)).await.expect("it is closed");
        assert!(closed.is_err() || answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
        // Another peer is another matter.
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.2:0".parse().expect("an address")).expect("loopback is all of 127.0.0.0/8");
        let mut other = socket.connect(short.address).await.expect("it listens");
        other.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.expect("written");
        let mut answer = String::new();
        other.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        // What the peer has begun goes on.
        streams[0].write_all(b"more").await.expect("written");
        let mut begin = [0; 12];
        streams[0].read_exact(&mut begin).await.expect("an answer");
        assert_eq!(&begin, b"HTTP/1.1 200");
    }
}
