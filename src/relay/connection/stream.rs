//! The connection's bytes: TCP or TLS, with a deadline, a bound on replies, and the message written without a copy.
//!
//! lettre owns one end ([`AsyncTokioStream`]) and speaks commands and replies over it. The session keeps another hold
//! of the same [`WireStream`], for what lettre has no words for: setting deadlines, turning to TLS inside the
//! connection, and writing the message itself. lettre's `message()` copies the body byte by byte, ends it with a second
//! write and cannot say whether the final dot has left.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncTokioStream;
use parking_lot::{Mutex, MutexGuard};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::client::TlsStream;

use super::helo::HeloFallback;
use crate::failpoint::{self, Failpoint};
use crate::relay::reply_lines::ReplyLines;

/// How much is read from the socket at once, in bytes: replies are short.
const READ_BYTES: usize = 2048;

/// One connection's bytes, held by lettre and by the session.
#[derive(Clone)]
pub(in crate::relay) struct WireStream(Arc<Mutex<StreamInner>>);

struct StreamInner {
    io: Io,
    /// When the exchange must have ended.
    deadline: Pin<Box<Sleep>>,
    /// How long the exchange may take, for the sentence that says so.
    allowed: Duration,
    replies: ReplyLines,
    /// Filtered bytes that lettre has not read yet, from `read_to` on.
    admitted: Vec<u8>,
    read_to: usize,
    /// Whether anything was written yet.
    has_spoken: bool,
    /// What follows if EHLO is not known to the relay.
    helo: Option<HeloFallback>,
    /// HELO was said in place of EHLO.
    said_helo: bool,
    /// Why the connection ended, as the first to notice it saw it.
    end: Option<String>,
}

enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Handed to a TLS handshake that has not come back.
    Gone,
}

/// The message did not get to the socket as a whole.
#[derive(Debug)]
pub(in crate::relay) struct TransferBroken {
    /// Bytes that the connection took.
    pub(in crate::relay) taken: usize,
    /// All bytes, with stuffed dots and the end.
    pub(in crate::relay) total: usize,
}

impl WireStream {
    pub(in crate::relay) fn plain(stream: TcpStream) -> Self {
        Self::new(Io::Plain(stream))
    }

