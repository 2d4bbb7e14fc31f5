//! A listener that takes no more connections than it has places, and none that says nothing.
//!
//! Every connection is an open file, of which a process has few: a storm of visitors must not take those away that send
//! mail and reach the database. Who finds no place waits in the kernel's queue.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::response::Response;
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// Connections of one listener at once. A process has three listeners and, on most machines, 1,024 open files.
const CONNECTIONS_MAX: usize = 200;

/// With fewer places left, connections end with their answer: who keeps one for later must not keep others out.
const PLACES_SPARE: usize = CONNECTIONS_MAX / 4;

/// A connection on which nothing comes for so long is closed: longer than any request may take to be answered.
const SILENCE_MAX: Duration = Duration::from_secs(75);

/// Takes connections while it has places.
#[derive(Debug)]
pub(super) struct BoundedListener {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl BoundedListener {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }

    /// How full it is, now and later.
    pub(super) fn crowd(&self) -> Crowd {
        Crowd(Arc::clone(&self.places))
    }
}

/// How full a listener is.
#[derive(Debug, Clone)]
pub(super) struct Crowd(Arc<Semaphore>);

impl Crowd {
    /// Has the connection of this answer closed if others may wait for its place.
    pub(super) fn show_out(&self, answer: &mut Response) {
        if self.0.available_permits() < PLACES_SPARE {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

impl Listener for BoundedListener {
    type Io = Visitor;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visitor, SocketAddr) {
        let place = Arc::clone(&self.places).acquire_owned().await.expect("the places are never closed");
        // axum's own: it tells why a connection could not be taken, and goes on.
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        (Visitor { stream, silence: Box::pin(tokio::time::sleep(SILENCE_MAX)), _place: place }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection, and its place.
#[derive(Debug)]
pub(super) struct Visitor {
    stream: TcpStream,
    /// Ends when nothing has come for too long.
    silence: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Visitor {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_ready() {
            self.silence.as_mut().reset(Instant::now() + SILENCE_MAX);
            return polled;
        }
        ready!(self.silence.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Visitor {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
