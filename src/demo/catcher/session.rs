//! One SMTP conversation: which command may follow which, and what is answered. Pure but for the [`Behaviour`]'s
//! counts; the socket is in [`super::server`].
//!
//! Order of commands: [RFC 5321 §4.1.4].
//!
//! [RFC 5321 §4.1.4]: https://www.rfc-editor.org/rfc/rfc5321#section-4.1.4

use serde::{Deserialize, Serialize};

use super::behaviour::Behaviour;
use super::command::{SmtpCommand, not_ascii};
use super::reply::SmtpReply;

/// Recipients of one message; a server takes at least 100 (RFC 5321 §4.5.3.1.8).
const RECIPIENTS_MAX: usize = 100;

/// Commands without sense before the server hangs up.
const FAULTS_MAX: u32 = 20;

/// Who sends, and to whom, as SMTP was told. A Bcc stands here and nowhere else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedEnvelope {
    /// The reverse path; empty for notifications.
    pub sender: String,
    /// The forward paths that were accepted.
    pub recipients: Vec<String>,
}

/// What the server does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SessionStep {
    /// Send this, and go on.
    Answer(String),
    /// Send this, then read a message.
    Receive(String),
    /// Send this and hang up.
    Close(String),
}

/// Where the conversation stands.
#[derive(Debug)]
enum SessionStage {
    /// Connected; nobody has said hello.
    New,
    /// Said hello; no transaction.
    Ready,
    /// MAIL was accepted.
    Open { envelope: ReceivedEnvelope, utf8: bool },
}

/// One conversation.
#[derive(Debug)]
pub(super) struct CatcherSession {
    stage: SessionStage,
    faults: u32,
    message_bytes_max: u64,
}

impl CatcherSession {
    pub(super) fn new(message_bytes_max: u64) -> Self {
        Self { stage: SessionStage::New, faults: 0, message_bytes_max }
    }

    /// Answers one command line.
    pub(super) fn command(&mut self, line: &[u8], behaviour: &Behaviour) -> SessionStep {
        let result = SmtpCommand::parse(line).and_then(|command| self.obey(command, behaviour));
        result.unwrap_or_else(|reply| self.object(&reply))
    }

    /// Answers a line that was too long (RFC 5321 §4.5.3.1.9).
    pub(super) fn line_too_long(&mut self) -> SessionStep {
        self.object(&SmtpReply::new(500, "5.5.2", "line too long"))
    }

    /// The transaction's envelope; the next needs a new MAIL (RFC 5321 §4.1.1.4).
    pub(super) fn take_envelope(&mut self) -> ReceivedEnvelope {
        match std::mem::replace(&mut self.stage, SessionStage::Ready) {
            SessionStage::Open { envelope, .. } => envelope,
            SessionStage::New | SessionStage::Ready => ReceivedEnvelope::default(),
        }
    }

    fn object(&mut self, reply: &SmtpReply) -> SessionStep {
        // A refused recipient is no fault of the client's.
        if matches!(reply.code(), 500..=503 | 555) {
            self.faults += 1;
        }
        if self.faults >= FAULTS_MAX {
            return SessionStep::Close(SmtpReply::new(421, "4.7.0", "too many errors").to_string());
        }
        SessionStep::Answer(reply.to_string())
    }

    fn obey(&mut self, command: SmtpCommand, behaviour: &Behaviour) -> Result<SessionStep, SmtpReply> {
        let reply = match command {
            SmtpCommand::Ehlo => {
                self.stage = SessionStage::Ready;
                return Ok(SessionStep::Answer(self.hello()));
            }
            SmtpCommand::Helo => {
                self.stage = SessionStage::Ready;
                SmtpReply::plain(250, "catcher.localhost")
            }
            SmtpCommand::Mail { sender, bytes, utf8 } => self.open(sender, bytes, utf8)?,
            SmtpCommand::Rcpt { recipient } => self.add(recipient, behaviour)?,
            SmtpCommand::Data => return self.receive(),
            SmtpCommand::Rset => {
                if matches!(self.stage, SessionStage::Open { .. }) {
                    self.stage = SessionStage::Ready;
                }
                SmtpReply::new(250, "2.0.0", "forgotten")
            }
            SmtpCommand::Noop => SmtpReply::new(250, "2.0.0", "still here"),
            // RFC 5321 §7.3: neither yes nor no.
            SmtpCommand::Vrfy => SmtpReply::new(252, "2.5.2", "send some mail and see"),
            SmtpCommand::Help => SmtpReply::new(214, "2.0.0", "this catcher keeps every mail and passes none on"),
            // Whatever a page of some site sends behind it is read no more.
            SmtpCommand::Http => {
                return Ok(SessionStep::Close(SmtpReply::new(421, "4.7.0", "this is no web server").to_string()));
            }
            SmtpCommand::Quit => return Ok(SessionStep::Close(SmtpReply::new(221, "2.0.0", "goodbye").to_string())),
        };
        Ok(SessionStep::Answer(reply.to_string()))
    }

    fn hello(&self) -> String {
        format!(
            "250-catcher.localhost\r\n250-PIPELINING\r\n250-SIZE {}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n",
            self.message_bytes_max
        )
    }

    fn open(&mut self, sender: String, bytes: Option<u64>, utf8: bool) -> Result<SmtpReply, SmtpReply> {
        match self.stage {
            SessionStage::New => return Err(SmtpReply::new(503, "5.5.1", "EHLO first")),
            SessionStage::Open { .. } => return Err(SmtpReply::new(503, "5.5.1", "MAIL was given already")),
            SessionStage::Ready => {}
        }
        // RFC 1870 §6.1: what is declared too large is refused before it is sent.
        if bytes.is_some_and(|bytes| bytes > self.message_bytes_max) {
            return Err(too_large(self.message_bytes_max));
        }
        let envelope = ReceivedEnvelope { sender, recipients: Vec::new() };
        self.stage = SessionStage::Open { envelope, utf8 };
        Ok(SmtpReply::new(250, "2.1.0", "sender fine"))
    }

