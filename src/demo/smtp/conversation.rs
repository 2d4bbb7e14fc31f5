//! One conversation: which command may follow which ([RFC 5321 §4.1.4]), and what is answered.
//!
//! [RFC 5321 §4.1.4]: https://www.rfc-editor.org/rfc/rfc5321#section-4.1.4

use std::io;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::command::{SmtpCommand, not_ascii};
use super::wire::{COMMAND_LINE_BYTES_MAX, SmtpLine, SmtpStream, SmtpWire, TEXT_LINE_BYTES_MAX};
use super::{Flow, MailTransaction, ReceivedEnvelope, SmtpHost, SmtpReply, SmtpStep};

/// Recipients of one message; a server takes at least 100 (RFC 5321 §4.5.3.1.8).
const RECIPIENTS_MAX: usize = 100;

/// Commands without sense before the server hangs up.
const FAULTS_MAX: u32 = 20;

/// How long a client may say nothing (RFC 5321 §4.5.3.2.7: at least 5 minutes).
const IDLE_MAX: Duration = Duration::from_mins(5);

/// A client's connection, and where its conversation stands.
pub struct SmtpConversation {
    /// Of its connection, from 1.
    pub number: usize,
    /// What is said and heard.
    pub wire: SmtpWire,
    /// Whether a host has put TLS under it.
    pub tls: bool,
    /// As whom the client has logged in; for a host that offers AUTH.
    pub user: Option<String>,
    /// Of the last MAIL.
    pub sender: String,
    pub transaction: Option<MailTransaction>,
    greeted: bool,
    faults: u32,
    stop: CancellationToken,
}

impl SmtpConversation {
    pub(super) fn new(number: usize, stream: impl SmtpStream, stop: CancellationToken) -> Self {
        Self {
            number,
            wire: SmtpWire::new(stream),
            tls: false,
            user: None,
            sender: String::new(),
            transaction: None,
            greeted: false,
            faults: 0,
            stop,
        }
    }

    /// Talks until one of the two hangs up.
    pub(super) async fn hold<H: SmtpHost>(mut self, host: &H) -> io::Result<()> {
        let [name, more] = H::BANNER;
        if self.answer(host, SmtpStep::Banner, &format!("220 {name} {more}")).await?.is_continue() {
            while self.turn(host).await?.is_continue() {}
        }
        self.wire.close().await
    }

    /// One command and its answer.
    async fn turn<H: SmtpHost>(&mut self, host: &H) -> io::Result<Flow> {
        let pipelined = self.wire.has_more();
        // No promise is made before the reply to the final dot, so the conversation may be ended at any read.
        let read = timeout(IDLE_MAX, self.wire.line(COMMAND_LINE_BYTES_MAX));
        let line = match self.stop.run_until_cancelled(read).await {
            None => return self.end("421 4.3.2 shutting down").await,
            Some(Err(_)) => return self.end("421 4.4.2 nothing was said for 5 minutes").await,
            Some(Ok(line)) => line?,
        };
        match line {
            SmtpLine::End => Ok(Flow::Break(())),
            // RFC 5321 §4.5.3.1.9.
            SmtpLine::TooLong => self.object("500 5.5.2 line too long").await,
            SmtpLine::Whole(line) => match host.intercept(&line, pipelined, self).await? {
                Some(next) => Ok(next),
                None => match SmtpCommand::parse(&line) {
                    Ok(command) => self.obey(host, command).await,
                    Err(reply) => self.object(&reply).await,
                },
            },
        }
    }

