//! The sink's side of the conversation.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::sink::{SeenCommand, Shared, SinkState, SunkMail};
use super::sink_certificates::Certificate;
use super::sink_script::{Act, Protection, Step};

/// The longest line of a reply, with its end (RFC 5321 §4.5.3.1.5).
const REPLY_LINE_BYTES: usize = 512;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Whether the conversation goes on.
enum Next {
    On,
    Close,
}

/// What is to be done at a step.
enum Decided {
    /// The right thing.
    Right,
    /// Something was done in its place, and the conversation goes on.
    Done,
    /// The same, and it ends.
    Close,
}

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut conversations = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        stream.set_nodelay(true).unwrap();
        let shared = Arc::clone(&shared);
        conversations.spawn(async move {
            let mut number = 0;
            shared.state.send_modify(|state| {
                state.connections += 1;
                state.open += 1;
                state.open_max = state.open_max.max(state.open);
                number = state.connections;
            });
            // A client that goes away is what many tests are about.
            let _ = converse(&shared, number, stream).await;
            shared.state.send_modify(|state| state.open -= 1);
        });
        while conversations.try_join_next().is_some() {}
    }
}

async fn converse(shared: &Shared, number: usize, stream: TcpStream) -> io::Result<()> {
    let tls = shared.state.borrow().script.protection;
    let mut conversation = Conversation {
        shared,
        number,
        stream: BufReader::with_capacity(64 * 1024, Box::new(stream)),
        tls: false,
        user: None,
        sender: String::new(),
        transaction: None,
    };
    if let Protection::Implicit(certificate) = tls {
        conversation = conversation.protected(certificate).await?;
    }
    conversation.run().await
}

struct Conversation<'a> {
    shared: &'a Shared,
    number: usize,
    stream: BufReader<Box<dyn Stream>>,
    tls: bool,
    user: Option<String>,
    /// Of the last MAIL.
    sender: String,
    transaction: Option<Transaction>,
}

struct Transaction {
    sender: String,
    parameters: String,
    recipients: Vec<String>,
}

