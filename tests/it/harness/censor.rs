//! A TCP proxy that cuts a connection as soon as the server sends a certain word, as an inspecting firewall does.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the connection is cut for.
pub(crate) const FORBIDDEN: &str = "EICAR-STANDARD";

/// The proxy.
pub(crate) struct Censor {
    target: String,
    port: u16,
    cut: Arc<watch::Sender<usize>>,
    accepting: JoinHandle<()>,
}

impl Censor {
    /// A proxy to the server at this host and port.
    pub(crate) async fn before(host: &str, port: u16) -> Self {
        let target = format!("{host}:{port}");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let cut = Arc::new(watch::Sender::new(0));
        let accepting = tokio::spawn({
            let (target, cut) = (target.clone(), Arc::clone(&cut));
            async move {
                loop {
                    let (near, _) = listener.accept().await.expect("the listener lives");
                    tokio::spawn(forward(near, target.clone(), Arc::clone(&cut)));
                }
            }
        });
        Self { target, port, cut, accepting }
    }

    /// The same URL by way of this proxy.
    pub(crate) fn url(&self, direct: &str) -> String {
        direct.replace(&self.target, &format!("127.0.0.1:{}", self.port))
    }

    /// Connections cut so far.
    pub(crate) fn cut(&self) -> usize {
        *self.cut.borrow()
    }
}

impl Drop for Censor {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward(mut near: TcpStream, target: String, cut: Arc<watch::Sender<usize>>) {
    let mut far = TcpStream::connect(target).await.expect("the server is there");
    let (mut near_in, mut near_out) = near.split();
    let (mut far_in, mut far_out) = far.split();
    let there = async {
        let _ = tokio::io::copy(&mut near_in, &mut far_out).await;
    };
    let back = async {
        let mut passed = Vec::new();
        let mut buffer = vec![0; 16 << 10];
        loop {
            let count = far_in.read(&mut buffer).await.unwrap_or(0);
            passed.extend_from_slice(&buffer[..count]);
            if let Some(place) = passed.windows(FORBIDDEN.len()).position(|window| window == FORBIDDEN.as_bytes()) {
                cut.send_modify(|count| *count += 1);
                // What comes before the word in this piece passes.
                let before = place.saturating_sub(passed.len() - count);
                let _ = near_out.write_all(&buffer[..before]).await;
                return;
            }
            if count == 0 || near_out.write_all(&buffer[..count]).await.is_err() {
                return;
            }
            // The word may come in two pieces.
            passed.drain(..passed.len().saturating_sub(FORBIDDEN.len()));
        }
    };
    // Either end of it ends both directions.
    tokio::select! { () = there => {}, () = back => {} }
}
