//! What is recorded of attempts.

use crate::clock::Timestamp;
use crate::model::ids::RelayName;
use crate::model::note::NoteKind;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::model::state::{Concluded, Decision};
use crate::policy::decision::{Reason, Terms};
use crate::policy::sender_key::SenderKey;
use crate::sha256::Sha256;
use crate::store::delivery::kept_message::KeptMessage;
use crate::store::intake::new_dead_letter::NewDeadLetter;
use crate::store::intake::new_delivery::NewDelivery;
use crate::store::intake::new_lane_entry::NewLaneEntry;
use crate::store::lane::claim::Fence;

/// What came of one claim.
#[derive(Debug, Clone)]
pub struct Record {
    /// The claim.
    pub fence: Fence,
    /// The SMTP transaction, if there was one.
    pub attempt: Option<NewAttempt>,
    /// What follows.
    pub next: NextState,
}

impl Record {
    /// Whether it concludes its delivery as uncertain.
    pub(in crate::store) fn is_uncertain(&self) -> bool {
        matches!(&self.next, NextState::Concluded(conclusion) if conclusion.concluded == Concluded::Uncertain)
    }

    /// What follows in place of its conclusion, if a person holds the delivery by now.
    pub(in crate::store::lane) fn if_held(&self) -> Option<&BackToDue> {
        match &self.next {
            NextState::Concluded(conclusion) => conclusion.if_held.as_deref(),
            NextState::Due(_) => None,
        }
    }
}

/// One SMTP transaction, ended.
#[derive(Debug, Clone)]
pub struct NewAttempt {
    /// The relay that it was made with.
    pub relay: RelayName,
    /// When it began.
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    /// Where in the conversation it ended.
    pub phase: Option<Phase>,
    /// How it ended.
    pub class: ReasonCode,
    /// The relay's code, as `550 5.7.1`.
    pub code: Option<String>,
    /// The relay's words.
    pub reply: Option<String>,
    /// JSON: recipients that were refused or deferred, with their replies.
    pub refused: Option<String>,
    /// Documents or a link.
    pub decision: Option<Decision>,
    /// The message's digest.
    pub message_sha256: Option<Sha256>,
    pub message_date: Option<Timestamp>,
    /// Whose mail it was, if the answer may speak of its sender.
    pub sender_key: Option<SenderKey>,
}

/// What follows an attempt.
#[derive(Debug, Clone)]
pub enum NextState {
    /// It is sent again.
    Due(Box<BackToDue>),
    /// It has ended.
    Concluded(Box<Conclusion>),
}

/// A delivery that is sent again. What is due at once keeps its place in the lane.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column, or says what becomes of one")]
pub struct BackToDue {
    pub due_at: Timestamp,
    /// Attempts consumed, this one included if it counts.
    pub attempts: u32,
    /// How the last attempt ended.
    pub last_class: Option<ReasonCode>,
    /// What the relay said.
    pub last_reply: Option<String>,
    /// Since when attempts fail.
    pub first_failed_at: Option<Timestamp>,
    /// Since when a document is missed.
    pub missing_since: Option<Timestamp>,
    /// The relay has refused the message for its size.
    pub refused_for_size: bool,
    /// The message is composed without the copies and the Reply-To that need SMTPUTF8.
    pub without_utf8: bool,
    /// The relay may hold the message already, and it is sent once more.
    pub may_be_out: bool,
    /// What was decided; `None` leaves what an earlier attempt decided.
    pub decision: Option<Terms>,
    /// The message that the relay may hold, kept on the delivery: it is shown even if no other attempt is made.
    pub message: Option<Box<KeptMessage>>,
    /// Why it is not sent although its time has come.
    pub held: Option<String>,
    /// What the delivery's timeline is to say of it.
    pub note: Option<NoteKind>,
    /// The next message is composed anew, whatever was permitted before: that message is out nowhere, and it would be
    /// dated long before it is sent.
    pub anew: bool,
}

/// A delivery that has ended.
#[derive(Debug, Clone)]
pub struct Conclusion {
    pub concluded: Concluded,
    pub at: Timestamp,
    /// Why, for programs.
    pub class: ReasonCode,
    /// Why, for people.
    pub reason: Option<String>,
    /// Attempts consumed.
    pub attempts: u32,
    /// Documents or a link, and what the portal asks.
    pub decision: Option<Terms>,
    /// Why; here and in what follows, `None` leaves what is kept of a message that the relay may hold.
    pub decision_reason: Option<Reason>,
    /// JSON: what was decided upon.
    pub decision_inputs: Option<String>,
    /// The Message-ID, without angle brackets.
    pub message_id: Option<String>,
    /// The message's digest.
    pub message_sha256: Option<Sha256>,
    /// The message's Date, with its digest.
    pub message_date: Option<Timestamp>,
    /// The message's size in bytes.
    pub message_size: Option<u64>,
    /// JSON: what was attached ([`crate::compose::Attachment`]).
    pub attachments: Option<String>,
    /// Where in the conversation it ended.
    pub phase: Option<Phase>,
    /// The relay's code.
    pub code: Option<String>,
    /// Its dead letter, if it is dead.
    pub dead_letter: Option<NewDeadLetter>,
    /// The delivery of the recipients that were deferred while others were accepted.
    pub rest: Option<RemainderDelivery>,
    /// What follows instead, if a person holds the delivery by now.
    pub if_held: Option<Box<BackToDue>>,
}

/// A delivery of what was left over.
#[derive(Debug, Clone)]
pub struct RemainderDelivery {
    pub delivery: NewDelivery,
    /// Its place in the lane.
    pub entry: NewLaneEntry,
}

/// Whether a record was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It stands.
    Done,
    /// The claim is not the caller's any more; its holder acts next. If the delivery was concluded otherwise
    /// meanwhile, the attempt is kept all the same.
    Lost,
}

pub(in crate::store::lane) fn concluded<'r>(records: &[&'r Record]) -> Vec<(Fence, &'r Conclusion)> {
    let concluded = |record: &&'r Record| match &record.next {
        NextState::Concluded(conclusion) => Some((record.fence, &**conclusion)),
        NextState::Due(_) => None,
    };
    records.iter().filter_map(concluded).collect()
}
