//! The catcher's side of SMTP: it takes every message but those of a few addresses, and keeps them.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::mailbox::{Mailbox, NotKept};
use crate::demo::smtp::{Flow, MailTransaction, SmtpConversation, SmtpHost, SmtpReply, SmtpStep};

/// Connections at once; a further one gets 421.
const CONNECTIONS_MAX: usize = 100;

/// So often that its end is not seen.
pub const ALWAYS: u32 = u32::MAX;

/// What some addresses get instead of a plain yes, and how many times more. Others are simply taken.
#[derive(Debug, Default)]
pub struct Behaviour {
    /// At RCPT.
    objections: HashMap<String, (&'static str, AtomicU32)>,
    /// Whose messages are kept, and the connection ends without a reply.
    unanswered: HashMap<String, AtomicU32>,
}

impl Behaviour {
    /// Gives each address its reply so many times, and then takes it; upper and lower case are one.
    #[must_use]
    pub fn new<const N: usize>(treatments: [(&str, u32, &'static str); N]) -> Self {
        let treatment =
            |(address, times, reply): (&str, _, _)| (address.to_lowercase(), (reply, AtomicU32::new(times)));
        Self { objections: treatments.map(treatment).into(), unanswered: HashMap::new() }
    }

    /// The same, but the first message to this address is kept without a reply to its final dot.
    #[must_use]
    pub fn hanging_up_once_on(mut self, address: &str) -> Self {
        self.unanswered.insert(address.to_lowercase(), AtomicU32::new(1));
        self
    }

    /// What to answer RCPT for this address, if not yes.
    fn objection(&self, address: &str) -> Option<&'static str> {
        let (reply, left) = self.objections.get(&address.to_lowercase())?;
        is_one_left(left).then_some(reply)
    }

    /// Whether a message to one of them gets no reply.
    fn hangs_up_on(&self, recipients: &[String]) -> bool {
        let left = recipients.iter().filter_map(|recipient| self.unanswered.get(&recipient.to_lowercase()));
        // Each of them counts down.
        left.filter(|left| is_one_left(left)).count() > 0
    }
}

/// Counts down; `false` once it is at its end.
fn is_one_left(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

pub(super) struct CatcherHost {
    mailbox: Mailbox,
    behaviour: Behaviour,
    message_bytes_max: u64,
    opened: AtomicUsize,
    open: AtomicUsize,
}

impl CatcherHost {
    pub(super) fn new(mailbox: Mailbox, behaviour: Behaviour, message_bytes_max: u64) -> Self {
        Self { mailbox, behaviour, message_bytes_max, opened: AtomicUsize::new(0), open: AtomicUsize::new(0) }
    }
}

impl SmtpHost for CatcherHost {
    const BANNER: [&'static str; 2] = ["catcher.localhost", "ESMTP, passes nothing on"];

    fn opened(&self) -> usize {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.opened.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    fn extensions(&self, _conversation: &SmtpConversation) -> Vec<String> {
        let size = format!("SIZE {}", self.message_bytes_max);
        ["PIPELINING", &size, "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"].map(str::to_owned).to_vec()
    }

    fn message_bytes_max(&self) -> u64 {
        self.message_bytes_max
    }

    async fn instead(
        &self,
        step: SmtpStep,
        recipient: Option<&str>,
        conversation: &mut SmtpConversation,
    ) -> io::Result<Option<Flow>> {
        if step == SmtpStep::Banner && self.open.load(Ordering::Relaxed) > CONNECTIONS_MAX {
            return conversation.end("421 4.7.0 too many connections").await.map(Some);
        }
        match recipient.and_then(|recipient| self.behaviour.objection(recipient)) {
            Some(objection) => conversation.say(objection).await.map(Some),
            None => Ok(None),
        }
    }

    async fn take(
        &self,
        transaction: MailTransaction,
        message: Result<Vec<u8>, SmtpReply>,
        conversation: &mut SmtpConversation,
    ) -> io::Result<Flow> {
        let hangs_up = self.behaviour.hangs_up_on(&transaction.envelope.recipients);
        let reply = match message {
            Ok(message) => match self.mailbox.keep(transaction.envelope, message).await {
                // RFC 5321 §4.2.5: it has the message, and its client does not know.
                Ok(_) if hangs_up => return Ok(Flow::Break(())),
                Ok(mail) => format!("250 2.0.0 caught as {}", mail.id).into(),
                Err(NotKept::Full) => "452 4.3.1 the mailbox is full".into(),
                Err(NotKept::Io(error)) => format!("451 4.3.0 {error}").into(),
            },
            Err(refusal) => refusal,
        };
        conversation.say(&reply).await
    }
}
