//! How an attempt ended, at the relay or before it.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::policy::sender_trip;
use crate::relay::outcome::Reply;
use crate::relay::{EnvelopeRecipient, RecipientResult, Submission};
use crate::telemetry::AddressMask;

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct AttemptResult {
    /// Why.
    pub class: ReasonCode,
    /// The SMTP phase, if it came so far.
    pub phase: Option<Phase>,
    /// The relay's words, if any.
    pub reply: Option<Reply>,
    /// One sentence for people.
    pub reason: String,
    /// What became of each recipient, if the relay was asked.
    pub recipients: Vec<RecipientResult>,
    /// When the attempt began.
    pub started_at: Timestamp,
    /// It cannot go better before this time has passed; zero for most ends.
    pub pause: Duration,
    /// Deferred because its sender has sent what it may for now.
    pub sender_limited: bool,
    /// An address needs SMTPUTF8 that the message can do without, and nothing was permitted to go out yet.
    pub goes_without_utf8: bool,
}

impl AttemptResult {
    /// It ended before the relay was asked.
    pub fn before(class: ReasonCode, reason: impl Into<String>) -> Self {
        Self {
            class,
            phase: None,
            reply: None,
            reason: reason.into(),
            recipients: Vec::new(),
            started_at: Timestamp(0),
            pause: Duration::ZERO,
            sender_limited: false,
            goes_without_utf8: false,
        }
    }

    /// It ended at the relay, to which these recipients were named. The sentence is for logs, lists and events: it
    /// names none of them, whatever the relay repeats. The reply itself stays as it was, for the attempt's row.
    pub fn at_relay(class: ReasonCode, submission: Submission, recipients: &[EnvelopeRecipient]) -> Self {
        let masked = |words: &str| AddressMask::of(recipients.iter().map(|r| r.address.as_ref())).reply(words);
        let reason = match (&submission.reply, &submission.detail) {
            _ if class == ReasonCode::Accepted => refused_besides(&submission.recipients),
            (Some(reply), _) => {
                let reply = Reply { text: masked(&reply.text), ..reply.clone() };
                format!("the relay answered {reply} ({})", submission.phase)
            }
            (None, Some(detail)) => format!("{} ({})", masked(detail), submission.phase),
            (None, None) => format!("no answer ({})", submission.phase),
        };
        let besides = refused_besides(&submission.recipients);
        let reason = match class {
            // What became of these is known.
            ReasonCode::Uncertain if !besides.is_empty() => format!("{reason}; {besides}"),
            _ => reason,
        };
        Self {
            class,
            phase: Some(submission.phase),
            reply: submission.reply,
            reason,
            recipients: submission.recipients,
            started_at: Timestamp(0),
            pause: Duration::ZERO,
            sender_limited: false,
            goes_without_utf8: false,
        }
    }

    /// The relay's codes, as `550 5.7.1`.
    pub fn code(&self) -> Option<String> {
        self.reply.as_ref().map(Reply::codes)
    }

    /// Whether it ended by an answer that a relay may give to senders.
    pub fn may_be_the_senders(&self) -> bool {
        sender_trip::may_be_the_senders(self.class, self.code().as_deref())
    }
}

/// What an accepted message's record says of recipients that were not: nothing, if all were.
fn refused_besides(recipients: &[RecipientResult]) -> String {
    let missing = recipients.iter().filter(|result| !result.is_accepted()).count();
    if missing == 0 { String::new() } else { format!("{missing} of {} recipients were not accepted", recipients.len()) }
}
