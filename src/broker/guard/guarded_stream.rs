//! The stream under lapin: what the broker sends goes through a [`FrameGuard`], encrypted or not.
//!
//! lapin takes no stream of any type, but that of a runtime's reactor; so there is a reactor whose streams are these
//! ([`guarded_runtime`]). Everything else is tokio's.

use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::Stream;
use tokio::io::ReadBuf;

use super::frame_guard::FrameGuard;
use super::incoming_bodies::IncomingBodies;

/// What is read from the socket at once.
const READ_BYTES: usize = 64 << 10;

/// The connection itself, encrypted or not.
pub(in crate::broker) trait Wire:
    tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin
{
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Wire for S {}

/// A connection to the broker whose frames are followed.
pub(in crate::broker) struct GuardedStream {
    inner: Box<dyn Wire>,
    guard: FrameGuard,
    bodies: Arc<IncomingBodies>,
    /// Read from the socket; from `looked_at` on not looked at yet, since a message waits.
    input: Vec<u8>,
    looked_at: usize,
    /// For lapin; from `handed_over` on not handed over yet.
    output: Vec<u8>,
    handed_over: usize,
}

impl GuardedStream {
    /// Follows the frames of a connection that begins.
    pub(in crate::broker) fn new(inner: Box<dyn Wire>, frame_bytes_wanted: u32, bodies: Arc<IncomingBodies>) -> Self {
        Self {
            inner,
            guard: FrameGuard::new(frame_bytes_wanted, Arc::clone(&bodies)),
            bodies,
            input: Vec::with_capacity(READ_BYTES),
            looked_at: 0,
            output: Vec::with_capacity(READ_BYTES),
            handed_over: 0,
        }
    }

    /// Hands over what there is.
    fn hand_over(&mut self, buffer: &mut [u8]) -> usize {
        let rest = &self.output[self.handed_over..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.handed_over += count;
        if self.handed_over == self.output.len() {
            self.output.clear();
            self.output.shrink_to(READ_BYTES);
            self.handed_over = 0;
        }
        count
    }

    /// Looks at what was read; whether the next message must wait.
    fn look(&mut self) -> io::Result<bool> {
        let progress = self.guard.push(&self.input[self.looked_at..], &mut self.output)?;
        self.looked_at += progress.consumed;
        Ok(progress.waits)
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            if !this.output.is_empty() {
                return Poll::Ready(Ok(this.hand_over(buffer)));
            }
            let waits = this.look()?;
            if !this.output.is_empty() {
                continue;
            }
            if waits {
                if this.bodies.window.wake_when_free(context.waker()) {
                    return Poll::Pending;
                }
                continue;
            }
            this.input.resize(READ_BYTES, 0);
            this.looked_at = 0;
            let mut space = ReadBuf::new(&mut this.input);
            let read = tokio::io::AsyncRead::poll_read(Pin::new(&mut this.inner), context, &mut space);
            let count = space.filled().len();
            this.input.truncate(count);
            ready!(read)?;
            if count == 0 {
                return Poll::Ready(Ok(0));
            }
        }
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        tokio::io::AsyncWrite::poll_write(Pin::new(&mut self.get_mut().inner), context, buffer)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        tokio::io::AsyncWrite::poll_write_vectored(Pin::new(&mut self.get_mut().inner), context, buffers)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        tokio::io::AsyncWrite::poll_flush(Pin::new(&mut self.get_mut().inner), context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        tokio::io::AsyncWrite::poll_shutdown(Pin::new(&mut self.get_mut().inner), context)
    }
}

/// tokio, but for the type of its streams.
pub(in crate::broker) fn guarded_runtime() -> Runtime<RuntimeParts<Tokio, GuardedReactor>> {
    Runtime::new(RuntimeParts::new(Tokio::current(), GuardedReactor(Tokio::current())))
}

/// tokio's reactor with streams that are guarded. They are made in `crate::broker::connection` only.
#[derive(Debug, Clone)]
pub(in crate::broker) struct GuardedReactor(Tokio);

impl Reactor for GuardedReactor {
    type TcpStream = GuardedStream;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        self.0.register(socket)
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    /// Not used: a guard needs to know more than an address.
    fn tcp_connect_addr(&self, _: SocketAddr) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        std::future::ready(Err(io::ErrorKind::Unsupported.into()))
    }
}
