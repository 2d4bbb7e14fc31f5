//! The sink's side of SMTP: what the script says in place of the right answers, TLS, AUTH, and what is kept.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use invoice_dispatcher::demo::smtp::{
    COMMAND_LINE_BYTES_MAX, Flow, MailTransaction, SmtpConversation, SmtpHost, SmtpLine, SmtpReply, SmtpWire,
};

use super::sink::{SeenCommand, Shared, SinkState, SunkMail};
use super::sink_certificates::Certificate;
use super::sink_script::{Act, Protection, Step};

/// The longest line of a reply, with its end (RFC 5321 §4.5.3.1.5).
const REPLY_LINE_BYTES: usize = 512;

impl SmtpHost for Shared {
    const BANNER: [&'static str; 2] = ["sink.example", "ESMTP"];

    fn opened(&self) -> usize {
        let mut number = 0;
        self.state.send_modify(|state| {
            state.connections += 1;
            state.open += 1;
            state.open_max = state.open_max.max(state.open);
            number = state.connections;
        });
        number
    }

    fn closed(&self) {
        self.state.send_modify(|state| state.open -= 1);
    }

    fn extensions(&self, conversation: &SmtpConversation) -> Vec<String> {
        self.state.borrow().offer(conversation.tls)
    }

    fn message_bytes_max(&self) -> u64 {
        self.state.borrow().script.size_bytes_max.map_or(u64::MAX, |bytes| bytes as u64)
    }

    async fn intercept(
        &self,
        line: &[u8],
        pipelined: bool,
        conversation: &mut SmtpConversation,
    ) -> io::Result<Option<Flow>> {
        let line = String::from_utf8_lossy(line).into_owned();
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let seen = SeenCommand { connection: conversation.number, line: line.clone(), pipelined };
        self.state.send_modify(|state| {
            if !state.script.forgetful {
                state.commands.push(seen);
            }
        });
        match verb.as_str() {
            "STARTTLS" => self.start_tls(conversation).await.map(Some),
            "AUTH" => self.auth(&line, conversation).await.map(Some),
            _ => Ok(None),
        }
    }

    async fn instead(
        &self,
        step: Step,
        recipient: Option<&str>,
        conversation: &mut SmtpConversation,
    ) -> io::Result<Option<Flow>> {
        let (protection, wants_login, is_full) = {
            let state = self.state.borrow();
            let is_full = state.script.connections_max.is_some_and(|most| state.open > most);
            (state.script.protection, state.script.login.is_some(), is_full)
        };
        if step == Step::Banner {
            if let Protection::Implicit(certificate) = protection {
                self.protect(certificate, conversation).await?;
            }
            if is_full {
                return conversation.end("421 4.7.0 sink.example too many connections").await.map(Some);
            }
        }
        if step == Step::Mail && wants_login && conversation.user.is_none() {
            return conversation.say("530 5.7.0 log in first").await.map(Some);
        }
        let recipient = recipient.map(str::to_owned);
        let accepted = conversation.transaction.as_ref().map(|transaction| transaction.envelope.recipients.as_slice());
        let addresses = recipient.as_ref().map_or(accepted.unwrap_or_default(), std::slice::from_ref);
        let act = self.decision(step, conversation.number, &conversation.sender, addresses);
        let done = self.act(act, conversation).await?;
        if step == Step::Data && done.is_none() {
            self.state.send_modify(SinkState::begin_message);
        }
        Ok(done)
    }

    async fn take(
        &self,
        transaction: MailTransaction,
        message: Result<Vec<u8>, SmtpReply>,
        conversation: &mut SmtpConversation,
    ) -> io::Result<Flow> {
        let (bytes, refusal) = match message {
            Ok(bytes) => (bytes, None),
            Err(refusal) => (Vec::new(), Some(refusal)),
        };
        let mail = sunk(transaction, bytes, conversation);
        match self.decision(Step::Dot, conversation.number, &mail.sender, &mail.recipients) {
            Some(Act::Take(act)) => {
                let disowned = act.refuses();
                self.keep(SunkMail { disowned, ..mail });
                Ok(self.act(Some(*act), conversation).await?.unwrap_or(Flow::Break(())))
            }
            act => match (self.act(act, conversation).await?, refusal) {
                (Some(done), _) => Ok(done),
                (None, Some(refusal)) => conversation.say(&refusal).await,
                (None, None) => {
                    self.keep(mail);
                    conversation.say("250 2.0.0 taken").await
                }
            },
        }
    }
}

impl Shared {
    async fn protect(&self, certificate: Certificate, conversation: &mut SmtpConversation) -> io::Result<()> {
        let stream = self.authority.acceptor(certificate).accept(conversation.wire.take()).await?;
        if stream.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed) {
            self.state.send_modify(|state| state.tls_resumed += 1);
        }
        conversation.wire = SmtpWire::new(stream);
        conversation.tls = true;
        Ok(())
    }