    async fn obey<H: SmtpHost>(&mut self, host: &H, command: SmtpCommand) -> io::Result<Flow> {
        match command {
            SmtpCommand::Ehlo => {
                let mut lines = host.extensions(self);
                lines.insert(0, H::BANNER[0].to_owned());
                let last = lines.pop().unwrap_or_default();
                let reply = lines.iter().fold(String::new(), |reply, line| reply + "250-" + line + "\r\n");
                self.greet(host, SmtpStep::Ehlo, &(reply + "250 " + &last)).await
            }
            SmtpCommand::Helo => self.greet(host, SmtpStep::Helo, &format!("250 {}", H::BANNER[0])).await,
            SmtpCommand::Mail { sender, parameters, bytes, utf8 } => {
                let envelope = ReceivedEnvelope { sender, recipients: Vec::new() };
                self.mail(host, MailTransaction { envelope, parameters, utf8 }, bytes).await
            }
            SmtpCommand::Rcpt { recipient } => self.rcpt(host, recipient).await,
            SmtpCommand::Data => self.data(host).await,
            SmtpCommand::Rset => {
                self.transaction = None;
                self.answer(host, SmtpStep::Rset, "250 2.0.0 forgotten").await
            }
            SmtpCommand::Noop => self.say("250 2.0.0 still here").await,
            // RFC 5321 §7.3: neither yes nor no.
            SmtpCommand::Vrfy => self.say("252 2.5.2 send some mail and see").await,
            SmtpCommand::Help => self.say("214 2.0.0 see RFC 5321").await,
            // Whatever a page of some site sends behind it is read no more.
            SmtpCommand::Http => self.end("421 4.7.0 this is no web server").await,
            SmtpCommand::Quit => self.answer(host, SmtpStep::Quit, "221 2.0.0 goodbye").await.map(|_| Flow::Break(())),
        }
    }

    async fn greet<H: SmtpHost>(&mut self, host: &H, step: SmtpStep, reply: &str) -> io::Result<Flow> {
        self.greeted = true;
        self.transaction = None;
        self.answer(host, step, reply).await
    }

    async fn mail<H: SmtpHost>(
        &mut self,
        host: &H,
        transaction: MailTransaction,
        bytes: Option<u64>,
    ) -> io::Result<Flow> {
        if !self.greeted {
            return self.object("503 5.5.1 EHLO first").await;
        }
        if self.transaction.is_some() {
            return self.object("503 5.5.1 MAIL was given already").await;
        }
        // RFC 1870 §6.1: what is declared too large is refused before it is sent.
        if bytes.is_some_and(|bytes| bytes > host.message_bytes_max()) {
            return self.object(&too_large(host.message_bytes_max())).await;
        }
        self.sender.clone_from(&transaction.envelope.sender);
        if let Some(next) = host.instead(SmtpStep::Mail, None, self).await? {
            return Ok(next);
        }
        self.transaction = Some(transaction);
        self.say("250 2.1.0 sender fine").await
    }

    async fn rcpt<H: SmtpHost>(&mut self, host: &H, recipient: String) -> io::Result<Flow> {
        let Some(transaction) = &self.transaction else {
            return self.object("503 5.5.1 MAIL first").await;
        };
        if !transaction.utf8 && !recipient.is_ascii() {
            return self.object(&not_ascii()).await;
        }
        if transaction.envelope.recipients.len() >= RECIPIENTS_MAX {
            return self.object("452 4.5.3 too many recipients").await;
        }
        if let Some(next) = host.instead(SmtpStep::Rcpt, Some(&recipient), self).await? {
            return Ok(next);
        }
        self.transaction.as_mut().expect("just seen").envelope.recipients.push(recipient);
        self.say("250 2.1.5 recipient fine").await
    }

    async fn data<H: SmtpHost>(&mut self, host: &H) -> io::Result<Flow> {
        match &self.transaction {
            None => return self.object("503 5.5.1 MAIL first").await,
            // RFC 5321 §4.1.1.4, RFC 2920 §3.1: a pipelined DATA after no accepted RCPT.
            Some(transaction) if transaction.envelope.recipients.is_empty() => {
                return self.object("554 5.5.1 no valid recipients").await;
            }
            Some(_) => {}
        }
        if let Some(next) = host.instead(SmtpStep::Data, None, self).await? {
            return Ok(next);
        }
        self.wire.say("354 send the message, then a dot on a line of its own").await?;
        let stop = self.stop.clone();
        let received = stop.run_until_cancelled(self.receive(host)).await.transpose()?.flatten();
        let Some(message) = received else { return Ok(Flow::Break(())) };
        let transaction = self.transaction.take().expect("DATA has a transaction");
        host.take(transaction, message, self).await
    }

