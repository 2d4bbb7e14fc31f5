//! One connection to a relay, and mail transactions on it, by their phases.

pub(super) mod sender_trial;

use std::time::{Duration, Instant};

use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{MailBodyParameter, MailParameter, RcptParameter};

use super::capabilities::Capabilities;
use super::connection::stream::TransferBroken;
use super::conversation::{Broken, Conversation};
use super::outcome::{Outcome, Reply, ReplyMeaning, meaning};
use super::submission::{RecipientResult, Submission, outcome_of_none_accepted};
use super::{DataPermit, Deadlines, Envelope, Permit, RelayConfig, transparency};
use crate::failpoint::{self, Failpoint};
use crate::model::reply::Phase;

/// How long the relay may take to answer RSET and QUIT: nothing depends on them but the connection.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long we look for a reply when the relay stopped taking the message.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// One connection to a relay, logged in and ready for mail.
pub struct Session {
    conversation: Conversation,
    capabilities: Capabilities,
    deadlines: Deadlines,
    pipelining: bool,
    /// Transactions begun.
    uses: u64,
    /// Between transactions, with nothing owed on either side. False while one runs, so that one whose future is
    /// dropped leaves a session that is not reused.
    ready: bool,
}

/// A message on its way, looked through once.
struct OutgoingMessage<'a> {
    bytes: &'a [u8],
    /// As it is written after the 354.
    slices: Vec<&'a [u8]>,
    is_ascii: bool,
}

impl<'a> OutgoingMessage<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, SessionEnd> {
        let slices = transparency::on_the_wire(bytes);
        let slices = slices.map_err(|problem| SessionEnd::unsent(Outcome::Unsendable, problem.to_string()))?;
        Ok(Self { bytes, slices, is_ascii: bytes.is_ascii() })
    }

    /// Whether SMTPUTF8 is not needed for the header section ([RFC 6531 §3.2]), whatever the body is.
    ///
    /// [RFC 6531 §3.2]: https://www.rfc-editor.org/rfc/rfc6531#section-3.2
    fn has_ascii_headers(&self) -> bool {
        let end = || self.bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(self.bytes.len());
        self.is_ascii || self.bytes[..end()].is_ascii()
    }
}

/// How a transaction ended, and what is to be done with the connection.
struct SessionEnd {
    outcome: Outcome,
    phase: Phase,
    reply: Option<Reply>,
    detail: Option<String>,
    then: Then,
}

/// What is to be done with the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Nothing: the next transaction can begin.
    Ready,
    /// Ask the relay to forget the transaction.
    Reset,
    /// Close it without QUIT: it is not known what a command would be taken for.
    Drop,
}

impl SessionEnd {
    fn unsent(outcome: Outcome, detail: String) -> Self {
        Self { outcome, phase: Phase::Mail, reply: None, detail: Some(detail), then: Then::Ready }
    }

    /// By a reply. One that has no place in its phase leaves the connection unusable, as 421 does.
    fn of_reply(phase: Phase, reply: Reply) -> Self {
        let then = match meaning(phase, &reply) {
            None | Some(ReplyMeaning::Reconnect | ReplyMeaning::RelayUnavailable) => Then::Drop,
            Some(_) if reply.closes_connection() => Then::Drop,
            Some(_) => Then::Reset,
        };
        Self { outcome: Outcome::of_reply(phase, &reply), phase, reply: Some(reply), detail: None, then }
    }

    /// By our own decision.
    const fn withdrawn(phase: Phase, then: Then) -> Self {
        Self { outcome: Outcome::Withdrawn, phase, reply: None, detail: None, then }
    }

    /// By the lack of a reply.
    fn of_silence(phase: Phase, broken: Broken) -> Self {
        Self { outcome: Outcome::of_silence(phase), phase, reply: None, detail: Some(broken.detail), then: Then::Drop }
    }
}

impl Session {
    pub(super) fn new(conversation: Conversation, capabilities: Capabilities, config: &RelayConfig) -> Self {
        let pipelining = config.pipelining && capabilities.pipelining;
        Self { conversation, capabilities, deadlines: config.deadlines, pipelining, uses: 0, ready: true }
    }