impl Conversation<'_> {
    async fn protected(self, certificate: Certificate) -> io::Result<Self> {
        let acceptor = self.shared.authority.acceptor(certificate);
        let stream = acceptor.accept(self.stream.into_inner()).await?;
        if stream.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed) {
            self.shared.state.send_modify(|state| state.tls_resumed += 1);
        }
        Ok(Self { stream: BufReader::with_capacity(64 * 1024, Box::new(stream)), tls: true, ..self })
    }

    async fn run(mut self) -> io::Result<()> {
        let is_full = {
            let state = self.shared.state.borrow();
            state.script.connections_max.is_some_and(|most| state.open > most)
        };
        if is_full {
            self.say("421 4.7.0 sink.example too many connections").await?;
            return self.stream.shutdown().await;
        }
        match self.decide(Step::Banner, None).await? {
            Decided::Right => self.say("220 sink.example ESMTP").await?,
            Decided::Done => {}
            Decided::Close => return Ok(()),
        }
        loop {
            let pipelined = !self.stream.buffer().is_empty();
            let Some(line) = self.line().await? else { return Ok(()) };
            let seen = SeenCommand { connection: self.number, line: line.clone(), pipelined };
            self.shared.state.send_modify(|state| {
                if !state.script.forgetful {
                    state.commands.push(seen);
                }
            });
            if line.eq_ignore_ascii_case("STARTTLS") {
                match self.start_tls().await? {
                    Some(protected) => self = protected,
                    None => return Ok(()),
                }
            } else if matches!(self.command(&line).await?, Next::Close) {
                return self.stream.shutdown().await;
            }
        }
    }

    async fn start_tls(mut self) -> io::Result<Option<Self>> {
        let Protection::StartTls(certificate) = self.shared.state.borrow().script.protection else {
            self.say("502 5.5.1 no TLS here").await?;
            return Ok(Some(self));
        };
        match self.decide(Step::StartTls, None).await? {
            Decided::Right => self.say("220 2.0.0 ready").await?,
            Decided::Done => {}
            Decided::Close => return Ok(None),
        }
        self.protected(certificate).await.map(Some)
    }

    async fn command(&mut self, line: &str) -> io::Result<Next> {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => self.ehlo().await,
            "HELO" => {
                self.transaction = None;
                self.answer(Step::Helo, "250 sink.example").await
            }
            "AUTH" => self.auth(line).await,
            "MAIL" => self.mail(line).await,
            "RCPT" => self.rcpt(line).await,
            "DATA" => self.data().await,
            "RSET" => {
                self.transaction = None;
                self.answer(Step::Rset, "250 2.0.0 forgotten").await
            }
            "QUIT" => self.answer(Step::Quit, "221 2.0.0 bye").await.map(|_| Next::Close),
            "NOOP" => self.say("250 2.0.0 ok").await.map(|()| Next::On),
            _ => self.say("500 5.5.2 unknown command").await.map(|()| Next::On),
        }
    }

    async fn ehlo(&mut self) -> io::Result<Next> {
        self.transaction = None;
        let reply = self.shared.state.borrow().offer(self.tls);
        self.answer(Step::Ehlo, &reply).await
    }

    async fn auth(&mut self, line: &str) -> io::Result<Next> {
        match self.decide(Step::Auth, None).await? {
            Decided::Right => {}
            Decided::Done => return Ok(Next::On),
            Decided::Close => return Ok(Next::Close),
        }
        let mut words = line.split(' ').skip(1);
        let (user, password) = match (words.next(), words.next()) {
            (Some("PLAIN"), Some(response)) => {
                let fields = decoded(response);
                let mut fields = fields.split('\0').skip(1).map(str::to_owned);
                (fields.next().unwrap_or_default(), fields.next().unwrap_or_default())
            }
            (Some("LOGIN"), None) => {
                self.say("334 VXNlcm5hbWU6").await?;
                let user = decoded(&self.line().await?.unwrap_or_default());
                self.say("334 UGFzc3dvcmQ6").await?;
                (user, decoded(&self.line().await?.unwrap_or_default()))
            }
            _ => return self.say("504 5.5.4 unknown mechanism").await.map(|()| Next::On),
        };
        let login = self.shared.state.borrow().script.login.clone();
        if login == Some((user.clone(), password)) {
            self.user = Some(user);
            self.say("235 2.7.0 welcome").await?;
        } else {
            self.say("535 5.7.8 wrong user or password").await?;
        }
        Ok(Next::On)
    }

    async fn mail(&mut self, line: &str) -> io::Result<Next> {
        let (login, most) = {
            let state = self.shared.state.borrow();
            (state.script.login.is_some(), state.script.size_bytes_max)
        };
        let (sender, parameters) = path(line);
        let size = parameters.split(' ').find_map(|word| word.strip_prefix("SIZE=")?.parse::<usize>().ok());
        if login && self.user.is_none() {
            return self.say("530 5.7.0 log in first").await.map(|()| Next::On);
        }
        if size.is_some_and(|size| most.is_some_and(|most| size > most)) {
            return self.say("552 5.3.4 too large").await.map(|()| Next::On);
        }
        self.sender.clone_from(&sender);
        match self.decide(Step::Mail, None).await? {
            Decided::Right => {
                self.transaction = Some(Transaction { sender, parameters, recipients: Vec::new() });
                self.say("250 2.1.0 ok").await.map(|()| Next::On)
            }
            Decided::Done => Ok(Next::On),
            Decided::Close => Ok(Next::Close),
        }
    }

    async fn rcpt(&mut self, line: &str) -> io::Result<Next> {
        let (recipient, _) = path(line);
        if self.transaction.is_none() {
            return self.say("503 5.5.1 MAIL first").await.map(|()| Next::On);
        }
        match self.decide(Step::Rcpt, Some(&recipient)).await? {
            Decided::Right => {
                self.transaction.as_mut().expect("just seen").recipients.push(recipient);
                self.say("250 2.1.5 ok").await.map(|()| Next::On)
            }
            Decided::Done => Ok(Next::On),
            Decided::Close => Ok(Next::Close),
        }
    }

    async fn data(&mut self) -> io::Result<Next> {
        if self.transaction.as_ref().is_none_or(|transaction| transaction.recipients.is_empty()) {
            return self.say("503 5.5.1 no recipients").await.map(|()| Next::On);
        }
        match self.decide(Step::Data, None).await? {
            Decided::Right => {
                self.shared.state.send_modify(SinkState::begin_message);
                self.say("354 go ahead").await?;
            }
            Decided::Done => return Ok(Next::On),
            Decided::Close => return Ok(Next::Close),
        }
        let Some(bytes) = self.body().await? else { return Ok(Next::Close) };
        let too_large = self.shared.state.borrow().script.size_bytes_max.is_some_and(|most| bytes.len() > most);
        let transaction = self.transaction.take().expect("DATA has a transaction");
        let mail = self.sunk(transaction, bytes);
        let act = self.shared.decision(Step::Dot, self.number, &mail.sender, &mail.recipients);
        match act {
            None if too_large => self.say("552 5.3.4 too large").await.map(|()| Next::On),
            None => {
                self.take(mail);
                self.say("250 2.0.0 taken").await.map(|()| Next::On)
            }
            Some(Act::Slow(time)) => {
                tokio::time::sleep(time).await;
                self.take(mail);
                self.say("250 2.0.0 taken").await.map(|()| Next::On)
            }
            Some(Act::Wait(gate)) => {
                gate.passed().await;
                self.take(mail);
                self.say("250 2.0.0 taken").await.map(|()| Next::On)
            }
            Some(Act::Take(act)) => {
                let disowned = act.refuses();
                self.take(SunkMail { disowned, ..mail });
                self.act(*act).await
            }
            Some(act) => self.act(act).await,
        }
    }

    /// The message without stuffed dots; none if the conversation ended within.
    async fn body(&mut self) -> io::Result<Option<Vec<u8>>> {
        let (mut bytes, mut line) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            if self.stream.read_until(b'\n', &mut line).await? == 0 {
                return Ok(None);
            }
            if bytes.is_empty() && matches!(self.decide(Step::Body, None).await?, Decided::Close) {
                return Ok(None);
            }
            if line == b".\r\n" {
                return Ok(Some(bytes));
            }
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    fn sunk(&self, transaction: Transaction, bytes: Vec<u8>) -> SunkMail {
        let Transaction { sender, parameters, recipients } = transaction;
        let headers = String::from_utf8_lossy(&bytes);
        let headers = headers.split("\r\n\r\n").next().unwrap_or_default();
        let message_id = headers.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let value = value.trim().trim_start_matches('<').trim_end_matches('>');
            name.eq_ignore_ascii_case("Message-ID").then(|| value.to_owned())
        });
        let (connection, tls, user) = (self.number, self.tls, self.user.clone());
        SunkMail {
            connection,
            tls,
            user,
            sender,
            parameters,
            recipients,
            bytes,
            message_id,
            disowned: false,
            entry: None,
        }
    }

    fn take(&self, mail: SunkMail) {
        let forgetful = self.shared.state.borrow().script.forgetful;
        let kept = if forgetful { mail.without_bytes() } else { mail };
        self.shared.state.send_modify(|state| state.mails.push(kept));
    }

    /// Does what the script says at this step, if anything.
    async fn decide(&mut self, step: Step, recipient: Option<&String>) -> io::Result<Decided> {
        let accepted = self.transaction.as_ref().map(|transaction| transaction.recipients.as_slice());
        let addresses = recipient.map_or(accepted.unwrap_or_default(), std::slice::from_ref);
        match self.shared.decision(step, self.number, &self.sender, addresses) {
            None => Ok(Decided::Right),
            Some(Act::Slow(time)) => {
                tokio::time::sleep(time).await;
                Ok(Decided::Right)
            }
            Some(Act::Wait(gate)) => {
                gate.passed().await;
                Ok(Decided::Right)
            }
            Some(act) => match self.act(act).await? {
                Next::On => Ok(Decided::Done),
                Next::Close => Ok(Decided::Close),
            },
        }
    }

    async fn answer(&mut self, step: Step, right: &str) -> io::Result<Next> {
        match self.decide(step, None).await? {
            Decided::Right => self.say(right).await.map(|()| Next::On),
            Decided::Done => Ok(Next::On),
            Decided::Close => Ok(Next::Close),
        }
    }

    async fn act(&mut self, act: Act) -> io::Result<Next> {
        match act {
            Act::Reply(text) => self.say(&text).await.map(|()| Next::On),
            Act::ReplyThenClose(text) => self.say(&text).await.map(|()| Next::Close),
            Act::Raw(bytes) => {
                self.stream.write_all(&bytes).await?;
                self.stream.flush().await.map(|()| Next::On)
            }
            Act::Close | Act::Take(_) | Act::Slow(_) | Act::Wait(_) => Ok(Next::Close),
            Act::Hang => {
                std::future::pending::<()>().await;
                Ok(Next::Close)
            }
            Act::LongReply(bytes) => {
                let place = self.shared.begin_long_reply();
                let line = format!("250-{:x>1$}\r\n", "", REPLY_LINE_BYTES - "250-\r\n".len());
                for _ in 0..bytes / REPLY_LINE_BYTES as u64 {
                    self.stream.write_all(line.as_bytes()).await?;
                    self.shared.state.send_modify(|state| state.long_replies[place] += REPLY_LINE_BYTES as u64);
                }
                self.say("250 that is all").await.map(|()| Next::On)
            }
            Act::EndlessLines => loop {
                self.stream.write_all(b"250-and another thing\r\n").await?;
            },
            Act::EndlessLine => loop {
                self.stream.write_all(b"250 and another thing ").await?;
            },
        }
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.stream.write_all(reply.as_bytes()).await?;
        self.stream.write_all(b"\r\n").await?;
        self.stream.flush().await
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(64 * 1024);
        if limited.read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        Ok(Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// Address and parameters of `MAIL FROM:<a@b> SIZE=1`.
fn path(line: &str) -> (String, String) {
    let after = line.split_once('<').map_or("", |(_, after)| after);
    let (address, parameters) = after.rsplit_once('>').unwrap_or((after, ""));
    (address.to_owned(), parameters.trim().to_owned())
}

fn decoded(response: &str) -> String {
    BASE64.decode(response).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}
