//! A TCP proxy before any server that can swallow packets: nothing passes either way, and neither side notices.
//!
//! So a connection looks after a failover without RST, a firewall that has lost its state, or a frozen machine: it
//! stands, writes succeed until the buffers are full, and no answer, EOF or error ever comes. While packets are
//! swallowed the server does not see either that the client has given up: its session stays, with its locks.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::broker::soon;

/// A proxy that passes everything on, until it is told to swallow.
pub(crate) struct BlackHole {
    target: String,
    port: u16,
    state: Arc<watch::Sender<State>>,
    /// Accepts, and holds the task of every connection: dropped, all connections close.
    accepting: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// Connections accepted so far; each is known by how many there were before it.
    opened: usize,
    /// Whether nothing passes on any connection.
    swallowing: bool,
    /// On connections before this one nothing passes any more, whatever else does.
    lost_before: usize,
    /// Nor on the one that the server knows by this port of the proxy.
    lost_port: Option<u16>,
}

/// A connection through the proxy.
#[derive(Debug, Clone, Copy)]
struct Connection {
    number: usize,
    /// Of the proxy, towards the server; none before that is asked.
    port: Option<u16>,
}

impl State {
    fn passes(&self, connection: Connection) -> bool {
        let is_lost = self.lost_port.is_some() && connection.port == self.lost_port;
        !self.swallowing && connection.number >= self.lost_before && !is_lost
    }
}

impl BlackHole {
    /// A proxy to the server at this host and port.
    pub(crate) async fn before(host: &str, port: u16) -> Self {
        let target = format!("{host}:{port}");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let state = Arc::new(watch::Sender::new(State::default()));
        let accepting = tokio::spawn(accept(listener, target.clone(), Arc::clone(&state)));
        Self { target, port, state, accepting }
    }

    /// A proxy to the server that a URL names by host and port, as `TEST_DATABASE_URL` does.
    pub(crate) async fn before_url(url: &str) -> Self {
        let url = url::Url::parse(url).expect("a URL");
        Self::before(url.host_str().expect("the URL names a host"), url.port().expect("the URL names a port")).await
    }

    /// Where the proxy listens, on 127.0.0.1.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The same URL by way of this proxy.
    pub(crate) fn url(&self, direct: &str) -> String {
        let by_proxy = direct.replace(&self.target, &format!("127.0.0.1:{}", self.port));
        assert_ne!(by_proxy, direct, "the URL does not name {}", self.target);
        by_proxy
    }

    /// From now on nothing passes, either way, on connections that stand and on new ones. New ones are accepted, as by
    /// a load balancer, and hear nothing.
    pub(crate) fn swallow(&self) {
        self.state.send_modify(|state| state.swallowing = true);
    }

    /// New connections pass; nothing ever passes again on those that were opened before, as after a failover.
    pub(crate) fn pass_new_ones(&self) {
        self.state.send_modify(|state| *state = State { swallowing: false, lost_before: state.opened, ..*state });
    }

    /// Nothing passes any more on the one connection that the server knows by this port, as `pg_stat_activity` shows it.
    pub(crate) fn lose(&self, port: u16) {
        self.state.send_modify(|state| state.lost_port = Some(port));
    }

    /// Everything passes, what was held back too: late, in order, as after a network partition.
    pub(crate) fn heal(&self) {
        self.state.send_modify(|state| *state = State { opened: state.opened, ..State::default() });
    }

    /// Connections accepted so far.
    pub(crate) fn opened(&self) -> usize {
        self.state.borrow().opened
    }

    /// Waits until so many connections have been accepted.
    pub(crate) async fn until_opened(&self, count: usize) {
        let mut state = self.state.subscribe();
        soon("connections to the proxy", state.wait_for(|state| state.opened >= count)).await.expect("it lives");
    }
}

impl Drop for BlackHole {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, target: String, state: Arc<watch::Sender<State>>) {
    let mut connections = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await.expect("the listener lives");
        let number = state.borrow().opened;
        state.send_modify(|state| state.opened += 1);
        connections.spawn(forward(near, target.clone(), number, state.subscribe()));
        while connections.try_join_next().is_some() {}
    }
}

async fn forward(near: TcpStream, target: String, number: usize, mut state: watch::Receiver<State>) {
    // The server does not even hear of a connection that is opened while packets are swallowed.
    until_passing(&mut state, Connection { number, port: None }).await;
    let Ok(far) = TcpStream::connect(target).await else { return };
    let connection = Connection { number, port: far.local_addr().ok().map(|address| address.port()) };
    // Small packets pass as they come: the proxy adds no waiting of its own.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::join!(pump(near_in, far_out, connection, state.clone()), pump(far_in, near_out, connection, state));
}

/// One direction. An end passes like any bytes: it is held back while packets are swallowed.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, of: Connection, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        // Nothing is read while nothing passes, so that the sender's buffers fill up as they would.
        until_passing(&mut state, of).await;
        let count = from.read(&mut buffer).await.unwrap_or(0);
        until_passing(&mut state, of).await;
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            let _ = to.shutdown().await;
            return;
        }
    }
}

async fn until_passing(state: &mut watch::Receiver<State>, connection: Connection) {
    if state.wait_for(|state| state.passes(connection)).await.is_err() {
        // The proxy is gone, and this task ends with it.
        std::future::pending::<()>().await;
    }
}

/// Sends a byte and waits for its echo.
#[cfg(test)]
async fn echo(stream: &mut TcpStream) {
    stream.write_all(b"x").await.expect("a write to a black hole succeeds");
    stream.read_u8().await.expect("the connection stays open");
}

/// Sends a byte; says whether no echo comes.
#[cfg(test)]
async fn hears_nothing(stream: &mut TcpStream) -> bool {
    // The only way to see that nothing comes is to wait for a moment in which it would have come many times.
    tokio::time::timeout(std::time::Duration::from_millis(200), echo(stream)).await.is_err()
}

#[tokio::test]
async fn what_is_swallowed_hears_nothing_until_it_heals() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let direct = format!("echo://{}", server.local_addr().expect("bound"));
    let echoing = tokio::spawn(async move {
        loop {
            let (stream, _) = server.accept().await.expect("the listener lives");
            tokio::spawn(async move {
                let (mut from, mut to) = stream.into_split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    let hole = BlackHole::before_url(&direct).await;
    assert_eq!(hole.url(&direct), format!("echo://127.0.0.1:{}", hole.port()));
    let connect = async || TcpStream::connect(("127.0.0.1", hole.port())).await.expect("the proxy accepts");

    let mut old = connect().await;
    soon("an echo", echo(&mut old)).await;
    hole.swallow();
    let mut new = connect().await;
    hole.until_opened(2).await;
    assert!(hears_nothing(&mut old).await && hears_nothing(&mut new).await, "nothing passes");

    hole.pass_new_ones();
    let mut newest = connect().await;
    soon("the echo on a new connection", echo(&mut newest)).await;
    assert!(hears_nothing(&mut old).await && hears_nothing(&mut new).await, "an old one never does");

    hole.heal();
    // All pass, and what was held back comes first.
    for healed in [&mut old, &mut new] {
        soon("the echo on an old connection", echo(healed)).await;
    }
    assert_eq!(hole.opened(), 3);
    echoing.abort();
}
