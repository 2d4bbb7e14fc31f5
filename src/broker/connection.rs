//! One connection to the broker: made within a deadline, closed within a deadline, never recovered by itself.
//!
//! lapin's own recovery is not used: during an outage its consumers hang silently, and it gives up for good after a
//! number of tries. The holder of a [`Connection`] drops it on any error and makes another.

use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use futures_util::{Stream, StreamExt as _};
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::tcp::{AMQPUriTcpExt as _, AsyncTcpStream};
use lapin::types::LongString;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{ConnectionProperties, ErrorKind};
use parking_lot::Mutex;

use super::guard::guarded_stream::{GuardedStream, Wire, guarded_runtime};
use super::guard::incoming_bodies::{BodyLimit, IncomingBodies};
use super::tls::{self, TlsUnusable};
use super::url::BrokerUrl;

/// From the first packet to an open connection. Generous: a broker that is starting may take long to answer.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(30);
/// For one question to the broker (open a channel, declare, consume, close).
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// For the peer's kernel to answer anything at all.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How often a connection is looked at while an answer is waited for.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// For the reason of a failure to arrive, once it is known that there is one.
const LAST_WORDS_TIME: Duration = Duration::from_millis(200);
/// For a close that need not be awaited longer: the broker requeues what was not acked either way.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(5);

/// What a connection's messages are for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Messages {
    /// None come that were made elsewhere.
    Any,
    /// They are looked at as events: of too large a body the beginning is enough, and of too large properties the
    /// little that matters.
    Events(BodyLimit),
    /// They are handed on as they are.
    Whole,
}

/// An open connection.
pub(super) struct Connection {
    inner: lapin::Connection,
    socket: Socket,
    bodies: Arc<IncomingBodies>,
}

/// The connection's socket, to hang up when the peer does not answer any more.
///
/// lapin serves each connection by a thread of its own, which ends with the socket only: without this, every
/// timed-out attempt would leave a thread behind.
#[derive(Clone, Default)]
struct Socket(Arc<Mutex<Option<TcpStream>>>);

impl Socket {
    fn keep(&self, socket: TcpStream) {
        *self.0.lock() = Some(socket);
    }

    /// Whether the peer has closed it. False while there is none yet.
    fn is_closed_by_peer(&self) -> bool {
        let socket = self.0.lock();
        // Not blocking, as tokio has made it: no bytes now is an error of that kind, no bytes ever again is zero.
        socket.as_ref().is_some_and(|socket| match socket.peek(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        })
    }

    fn hang_up(&self) {
        if let Some(socket) = self.0.lock().take() {
            // It may be closed already; that is what we want.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// Hangs up unless the connection came about: also when its caller stops waiting.
struct HangUpOnDrop(Option<Socket>);

impl Drop for HangUpOnDrop {
    fn drop(&mut self) {
        if let Some(socket) = &self.0 {
            socket.hang_up();
        }
    }
}

/// Why there is no connection, or why there is none any more.
#[derive(Debug, Clone)]
pub enum ConnectionError {
    /// The file with the certificate authority cannot be used.
    CaFile(String),
    /// No answer within the time allowed.
    Timeout {
        /// What was asked.
        doing: &'static str,
    },
    /// The connection or channel closed before the answer came.
    Gone {
        /// What was asked.
        doing: &'static str,
    },
    /// User or password are wrong, or the user may not use the virtual host.
    Refused {
        /// The broker's words.
        said: String,
    },
    /// The connection or channel is gone, or could not be made.
    Lost(lapin::Error),
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaFile(problem) => write!(f, "the file with the certificate authority cannot be used: {problem}"),
            Self::Timeout { doing } => write!(f, "the broker does not answer: no reply in time to {doing}"),
            Self::Gone { doing } => {
                write!(f, "the connection to the broker is lost: it closed before the reply to {doing}")
            }
            Self::Refused { said } => {
                write!(f, "the broker refuses the connection: {said}; check user, password and virtual host")
            }
            Self::Lost(error) => write!(f, "the connection to the broker is lost: {error}"),
        }
    }
}

impl std::error::Error for ConnectionError {}

impl ConnectionError {
    /// The broker's words, if it ended the connection for a fault of its own (AMQP 0-9-1: reply code 541).
    pub(super) fn internal_error(&self) -> Option<String> {
        let Self::Lost(error) = self else { return None };
        match error.kind() {
            ErrorKind::ProtocolError(said)
                if matches!(said.kind(), AMQPErrorKind::Hard(AMQPHardError::INTERNALERROR)) =>
            {
                Some(said.get_message().to_string())
            }
            _ => None,
        }
    }
}

impl From<TlsUnusable> for ConnectionError {
    fn from(unusable: TlsUnusable) -> Self {
        match unusable {
            TlsUnusable::CaFile(problem) => Self::CaFile(problem),
            TlsUnusable::Setup(error) => Self::Lost(error.into()),
        }
    }
}

impl From<lapin::Error> for ConnectionError {
    fn from(error: lapin::Error) -> Self {
        if let ErrorKind::ProtocolError(said) = error.kind()
            && matches!(
                said.kind(),
                AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) | AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)
            )
        {
            return Self::Refused { said: said.get_message().to_string() };
        }
        Self::Lost(error)
    }
}