    async fn start_tls(&self, conversation: &mut SmtpConversation) -> io::Result<Flow> {
        let Protection::StartTls(certificate) = self.state.borrow().script.protection else {
            return conversation.say("502 5.5.1 no TLS here").await;
        };
        match self.instead(Step::StartTls, None, conversation).await? {
            None => conversation.wire.say("220 2.0.0 ready").await?,
            Some(Flow::Continue(())) => {}
            Some(Flow::Break(())) => return Ok(Flow::Break(())),
        }
        self.protect(certificate, conversation).await.map(Flow::Continue)
    }

    async fn auth(&self, line: &str, conversation: &mut SmtpConversation) -> io::Result<Flow> {
        if let Some(done) = self.instead(Step::Auth, None, conversation).await? {
            return Ok(done);
        }
        let mut words = line.split(' ').skip(1);
        let (user, password) = match (words.next(), words.next()) {
            (Some("PLAIN"), Some(response)) => {
                let fields = decoded(response.as_bytes());
                let mut fields = fields.split('\0').skip(1).map(str::to_owned);
                (fields.next().unwrap_or_default(), fields.next().unwrap_or_default())
            }
            (Some("LOGIN"), None) => {
                (asked("334 VXNlcm5hbWU6", conversation).await?, asked("334 UGFzc3dvcmQ6", conversation).await?)
            }
            _ => return conversation.say("504 5.5.4 unknown mechanism").await,
        };
        let login = self.state.borrow().script.login.clone();
        if login != Some((user.clone(), password)) {
            return conversation.say("535 5.7.8 wrong user or password").await;
        }
        conversation.user = Some(user);
        conversation.say("235 2.7.0 welcome").await
    }

    /// Does this; `None` if the right thing is to follow.
    async fn act(&self, act: Option<Act>, conversation: &mut SmtpConversation) -> io::Result<Option<Flow>> {
        let wire = &mut conversation.wire;
        let flow = match act {
            None => return Ok(None),
            Some(Act::Slow(time)) => {
                tokio::time::sleep(time).await;
                return Ok(None);
            }
            Some(Act::Wait(gate)) => {
                gate.passed().await;
                return Ok(None);
            }
            Some(Act::WaitThenClose(gate)) => {
                gate.passed().await;
                Flow::Break(())
            }
            Some(Act::WaitThenReply(gate, text)) => {
                gate.passed().await;
                conversation.say(&text).await?
            }
            Some(Act::Reply(text)) => conversation.say(&text).await?,
            Some(Act::ReplyThenClose(text)) => conversation.end(&text).await?,
            Some(Act::Raw(bytes)) => {
                wire.send(&bytes).await?;
                Flow::Continue(())
            }
            Some(Act::Close | Act::Take(_)) => Flow::Break(()),
            Some(Act::Hang) => std::future::pending().await,
            Some(Act::LongReply(bytes)) => {
                let place = self.begin_long_reply();
                let line = format!("250-{:x>1$}\r\n", "", REPLY_LINE_BYTES - "250-\r\n".len());
                for _ in 0..bytes / REPLY_LINE_BYTES as u64 {
                    wire.send(line.as_bytes()).await?;
                    self.state.send_modify(|state| state.long_replies[place] += REPLY_LINE_BYTES as u64);
                }
                conversation.say("250 that is all").await?
            }
            Some(Act::EndlessLines) => loop {
                wire.send(b"250-and another thing\r\n").await?;
            },
            Some(Act::EndlessLine) => loop {
                wire.send(b"250 and another thing ").await?;
            },
        };
        Ok(Some(flow))
    }

    fn keep(&self, mail: SunkMail) {
        let forgetful = self.state.borrow().script.forgetful;
        let kept = if forgetful { mail.without_bytes() } else { mail };
        self.state.send_modify(|state| state.mails.push(kept));
    }
}

fn sunk(transaction: MailTransaction, bytes: Vec<u8>, conversation: &SmtpConversation) -> SunkMail {
    let MailTransaction { envelope, parameters, .. } = transaction;
    let headers = String::from_utf8_lossy(&bytes);
    let headers = headers.split("\r\n\r\n").next().unwrap_or_default();
    let message_id = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let value = value.trim().trim_start_matches('<').trim_end_matches('>');
        name.eq_ignore_ascii_case("Message-ID").then(|| value.to_owned())
    });
    SunkMail {
        connection: conversation.number,
        tls: conversation.tls,
        user: conversation.user.clone(),
        sender: envelope.sender,
        parameters,
        recipients: envelope.recipients,
        bytes,
        message_id,
        disowned: false,
        entry: None,
    }
}

/// The answer to a challenge of AUTH.
async fn asked(challenge: &str, conversation: &mut SmtpConversation) -> io::Result<String> {
    conversation.wire.say(challenge).await?;
    match conversation.wire.line(COMMAND_LINE_BYTES_MAX).await? {
        SmtpLine::Whole(line) => Ok(decoded(&line)),
        SmtpLine::TooLong | SmtpLine::End => Ok(String::new()),
    }
}

fn decoded(response: &[u8]) -> String {
    BASE64.decode(response).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}
