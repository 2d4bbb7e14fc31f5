//! The catcher's sockets: connections in, conversations held, messages into the [`Mailbox`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::behaviour::Behaviour;
use super::mailbox::{Mailbox, NotKept};
use super::reply::SmtpReply;
use super::session::{CatcherSession, SessionStep, too_large};
use super::wire::{COMMAND_LINE_BYTES_MAX, SmtpLine, SmtpWire, TEXT_LINE_BYTES_MAX};

/// Connections at once; a further one gets 421.
const CONNECTIONS_MAX: usize = 100;

/// How long a client may say nothing (RFC 5321 §4.5.3.2.7: at least 5 minutes).
const IDLE_MAX: Duration = Duration::from_mins(5);

/// What every conversation shares.
pub(super) struct CatcherState {
    pub(super) mailbox: Mailbox,
    pub(super) behaviour: Behaviour,
    pub(super) message_bytes_max: u64,
}

/// Takes connections until `stop`, then ends the open conversations and waits for them.
pub(super) async fn serve(listener: TcpListener, shared: Arc<CatcherState>, stop: CancellationToken) {
    let conversations = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, or the client was gone at once: neither ends the server.
            tokio::task::yield_now().await;
            continue;
        };
        let (shared, slot, stop) = (Arc::clone(&shared), Arc::clone(&slots).try_acquire_owned().ok(), stop.clone());
        conversations.spawn(async move {
            // A broken connection is the client's affair; nothing was promised to it.
            let _ = if slot.is_some() { hold(stream, &shared, &stop).await } else { turn_away(stream).await };
        });
    }
    conversations.close();
    conversations.wait().await;
}

async fn turn_away(mut stream: TcpStream) -> io::Result<()> {
    let (reader, writer) = stream.split();
    let reply = SmtpReply::plain(421, "too many connections");
    SmtpWire::new(reader, writer).answer_and_close(&reply.to_string()).await
}

async fn hold(mut stream: TcpStream, shared: &CatcherState, stop: &CancellationToken) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.split();
    let mut wire = SmtpWire::new(reader, writer);
    wire.answer(&SmtpReply::plain(220, "catcher.localhost ESMTP, passes nothing on").to_string()).await?;
    let mut session = CatcherSession::new(shared.message_bytes_max);
    loop {
        // No promise is made before the reply to the final dot, so the conversation may be ended at any read.
        let next = match stop.run_until_cancelled(timeout(IDLE_MAX, wire.line(COMMAND_LINE_BYTES_MAX))).await {
            None => SessionStep::Close(SmtpReply::new(421, "4.3.2", "shutting down").to_string()),
            Some(Err(_)) => {
                SessionStep::Close(SmtpReply::new(421, "4.4.2", "nothing was said for 5 minutes").to_string())
            }
            Some(Ok(line)) => match line? {
                SmtpLine::Whole(line) => session.command(&line, &shared.behaviour),
                SmtpLine::TooLong => session.line_too_long(),
                SmtpLine::End => return Ok(()),
            },
        };
        match next {
            SessionStep::Answer(answer) => wire.answer(&answer).await?,
            SessionStep::Close(answer) => return wire.answer_and_close(&answer).await,
            SessionStep::Receive(go_on) => {
                wire.answer(&go_on).await?;
                let received = stop.run_until_cancelled(receive(&mut wire, shared.message_bytes_max)).await;
                let Some(received) = received.transpose()?.flatten() else { return Ok(()) };
                let envelope = session.take_envelope();
                let reply = match received {
                    Ok(message) => match shared.mailbox.keep(envelope, message).await {
                        Ok(mail) => SmtpReply::new(250, "2.0.0", &format!("caught as {}", mail.id)),
                        Err(NotKept::Full) => SmtpReply::new(452, "4.3.1", "the mailbox is full"),
                        Err(NotKept::Io(error)) => SmtpReply::new(451, "4.3.0", &error.to_string()),
                    },
                    Err(refusal) => refusal,
                };
                wire.answer(&reply.to_string()).await?;
            }
        }
    }
}

/// Reads a message to its final dot; `None` if the client hung up before, so nothing was sent (RFC 5321 §4.1.1.4).
///
/// A message that is refused is read to its end all the same: only then may it be answered.
async fn receive<R, W>(
    wire: &mut SmtpWire<R, W>,
    message_bytes_max: u64,
) -> io::Result<Option<Result<Vec<u8>, SmtpReply>>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let bytes_max = usize::try_from(message_bytes_max).unwrap_or(usize::MAX);
    let mut message = Vec::new();
    let mut refusal = None;
    loop {
        // One byte more than a line may have: a stuffed dot does not count.
        let Ok(line) = timeout(IDLE_MAX, wire.line(TEXT_LINE_BYTES_MAX + 1)).await else { return Ok(None) };
        let line = match line? {
            SmtpLine::End => return Ok(None),
            SmtpLine::TooLong => {
                refusal.get_or_insert_with(|| SmtpReply::new(554, "5.6.0", "a line is longer than 998 bytes"));
                continue;
            }
            SmtpLine::Whole(line) => line,
        };
        if line == b"." {
            return Ok(Some(refusal.map_or(Ok(message), Err)));
        }
        // RFC 5321 §4.5.2: the sender doubled a leading dot.
        let text = line.strip_prefix(b".").unwrap_or(&line);
        if text.len() + 2 > TEXT_LINE_BYTES_MAX {
            refusal.get_or_insert_with(|| SmtpReply::new(554, "5.6.0", "a line is longer than 998 bytes"));
        } else if text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            // RFC 5321 §2.3.8 and RFC 5322 §2.3: such bytes are read differently by different servers.
            refusal.get_or_insert_with(|| SmtpReply::new(554, "5.6.0", "a bare CR, a bare LF or NUL in the message"));
        } else if message.len() + text.len() + 2 > bytes_max {
            refusal.get_or_insert_with(|| too_large(message_bytes_max));
        }
        if refusal.is_none() {
            message.extend_from_slice(text);
            message.extend_from_slice(b"\r\n");
        }
    }
}