impl Connection {
    /// Connects and logs in; `role` is what operators see beside the connection.
    pub(super) async fn open(url: &BrokerUrl, role: &str) -> Result<Self, ConnectionError> {
        Self::open_for(url, role, Messages::Any).await
    }

    /// The same, for what is to be done with messages.
    pub(super) async fn open_for(url: &BrokerUrl, role: &str, messages: Messages) -> Result<Self, ConnectionError> {
        let connector = Arc::new(tls::connector(url)?);
        let tokio = lapin::runtime::default_runtime()?;
        let socket = Socket::default();
        let mut guard = HangUpOnDrop(Some(socket.clone()));
        let kept = socket.clone();
        let limit = match messages {
            Messages::Events(limit) => Some(limit),
            Messages::Whole | Messages::Any => None,
        };
        let bodies = Arc::new(IncomingBodies::new(limit));
        let frame_bytes_wanted = url.frame_bytes_wanted(matches!(messages, Messages::Whole));
        // lapin takes what the guard makes of the broker's offer.
        let mut uri = url.uri().clone();
        uri.query.frame_max = Some(0);
        let incoming = Arc::clone(&bodies);
        let connect = lapin::Connection::connector(
            uri,
            guarded_runtime(),
            async move |uri: AMQPUri, _| {
                let plain = AMQPUri { scheme: AMQPScheme::AMQP, ..uri.clone() };
                let tcp = plain.connect_with_config_async(lapin::tcp::TLSConfig::default(), &tokio);
                let AsyncTcpStream::Plain(stream) = within(tcp).await? else {
                    return Err(io::Error::from(io::ErrorKind::Unsupported).into());
                };
                let stream = stream.into_inner();
                notice_a_dead_peer(&stream)?;
                kept.keep(TcpStream::from(stream.as_fd().try_clone_to_owned()?));
                let stream: Box<dyn Wire> = match connector.as_ref() {
                    Some(connector) => Box::new(within(tls::handshake(connector, &uri.authority.host, stream)).await?),
                    None => Box::new(stream),
                };
                Ok(AsyncTcpStream::Plain(GuardedStream::new(stream, frame_bytes_wanted, Arc::clone(&incoming))))
            },
            ConnectionProperties::default()
                .with_connection_name(LongString::from(format!("invoice-dispatcher {role}"))),
        );
        let inner =
            answer_within(CONNECT_TIME_MAX, "connect and log in", || socket.is_closed_by_peer(), connect).await?;
        guard.0 = None;
        Ok(Self { inner, socket, bodies })
    }

    /// The messages that come in by it.
    pub(super) const fn bodies(&self) -> &Arc<IncomingBodies> {
        &self.bodies
    }

    /// Opens a channel.
    pub(super) async fn channel(&self) -> Result<lapin::Channel, ConnectionError> {
        let gone = || !self.is_open();
        answer_within(ANSWER_TIME_MAX, "open a channel", gone, self.inner.create_channel()).await
    }

