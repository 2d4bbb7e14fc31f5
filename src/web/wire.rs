//! Talks HTTP/1.1 to a router over a real socket, byte for byte; for tests.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::serve;

/// A router that listens until this is dropped.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    _end: DropGuard,
}

impl Listening {
    pub(crate) async fn start(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let end = CancellationToken::new();
        tokio::spawn(serve(listener, router, end.clone(), Duration::from_secs(1)));
        Self { address, _end: end.drop_guard() }
    }

    /// The whole answer to `request`, which must ask to close the connection.
    pub(crate) async fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)).await
    }
}