    /// Reads a message to its final dot; `None` if the conversation ended before, so nothing was sent (RFC 5321 §4.1.1.4).
    ///
    /// A message that is refused is read to its end all the same: only then may it be answered.
    async fn receive<H: SmtpHost>(&mut self, host: &H) -> io::Result<Option<Result<Vec<u8>, SmtpReply>>> {
        let message_bytes_max = host.message_bytes_max();
        let bytes_max = usize::try_from(message_bytes_max).unwrap_or(usize::MAX);
        let (mut message, mut refusal) = (Vec::new(), None);
        for number in 0_u64.. {
            // One byte more than a line may have: a stuffed dot does not count.
            let Ok(line) = timeout(IDLE_MAX, self.wire.line(TEXT_LINE_BYTES_MAX + 1)).await else { break };
            let line = line?;
            if line == SmtpLine::End
                || number == 0 && host.instead(SmtpStep::Body, None, self).await?.is_some_and(|next| next.is_break())
            {
                break;
            }
            let fault = match &line {
                SmtpLine::Whole(line) if line == b"." => return Ok(Some(refusal.map_or(Ok(message), Err))),
                SmtpLine::Whole(line) => {
                    // RFC 5321 §4.5.2: the sender doubled a leading dot.
                    let text = line.strip_prefix(b".").unwrap_or(line);
                    let fault = fault_of(text);
                    if fault.is_none() && message.len() + text.len() + 2 > bytes_max {
                        Some(too_large(message_bytes_max))
                    } else {
                        message.extend_from_slice(text);
                        message.extend_from_slice(b"\r\n");
                        fault
                    }
                }
                SmtpLine::TooLong | SmtpLine::End => Some(long_line()),
            };
            refusal = refusal.or(fault);
            if refusal.is_some() {
                message = Vec::new();
            }
        }
        Ok(None)
    }

    /// Does what the host wants in place of this answer, or answers.
    async fn answer<H: SmtpHost>(&mut self, host: &H, step: SmtpStep, reply: &str) -> io::Result<Flow> {
        match host.instead(step, None, self).await? {
            Some(next) => Ok(next),
            None => self.say(reply).await,
        }
    }

    /// Answers, and goes on.
    ///
    /// # Errors
    /// If the client is gone.
    pub async fn say(&mut self, reply: &str) -> io::Result<Flow> {
        self.wire.say(reply).await?;
        Ok(Flow::Continue(()))
    }

    /// Answers, and hangs up.
    ///
    /// # Errors
    /// If the client is gone.
    pub async fn end(&mut self, reply: &str) -> io::Result<Flow> {
        self.wire.say(reply).await?;
        Ok(Flow::Break(()))
    }

    async fn object(&mut self, reply: &str) -> io::Result<Flow> {
        // A refused recipient is no fault of the client's.
        if matches!(&reply[..3], "500" | "501" | "502" | "503" | "555") {
            self.faults += 1;
        }
        if self.faults >= FAULTS_MAX {
            return self.end("421 4.7.0 too many errors").await;
        }
        self.say(reply).await
    }
}

/// Why a line of a message may not be.
fn fault_of(text: &[u8]) -> Option<SmtpReply> {
    if text.len() + 2 > TEXT_LINE_BYTES_MAX {
        return Some(long_line());
    }
    // RFC 5321 §2.3.8 and RFC 5322 §2.3: such bytes are read differently by different servers.
    let is_ambiguous = memchr::memchr3(b'\r', b'\n', 0, text).is_some();
    is_ambiguous.then(|| SmtpReply::from("554 5.6.0 a bare CR, a bare LF or NUL in the message"))
}

fn long_line() -> SmtpReply {
    SmtpReply::from("554 5.6.0 a line is longer than 998 bytes")
}

/// RFC 1870 §6.1, RFC 3463 X.3.4.
fn too_large(message_bytes_max: u64) -> SmtpReply {
    SmtpReply::from(format!("552 5.3.4 the message is larger than {message_bytes_max} bytes"))
}