    /// Whether the connection still stands, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        self.inner.status().connected() && !self.socket.is_closed_by_peer()
    }

    /// Waits until the connection is lost.
    ///
    /// What waits for messages waits for this too: what lapin was doing in the moment in which it lost the
    /// connection may never end, with an error neither.
    pub(super) async fn lost(&self) -> ConnectionError {
        lost(|| !self.is_open()).await;
        ConnectionError::Gone { doing: "consume" }
    }

    /// Whether the broker has stopped reading from us, because of its memory or disk alarm.
    pub(super) fn is_blocked(&self) -> bool {
        self.inner.status().blocked()
    }

    /// What happens on the connection: blocked, unblocked, an error.
    pub(super) fn events(&self) -> impl Stream<Item = lapin::Event> + Send + Unpin + use<> {
        self.inner.events_listener().boxed()
    }

    /// Closes the connection and all its channels; what was not acked returns to its queue.
    pub(super) async fn close(self) {
        // Its answer comes behind all messages that it has sent already.
        self.bodies.window.open();
        // A broker that does not answer, or has blocked us, is not waited for: `drop` hangs up.
        let status = self.inner.status();
        let gone = || !status.connected() && !status.closing();
        let _ = answer_within(CLOSE_TIME_MAX, "close", gone, self.inner.close(200, "bye".into())).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.socket.hang_up();
    }
}

/// The answer to one question asked on `channel`, or an error if it does not come in time.
pub(super) async fn answer<T>(
    doing: &'static str,
    channel: &lapin::Channel,
    question: impl Future<Output = lapin::Result<T>>,
) -> Result<T, ConnectionError> {
    answer_within(ANSWER_TIME_MAX, doing, || !channel.status().connected(), question).await
}

/// The answer to one question, or an error if it does not come in time or `gone` says that it never will.
///
/// A question that lapin is asked in the moment in which it loses the connection is never answered, with an error
/// neither. So the connection is looked at while waiting.
pub(super) async fn answer_within<T>(
    time_max: Duration,
    doing: &'static str,
    gone: impl Fn() -> bool,
    question: impl Future<Output = lapin::Result<T>>,
) -> Result<T, ConnectionError> {
    tokio::select! {
        biased;
        answer = tokio::time::timeout(time_max, question) => match answer {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(ConnectionError::Timeout { doing }),
        },
        () = lost(gone) => Err(ConnectionError::Gone { doing }),
    }
}

/// Waits until `gone` says so, and a moment more.
async fn lost(gone: impl Fn() -> bool) {
    let mut looks = tokio::time::interval(LOOK_INTERVAL);
    while !gone() {
        looks.tick().await;
    }
    // The broker's own words may still be on their way to us.
    tokio::time::sleep(LAST_WORDS_TIME).await;
}

/// Closes a channel; what was not acked returns to its queue.
pub(super) async fn close_channel(channel: &lapin::Channel) {
    // One that does not close now closes with its connection.
    let _ = tokio::time::timeout(CLOSE_TIME_MAX, channel.close(200, "done".into())).await;
}

/// Has the kernel end a connection whose peer does not answer any more: by probes while nothing is sent, and by the
/// acknowledgements that do not come for what was sent. Heartbeats notice it too, but they are not read while lapin
/// writes, and not at all before the login.
fn notice_a_dead_peer(socket: impl AsFd) -> io::Result<()> {
    use rustix::net::sockopt;
    sockopt::set_socket_keepalive(&socket, true)?;
    sockopt::set_tcp_keepidle(&socket, SILENCE_MAX / 3)?;
    sockopt::set_tcp_keepintvl(&socket, SILENCE_MAX / 6)?;
    sockopt::set_tcp_keepcnt(&socket, 4)?;
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(&socket, u32::try_from(SILENCE_MAX.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

/// Ends with an error when the time to connect is over, so that lapin's thread ends too.
async fn within<T>(step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(CONNECT_TIME_MAX, step).await.map_err(|_| io::ErrorKind::TimedOut)?
}

#[cfg(test)]
mod tests {
    use rustix::net::sockopt;

    use super::*;

    #[test]
    fn a_peer_that_is_silent_is_dead_after_half_a_minute() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let socket = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        notice_a_dead_peer(&socket).expect("a socket of TCP");
        assert!(sockopt::socket_keepalive(&socket).unwrap());
        let probing = sockopt::tcp_keepidle(&socket).unwrap()
            + sockopt::tcp_keepintvl(&socket).unwrap() * sockopt::tcp_keepcnt(&socket).unwrap();
        assert_eq!(probing, SILENCE_MAX);
        #[cfg(target_os = "linux")]
        assert_eq!(sockopt::tcp_user_timeout(&socket).unwrap(), 30_000);
    }
}
