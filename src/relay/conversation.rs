//! Commands and replies, one exchange after the other.
//!
//! lettre makes an error of every negative reply and of everything else alike. Here a reply is a [`Reply`] whatever
//! its code, and only the lack of one is an error.

use std::fmt::Display;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::{ClientId, Extension};
use lettre::transport::smtp::response::Response;

use super::connection::stream::WireStream;
use super::outcome::{Reply, cleaned};
use crate::model::reply::Phase;

/// No usable reply came, and none will: the connection cannot be used any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// What happened, for people.
    pub(super) detail: String,
}

/// An exchange that did not end in a positive reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConversationFailure {
    /// The relay said no, or not now.
    Refused(Reply),
    /// The relay said nothing usable.
    Broken(Broken),
}

/// A connection on which lettre speaks SMTP.
pub(super) struct Conversation {
    connection: AsyncSmtpConnection,
    wire: WireStream,
}

impl Conversation {
    /// Reads the banner and says EHLO, or HELO where that is not known, all within `allowed`.
    ///
    /// # Errors
    /// What failed, and whether at the banner or at EHLO.
    pub(super) async fn open(
        wire: WireStream,
        hello: &ClientId,
        allowed: Duration,
    ) -> Result<Self, (Phase, ConversationFailure)> {
        wire.begin_hello(&hello.to_string(), allowed);
        match AsyncSmtpConnection::connect_with_transport(Box::new(wire.clone()), hello).await {
            Ok(connection) => Ok(Self { connection, wire }),
            Err(error) => {
                let phase = if wire.has_spoken() { Phase::Ehlo } else { Phase::Banner };
                Err((phase, failure(&wire, &error)))
            }
        }
    }

    /// The bytes below.
    pub(super) fn wire(&self) -> &WireStream {
        &self.wire
    }

    /// Whether the answer to the first EHLO offered STARTTLS.
    pub(super) fn offers_starttls(&self) -> bool {
        self.connection.server_info().supports_feature(Extension::StartTls)
    }

    /// Sends `command` and reads the reply, positive or not.
    pub(super) async fn ask(&mut self, command: impl Display, allowed: Duration) -> Result<Reply, Broken> {
        let (mut replies, broken) = self.ask_all(command, 1, allowed).await;
        broken.map_or_else(|| Ok(replies.pop().expect("an exchange that is not broken has its reply")), Err)
    }

    /// Sends a group of commands at once and reads one reply to each, positive or not.
    ///
    /// Ends early with the reply that closes the connection. If the exchange breaks, the replies so far come with it.
    pub(super) async fn ask_all(
        &mut self,
        commands: impl Display,
        count: usize,
        allowed: Duration,
    ) -> (Vec<Reply>, Option<Broken>) {
        self.wire.begin(count, allowed);
        let mut replies = Vec::with_capacity(count);
        let mut answer = self.connection.command(commands).await;
        loop {
            match self.reply(answer) {
                Ok(reply) => replies.push(reply),
                Err(broken) => return (replies, Some(broken)),
            }
            if replies.last().is_some_and(Reply::closes_connection) {
                return (replies, None);
            }
            if replies.len() == count {
                return (replies, self.surplus());
            }
            answer = self.connection.read_response().await;
        }
    }

    /// Sends `command` and reads its positive reply as lettre's own type.
    pub(super) async fn respond(
        &mut self,
        command: impl Display,
        allowed: Duration,
    ) -> Result<Response, ConversationFailure> {
        self.wire.begin(1, allowed);
        let answer = self.connection.command(command).await;
        answer.map_err(|error| failure(&self.wire, &error))
    }

    /// Reads the one reply that is still owed, within `allowed`.
    pub(super) async fn await_reply(&mut self, allowed: Duration) -> Result<Reply, Broken> {
        self.wire.begin(1, allowed);
        let answer = self.connection.read_response().await;
        self.reply(answer)
    }

    fn reply(&self, answer: Result<Response, Error>) -> Result<Reply, Broken> {
        match answer {
            Ok(response) => {
                let text = response.message().collect::<Vec<_>>().join(" ");
                Ok(Reply::new(response.code().into(), &text))
            }
            Err(error) => match failure(&self.wire, &error) {
                ConversationFailure::Refused(reply) => Ok(reply),
                ConversationFailure::Broken(broken) => Err(broken),
            },
        }
    }

    /// From here on replies would be taken for answers to other commands than they are.
    fn surplus(&self) -> Option<Broken> {
        let detail = "the relay sent more replies than commands were given".to_owned();
        self.wire.has_surplus().then_some(Broken { detail })
    }
}

/// What lettre's error means: a negative reply, whose text is the error's source, or none.
fn failure(wire: &WireStream, error: &Error) -> ConversationFailure {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    if let Some(code) = error.status() {
        return ConversationFailure::Refused(Reply::new(code.into(), &source));
    }
    let gibberish = || "the relay's answer is not an SMTP reply".to_owned();
    ConversationFailure::Broken(Broken { detail: wire.end().map_or_else(gibberish, |end| cleaned(&end)) })
}