    fn add(&mut self, recipient: String, behaviour: &Behaviour) -> Result<SmtpReply, SmtpReply> {
        let SessionStage::Open { envelope, utf8 } = &mut self.stage else {
            return Err(SmtpReply::new(503, "5.5.1", "MAIL first"));
        };
        if !*utf8 && !recipient.is_ascii() {
            return Err(not_ascii());
        }
        if envelope.recipients.len() >= RECIPIENTS_MAX {
            return Err(SmtpReply::new(452, "4.5.3", "too many recipients"));
        }
        if let Some(objection) = behaviour.objection(&recipient) {
            return Err(objection);
        }
        envelope.recipients.push(recipient);
        Ok(SmtpReply::new(250, "2.1.5", "recipient fine"))
    }

    fn receive(&self) -> Result<SessionStep, SmtpReply> {
        match &self.stage {
            SessionStage::New | SessionStage::Ready => Err(SmtpReply::new(503, "5.5.1", "MAIL first")),
            // RFC 5321 §4.1.1.4, RFC 2920 §3.1: a pipelined DATA after no accepted RCPT.
            SessionStage::Open { envelope, .. } if envelope.recipients.is_empty() => {
                Err(SmtpReply::new(554, "5.5.1", "no valid recipients"))
            }
            SessionStage::Open { .. } => {
                let go_on = SmtpReply::plain(354, "send the message, then a dot on a line of its own");
                Ok(SessionStep::Receive(go_on.to_string()))
            }
        }
    }
}

/// RFC 1870 §6.1, RFC 3463 X.3.4.
pub(super) fn too_large(message_bytes_max: u64) -> SmtpReply {
    SmtpReply::new(552, "5.3.4", &format!("the message is larger than {message_bytes_max} bytes"))
}

#[cfg(test)]
mod tests {
    use super::super::behaviour::Treatment;
    use super::*;

    /// Plays the lines and returns the codes of the answers; the message after a 354 counts as received.
    fn codes(lines: &[&str]) -> Vec<u16> {
        let gone = Treatment::Refuse(SmtpReply::new(550, "5.1.1", "no such mailbox"));
        let behaviour = Behaviour::new([("gone@x.example".to_owned(), gone)]);
        let mut session = CatcherSession::new(1_000);
        lines
            .iter()
            .map(|line| {
                let (SessionStep::Answer(answer) | SessionStep::Receive(answer) | SessionStep::Close(answer)) =
                    session.command(line.as_bytes(), &behaviour);
                let code = answer[..3].parse().expect("an answer begins with its code");
                if code == 354 {
                    session.take_envelope();
                }
                code
            })
            .collect()
    }

    #[test]
    fn commands_have_an_order() {
        let (mail, rcpt, gone) = ("MAIL FROM:<a@x.example>", "RCPT TO:<b@x.example>", "RCPT TO:<gone@x.example>");
        let cases: [(&[&str], &[u16]); 10] = [
            (&[mail], &[503]),
            (&["EHLO c", rcpt, "DATA"], &[250, 503, 503]),
            (&["EHLO c", mail, mail], &[250, 250, 503]),
            (&["EHLO c", mail, "DATA"], &[250, 250, 554]),
            (&["EHLO c", mail, gone, "DATA"], &[250, 250, 550, 554]),
            (&["EHLO c", mail, gone, rcpt, "DATA", mail], &[250, 250, 550, 250, 354, 250]),
            (&["EHLO c", mail, rcpt, "DATA", rcpt], &[250, 250, 250, 354, 503]),
            (&["EHLO c", mail, "RSET", mail, "EHLO c", mail], &[250, 250, 250, 250, 250, 250]),
            (&["RSET", "NOOP", "VRFY b", "HELP", mail], &[250, 250, 252, 214, 503]),
            (&["HELO c", mail, rcpt, "DATA", "QUIT"], &[250, 250, 250, 354, 221]),
        ];
        for (lines, expected) in cases {
            assert_eq!(codes(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn limits_are_kept() {
        assert_eq!(codes(&["EHLO c", "MAIL FROM:<a@x.example> SIZE=1001"]), [250, 552]);
        assert_eq!(codes(&["EHLO c", "MAIL FROM:<a@x.example> SIZE=1000"]), [250, 250]);
        assert_eq!(codes(&["EHLO c", "MAIL FROM:<a@x.example>", "RCPT TO:<ü@x.example>"]), [250, 250, 553]);
        assert_eq!(codes(&["EHLO c", "MAIL FROM:<a@x.example> SMTPUTF8", "RCPT TO:<ü@x.example>"]), [250, 250, 250]);
        let mut lines = vec!["EHLO c", "MAIL FROM:<a@x.example>"];
        lines.extend(["RCPT TO:<b@x.example>"; 101]);
        assert_eq!(codes(&lines)[101..], [250, 452]);
        assert_eq!(codes(&["BOO"; 20])[18..], [500, 421]);
        for line in ["POST / HTTP/1.1", "get /", "PUT / HTTP/1.1", "OPTIONS * HTTP/1.1", "CONNECT x:25 HTTP/1.1"] {
            let step = CatcherSession::new(1_000).command(line.as_bytes(), &Behaviour::default());
            assert!(matches!(&step, SessionStep::Close(answer) if answer.starts_with("421 ")), "{line}: {step:?}");
        }
    }
}