    pub(in crate::relay) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self::new(Io::Tls(Box::new(stream)))
    }

    fn new(io: Io) -> Self {
        Self(Arc::new(Mutex::new(StreamInner {
            io,
            deadline: Box::pin(tokio::time::sleep(Duration::ZERO)),
            allowed: Duration::ZERO,
            replies: ReplyLines::default(),
            admitted: Vec::new(),
            read_to: 0,
            has_spoken: false,
            helo: None,
            said_helo: false,
            end: None,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, StreamInner> {
        self.0.lock()
    }

    /// Begins an exchange that may take `allowed` in total and in which the relay owes `replies`.
    pub(in crate::relay) fn begin(&self, replies: usize, allowed: Duration) {
        let mut inner = self.inner();
        let end = Instant::now().checked_add(allowed).unwrap_or_else(|| Instant::now() + Duration::from_hours(24));
        inner.deadline.as_mut().reset(end);
        inner.allowed = allowed;
        inner.replies.expect(replies);
        inner.helo = None;
    }

    /// Begins the exchange of banner and EHLO, within `allowed`; where EHLO is not known, HELO follows under `name`.
    pub(in crate::relay) fn begin_hello(&self, name: &str, allowed: Duration) {
        self.begin(2, allowed);
        self.inner().helo = Some(HeloFallback::new(name));
    }

    /// Whether HELO was said in place of EHLO: the relay offers nothing.
    pub(in crate::relay) fn said_helo(&self) -> bool {
        self.inner().said_helo
    }

    /// Whether the relay sent something unasked.
    pub(in crate::relay) fn has_surplus(&self) -> bool {
        self.inner().replies.has_surplus()
    }

    /// Whether anything was written yet.
    pub(in crate::relay) fn has_spoken(&self) -> bool {
        self.inner().has_spoken
    }

    /// Why the connection ended, if it has.
    pub(in crate::relay) fn end(&self) -> Option<String> {
        self.inner().end.clone()
    }

    /// Takes the TCP stream out for a TLS handshake. There is no reading or writing until [`WireStream::upgraded`].
    ///
    /// `None` if something came behind the relay's reply: it would count as the first words of the protected
    /// conversation (CVE-2011-0411).
    pub(in crate::relay) fn take_for_upgrade(&self) -> Option<TcpStream> {
        let mut inner = self.inner();
        if inner.replies.has_surplus() || inner.read_to < inner.admitted.len() {
            return None;
        }
        match std::mem::replace(&mut inner.io, Io::Gone) {
            Io::Plain(stream) => Some(stream),
            Io::Tls(_) | Io::Gone => None,
        }
    }

    /// Goes on under TLS.
    pub(in crate::relay) fn upgraded(&self, stream: TlsStream<TcpStream>) {
        self.inner().io = Io::Tls(Box::new(stream));
    }

    /// Writes the slices of a message and its end, in as few writes as the socket allows.
    ///
    /// `Ok` means that the socket has taken the last byte, under TLS the record that holds it. An error means that it
    /// has not: the relay cannot have seen the end of the message.
    pub(in crate::relay) async fn send_message(&self, slices: &[&[u8]]) -> Result<(), TransferBroken> {
        let total = slices.iter().map(|slice| slice.len()).sum();
        let mut taken = 0;
        let mut buffers: Vec<IoSlice<'_>> = slices.iter().map(|slice| IoSlice::new(slice)).collect();
        let mut left = buffers.as_mut_slice();
        IoSlice::advance_slices(&mut left, 0);
        if failpoint::is_armed(Failpoint::InData) {
            taken = self.send_half(slices).await.map_err(|_| TransferBroken { taken, total })?;
            failpoint::reach(Failpoint::InData);
            IoSlice::advance_slices(&mut left, taken);
        }
        while !left.is_empty() {
            match std::future::poll_fn(|context| self.inner().poll_write_vectored(context, left)).await {
                Ok(count) => {
                    taken += count;
                    IoSlice::advance_slices(&mut left, count);
                }
                Err(_) => return Err(TransferBroken { taken, total }),
            }
        }
        let flushed = std::future::poll_fn(|context| self.inner().poll_flush(context)).await;
        flushed.map_err(|_| TransferBroken { taken, total })
    }

    /// Writes and flushes the first half of a message, which mostly is one slice and its end; returns how much the
    /// socket took.
    async fn send_half(&self, slices: &[&[u8]]) -> io::Result<usize> {
        let text = slices[0];
        let half = [IoSlice::new(&text[..text.len().div_ceil(2)])];
        let taken = std::future::poll_fn(|context| self.inner().poll_write_vectored(context, &half)).await?;
        std::future::poll_fn(|context| self.inner().poll_flush(context)).await?;
        Ok(taken)
    }
}

impl StreamInner {
    /// `polled`, but an error once the deadline has passed; remembers the first error.
    fn bounded<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let result = match polled {
            Poll::Ready(result) => result,
            Poll::Pending => {
                ready!(self.deadline.as_mut().poll(context));
                let seconds = self.allowed.as_secs_f64();
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer from the relay within {seconds} s")))
            }
        };
        if let Err(error) = &result {
            self.end.get_or_insert_with(|| error.to_string());
        }
        Poll::Ready(result)
    }

    fn poll_read(&mut self, context: &mut Context<'_>, target: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.read_to == self.admitted.len() || self.keeps_answer_back() {
            ready!(self.poll_helo(context))?;
            let mut bytes = [0; READ_BYTES];
            let mut buffer = ReadBuf::new(&mut bytes);
            let polled = match &mut self.io {
                Io::Plain(stream) => Pin::new(stream).poll_read(context, &mut buffer),
                Io::Tls(stream) => Pin::new(stream).poll_read(context, &mut buffer),
                Io::Gone => Poll::Ready(Err(gone())),
            };
            ready!(self.bounded(context, polled))?;
            if buffer.filled().is_empty() {
                self.end.get_or_insert_with(|| "the relay closed the connection".to_owned());
                return Poll::Ready(Ok(()));
            }
            if self.read_to == self.admitted.len() {
                self.admitted.clear();
                self.read_to = 0;
            }
            if let Err(endless) = self.replies.admit(buffer.filled(), &mut self.admitted) {
                return self.bounded(context, Poll::Ready(Err(io::Error::other(endless))));
            }
            self.look_at_answer();
        }
        let count = target.remaining().min(self.admitted.len() - self.read_to);
        target.put_slice(&self.admitted[self.read_to..self.read_to + count]);
        self.read_to += count;
        Poll::Ready(Ok(()))
    }

    /// Whether the answer to EHLO is not shown yet: it is not whole.
    fn keeps_answer_back(&self) -> bool {
        self.helo.is_some() && self.has_spoken && self.replies.is_awaited()
    }

    /// Drops a whole answer that does not know EHLO: HELO follows.
    fn look_at_answer(&mut self) {
        if !self.has_spoken || self.replies.is_awaited() {
            return;
        }
        if self.helo.as_mut().is_some_and(|helo| helo.follows(&self.admitted[self.read_to..])) {
            self.admitted.clear();
            self.read_to = 0;
            self.replies.expect(1);
        } else {
            self.helo = None;
        }
    }

    /// Says HELO, if it is time.
    fn poll_helo(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(helo) = self.helo.take_if(|helo| !helo.unwritten().is_empty()) {
            let polled = self.poll_write_vectored(context, &[IoSlice::new(helo.unwritten())]);
            let helo = self.helo.insert(helo);
            helo.advance(ready!(polled)?);
            if helo.unwritten().is_empty() {
                self.helo = None;
                self.said_helo = true;
            }
        }
        // Flushing what is flushed costs nothing, and under TLS a part of it may still be on its way.
        if self.said_helo { self.poll_flush(context) } else { Poll::Ready(Ok(())) }
    }

    fn poll_write_vectored(&mut self, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let polled = match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Io::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Io::Gone => Poll::Ready(Err(gone())),
        };
        let polled = match polled {
            Poll::Ready(Ok(0)) if slices.iter().any(|slice| !slice.is_empty()) => {
                Poll::Ready(Err(io::ErrorKind::WriteZero.into()))
            }
            other => other,
        };
        let count = ready!(self.bounded(context, polled))?;
        self.has_spoken = true;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_flush(context),
            Io::Tls(stream) => Pin::new(stream).poll_flush(context),
            Io::Gone => Poll::Ready(Err(gone())),
        };
        self.bounded(context, polled)
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the TLS handshake did not end")
}

impl fmt::Debug for WireStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl AsyncRead for WireStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, target: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_read(context, target)
    }
}

impl AsyncWrite for WireStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.inner().poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.inner();
        let polled = match &mut inner.io {
            Io::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Io::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Io::Gone => Poll::Ready(Ok(())),
        };
        inner.bounded(context, polled)
    }
}

impl AsyncTokioStream for WireStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.inner().io {
            Io::Plain(stream) => stream.peer_addr(),
            Io::Tls(stream) => stream.get_ref().0.peer_addr(),
            Io::Gone => Err(gone()),
        }
    }
}
