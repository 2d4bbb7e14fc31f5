//! An HTTP server that answers as a test says: right, wrong, without end, or not at all.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// These bytes, and the connection ends.
    Once(String),
    /// These bytes, then others again and again, until the client closes.
    WithoutEnd(String, Vec<u8>),
    /// These bytes, then others, one each time that has passed; and the connection ends.
    Dripping(String, Vec<u8>, Duration),
    /// Nothing; the connection stays open.
    Silence,
}

/// What the tests see of it.
#[derive(Debug, Default)]
struct Seen {
    heads: Mutex<Vec<String>>,
    sent: AtomicU64,
}

/// The server; it ends when it is dropped.
pub(crate) struct ScriptedHttp {
    /// Where it listens, for example `http://127.0.0.1:40123`.
    pub(crate) url: String,
    seen: Arc<Seen>,
    serving: JoinHandle<()>,
}

impl ScriptedHttp {
    /// Starts a server that answers each request by its head.
    pub(crate) async fn start(script: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (seen, script) = (Arc::new(Seen::default()), Arc::new(script));
        let serving = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                while let Ok((connection, _)) = listener.accept().await {
                    let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                    tokio::spawn(async move { answer(connection, &seen, &*script).await });
                }
            }
        });
        Self { url, seen, serving }
    }

    /// The heads of all requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.seen.heads.lock().expect("no holder panics").clone()
    }

    /// Bytes that its sockets took so far.
    pub(crate) fn sent(&self) -> u64 {
        self.seen.sent.load(Ordering::Relaxed)
    }
}

impl Drop for ScriptedHttp {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(mut connection: TcpStream, seen: &Seen, script: &(dyn Fn(&str) -> Answer + Send + Sync)) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = connection.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let answer = script(&head);
    seen.heads.lock().expect("no holder panics").push(head);
    match answer {
        Answer::Once(bytes) => {
            let _ = connection.write_all(bytes.as_bytes()).await;
            let _ = connection.shutdown().await;
        }
        Answer::WithoutEnd(begin, again) => {
            let _ = connection.write_all(begin.as_bytes()).await;
            while connection.write_all(&again).await.is_ok() {
                seen.sent.fetch_add(again.len() as u64, Ordering::Relaxed);
            }
        }
        Answer::Dripping(begin, drops, pause) => {
            let _ = connection.write_all(begin.as_bytes()).await;
            for drop in drops {
                tokio::time::sleep(pause).await;
                if connection.write_all(&[drop]).await.is_err() {
                    return;
                }
            }
        }
        // Until the client has enough of it.
        Answer::Silence => while connection.read_u8().await.is_ok() {},
    }
}