    /// What the relay offers.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// How many transactions were begun on it.
    #[must_use]
    pub fn uses(&self) -> u64 {
        self.uses
    }

    /// Whether no transaction was begun on it yet.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.uses == 0
    }

    /// Whether another transaction may begin.
    #[must_use]
    pub fn is_reusable(&self) -> bool {
        self.ready
    }

    /// Hands one message to the relay: MAIL and RCPT, the permit, DATA, the message.
    ///
    /// `bytes` have CRLF line ends and are not dot-stuffed. Dropping the future leaves a session that is not reusable.
    pub async fn submit(&mut self, envelope: &Envelope, bytes: &[u8], before_data: &mut impl DataPermit) -> Submission {
        let mut recipients = vec![RecipientResult::Unasked; envelope.recipients.len()];
        let was_ready = std::mem::replace(&mut self.ready, false);
        self.uses += 1;
        let ending = if was_ready {
            self.transact(envelope, bytes, before_data, &mut recipients).await
        } else {
            let detail = "the connection was broken before".to_owned();
            Err(SessionEnd::of_silence(Phase::Mail, Broken { detail }))
        };
        let SessionEnd { outcome, phase, reply, detail, then } = ending.unwrap_or_else(|ending| ending);
        self.ready = match then {
            Then::Ready => true,
            Then::Reset => self.reset().await,
            Then::Drop => false,
        };
        let reset_failed = then == Then::Reset && !self.ready;
        Submission {
            outcome,
            phase,
            reply,
            recipients,
            detail,
            final_dot_handed_over: phase == Phase::FinalDot,
            reusable: self.ready,
            broke_before_data: (then == Then::Drop || reset_failed)
                && outcome != Outcome::Withdrawn
                && matches!(phase, Phase::Mail | Phase::Rcpt | Phase::Data),
            reset_failed,
        }
    }

    /// Takes leave of the relay, if it still listens.
    pub async fn quit(mut self) {
        if self.ready {
            // Whether and how it answers changes nothing.
            let _ = self.conversation.ask(Quit, FAREWELL).await;
        }
    }

    /// Either way the ending; `Err` is the one that came before the message was handed over.
    async fn transact(
        &mut self,
        envelope: &Envelope,
        bytes: &[u8],
        before_data: &mut impl DataPermit,
        recipients: &mut [RecipientResult],
    ) -> Result<SessionEnd, SessionEnd> {
        let message = OutgoingMessage::new(bytes)?;
        self.check(envelope, &message, recipients)?;
        self.introduce(envelope, &message, recipients).await?;
        let asked_at = Instant::now();
        if before_data.permit().await == Permit::Withdraw {
            return Err(SessionEnd::withdrawn(Phase::Rcpt, Then::Reset));
        }
        self.announce().await?;
        // The relay took its time, or this process stood still: whether the permit still holds, only the database
        // knows.
        if asked_at.elapsed() > self.deadlines.permit && before_data.permit().await == Permit::Withdraw {
            // After a 354 only hanging up takes the transaction back.
            return Err(SessionEnd::withdrawn(Phase::Data, Then::Drop));
        }
        self.transfer(&message.slices).await?;
        before_data.handed_over();
        failpoint::reach(Failpoint::AfterDot);
        let ending = self.conclude().await;
        failpoint::reach(Failpoint::AfterAnswer);
        Ok(ending)
    }

    /// What can be known before MAIL: size, and addresses that the relay has no way to take.
    fn check(
        &self,
        envelope: &Envelope,
        message: &OutgoingMessage<'_>,
        recipients: &mut [RecipientResult],
    ) -> Result<(), SessionEnd> {
        let size = message.bytes.len() as u64;
        if let Some(most) = self.capabilities.size_bytes_max.filter(|most| size > *most) {
            let detail = format!("the message has {size} bytes, the relay takes {most} (SIZE)");
            return Err(SessionEnd::unsent(Outcome::TooLarge, detail));
        }
        let unsupported = |what: &str| SessionEnd::unsent(Outcome::UnsupportedAddress, what.to_owned());
        if !message.is_ascii && !self.capabilities.eight_bit_mime {
            return Err(unsupported("the message has non-ASCII headers, and the relay does not offer 8BITMIME"));
        }
        if self.capabilities.smtp_utf8 {
            return Ok(());
        }
        if !is_ascii(&envelope.sender) || !message.has_ascii_headers() {
            return Err(unsupported("the sender or a header is not ASCII, and the relay does not offer SMTPUTF8"));
        }
        for (recipient, result) in envelope.recipients.iter().zip(recipients.iter_mut()) {
            if !is_ascii(&recipient.address) {
                *result = RecipientResult::Refused { outcome: Outcome::UnsupportedAddress, reply: None };
            }
        }
        let hope = |(recipient, result): (&super::EnvelopeRecipient, &RecipientResult)| {
            recipient.essential && *result == RecipientResult::Unasked
        };
        if envelope.recipients.iter().zip(recipients.iter()).any(hope) {
            Ok(())
        } else {
            Err(unsupported("the recipient's address is not ASCII, and the relay does not offer SMTPUTF8"))
        }
    }

    /// MAIL and RCPT, in one group if the relay pipelines. DATA is never part of the group: it waits for the permit.
    async fn introduce(
        &mut self,
        envelope: &Envelope,
        message: &OutgoingMessage<'_>,
        recipients: &mut [RecipientResult],
    ) -> Result<(), SessionEnd> {
        let asked: Vec<usize> =
            (0..recipients.len()).filter(|at| recipients[*at] == RecipientResult::Unasked).collect();
        let mut commands = vec![self.mail(envelope, message)];
        commands.extend(asked.iter().map(|at| self.rcpt(&envelope.recipients[*at].address)));
        let group = if self.pipelining { commands.len() } else { 1 };
        let mut replies = Vec::with_capacity(commands.len());
        let mut broken = None;
        for commands in commands.chunks(group) {
            let (answered, broke) =
                self.conversation.ask_all(commands.concat(), commands.len(), self.deadlines.command).await;
            replies.extend(answered);
            broken = broke;
            if broken.is_some() || replies.first().is_none_or(|mail| !mail.is_success()) || closes(&replies) {
                break;
            }
        }
        judge(envelope, recipients, &asked, replies, broken)
    }

    fn mail(&self, envelope: &Envelope, message: &OutgoingMessage<'_>) -> String {
        let offered = &self.capabilities;
        let mut parameters = Vec::new();
        if offered.size {
            parameters.push(MailParameter::Size(message.bytes.len()));
        }
        if !message.is_ascii {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let all_ascii = is_ascii(&envelope.sender)
            && envelope.recipients.iter().all(|recipient| is_ascii(&recipient.address))
            && message.has_ascii_headers();
        if offered.smtp_utf8 && !all_ascii {
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if offered.dsn {
            parameters.push(MailParameter::Other { keyword: "RET".to_owned(), value: Some("HDRS".to_owned()) });
        }
        Mail::new(Some(envelope.sender.clone()), parameters).to_string()
    }

    fn rcpt(&self, address: &lettre::Address) -> String {
        let notify = || RcptParameter::Other { keyword: "NOTIFY".to_owned(), value: Some("FAILURE".to_owned()) };
        let parameters = if self.capabilities.dsn { vec![notify()] } else { Vec::new() };
        Rcpt::new(address.clone(), parameters).to_string()
    }

    /// DATA. Only 354 lets the message go ([RFC 5321 §4.1.1.4](https://www.rfc-editor.org/rfc/rfc5321#section-4.1.1.4)).
    async fn announce(&mut self) -> Result<(), SessionEnd> {
        match self.conversation.ask(Data, self.deadlines.command).await {
            Ok(reply) if reply.code == 354 => Ok(()),
            Ok(reply) => Err(SessionEnd::of_reply(Phase::Data, reply)),
            Err(broken) => Err(SessionEnd::of_silence(Phase::Data, broken)),
        }
    }

    /// The message and the final dot.
    async fn transfer(&mut self, slices: &[&[u8]]) -> Result<(), SessionEnd> {
        self.conversation.wire().begin(1, self.deadlines.transfer);
        let Err(TransferBroken { taken, total }) = self.conversation.wire().send_message(slices).await else {
            return Ok(());
        };
        let reason = self.conversation.wire().end().unwrap_or_default();
        // Some relays say why before they hang up on a message that they do not want.
        let last_words = self.conversation.await_reply(LAST_WORDS).await.ok();
        let detail = format!("{reason} (after {taken} of {total} bytes of the message)");
        let ending = match last_words {
            Some(reply) => SessionEnd::of_reply(Phase::Transfer, reply),
            None => SessionEnd::of_silence(Phase::Transfer, Broken { detail: String::new() }),
        };
        Err(SessionEnd { detail: Some(detail), then: Then::Drop, ..ending })
    }

    /// The reply to the final dot.
    async fn conclude(&mut self) -> SessionEnd {
        match self.conversation.await_reply(self.deadlines.final_dot).await {
            Ok(reply) if reply.is_success() => {
                // Whatever comes unasked would be taken for the answer to the next command.
                let then = if self.conversation.wire().has_surplus() { Then::Drop } else { Then::Ready };
                SessionEnd { then, ..SessionEnd::of_reply(Phase::FinalDot, reply) }
            }
            Ok(reply) => SessionEnd::of_reply(Phase::FinalDot, reply),
            Err(broken) => SessionEnd::of_silence(Phase::FinalDot, broken),
        }
    }

    /// Asks the relay to forget the transaction; whether it has.
    async fn reset(&mut self) -> bool {
        let answer = self.conversation.ask(Rset, FAREWELL.min(self.deadlines.command)).await;
        answer.is_ok_and(|reply| reply.code == 250)
    }
}

/// What the replies to MAIL and the RCPTs mean, `asked` being whom the RCPTs named. `Ok` if DATA may follow.
fn judge(
    envelope: &Envelope,
    recipients: &mut [RecipientResult],
    asked: &[usize],
    replies: Vec<Reply>,
    broken: Option<Broken>,
) -> Result<(), SessionEnd> {
    let mut replies = replies.into_iter();
    match replies.next() {
        Some(mail) if mail.is_success() => {}
        // A refused MAIL takes the RCPTs behind it along; what they were answered says nothing.
        Some(mail) => {
            let ending = SessionEnd::of_reply(Phase::Mail, mail);
            let then = if broken.is_some() { Then::Drop } else { ending.then };
            return Err(SessionEnd { then, ..ending });
        }
        None => return Err(SessionEnd::of_silence(Phase::Mail, broken.unwrap_or_else(unanswered))),
    }
    let mut answered = 0;
    for (at, reply) in asked.iter().zip(replies) {
        if reply.closes_connection() || !matches!(reply.code / 100, 2 | 4 | 5) {
            return Err(SessionEnd::of_reply(Phase::Rcpt, reply));
        }
        recipients[*at] = RecipientResult::of_reply(reply);
        answered += 1;
    }
    if broken.is_some() || answered < asked.len() {
        return Err(SessionEnd::of_silence(Phase::Rcpt, broken.unwrap_or_else(unanswered)));
    }
    let essential = || envelope.recipients.iter().zip(&*recipients).filter(|(recipient, _)| recipient.essential);
    if essential().any(|(_, result)| result.is_accepted()) {
        return Ok(());
    }
    let (outcome, reply) = outcome_of_none_accepted(essential().map(|(_, result)| result));
    let then = reply.clone().map_or(Then::Reset, |reply| SessionEnd::of_reply(Phase::Rcpt, reply).then);
    Err(SessionEnd { outcome, phase: Phase::Rcpt, reply, detail: None, then })
}

fn unanswered() -> Broken {
    Broken { detail: "the relay left a command unanswered".to_owned() }
}

fn closes(replies: &[Reply]) -> bool {
    replies.last().is_some_and(Reply::closes_connection)
}

fn is_ascii(address: &lettre::Address) -> bool {
    AsRef::<str>::as_ref(address).is_ascii()
}
