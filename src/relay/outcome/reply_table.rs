//! What each answer of a relay means, as data: `Outcome::of_reply` reads it, and `docs/delivery-states.md` shows
//! it, row by row; a test compares the two.
//!
//! The first row that fits counts. Enhanced codes that name one cause stand first; then words, which relays put beside
//! codes that say little (`550 5.7.1`, a bare `550`); then such codes. What no row lists is `refused`: a dead letter
//! can be redriven, a rejection cannot.

use super::Reply;
use crate::model::reply::Phase;

/// What an answer means for the delivery, and for the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplyMeaning {
    /// The relay takes no sender's mail in this way; no delivery is to blame.
    RelayUnavailable,
    /// It is about this connection: another one is worth a try.
    Reconnect,
    /// The same message may be taken later.
    Deferred,
    /// The sender has sent what it may for now.
    SenderLimited,
    /// The recipient is refused for good.
    Rejected,
    /// The message is larger than the relay or the mailbox takes.
    TooLarge,
    /// An address needs SMTPUTF8.
    UnsupportedAddress,
    /// The sender or the content is refused for good.
    Refused,
}

/// Some answers in some phases, and what they mean.
#[derive(Debug)]
struct ReplyRow {
    at: &'static [Phase],
    answers: &'static [Answers],
    meaning: ReplyMeaning,
}

/// Answers that are alike. All but [`Answers::Passing`] are 5xx.
#[derive(Debug)]
enum Answers {
    /// Any 4xx.
    Passing,
    /// 421, and a 4xx with `4.4.2`: the relay closes the connection.
    Closing,
    /// The enhanced code says that it passes or has succeeded, the basic one that it does not.
    Contradiction,
    /// This enhanced code.
    Enhanced(u16, u16),
    /// Enhanced codes of this subject, from one detail to another.
    Details(u16, u16, u16),
    /// Enhanced codes of this subject but these details.
    SubjectBut(u16, &'static [u16]),
    /// This basic code, whatever the enhanced one.
    Basic(u16),
    /// This basic code without an enhanced one.
    Bare(u16),
    /// These words.
    Words(&'static ReplyWords),
    /// An enhanced code of this subject with these words.
    SubjectWords(u16, &'static ReplyWords),
    /// Any 5xx.
    Any,
}

/// Words that relays use for one thing. A phrase begins at a word; its parts stand in this order, at most
/// [`GAP_BYTES_MAX`] bytes apart.
#[derive(Debug)]
struct ReplyWords {
    /// One of these …
    one_of: &'static [&'static [&'static str]],
    /// … and one of these, unless the list is empty …
    with_one_of: &'static [&'static str],
    /// … and none of these.
    without: &'static [&'static str],
}

/// How far the parts of a phrase are apart at most, in bytes: "authentication is required", not two sentences.
const GAP_BYTES_MAX: usize = 20;

const MAIL_TO_DATA: &[Phase] = &[Phase::Mail, Phase::Rcpt, Phase::Data];
const MAIL_TO_DOT: &[Phase] = &[Phase::Mail, Phase::Rcpt, Phase::Data, Phase::Transfer, Phase::FinalDot];
const MAIL: &[Phase] = &[Phase::Mail];
const RCPT: &[Phase] = &[Phase::Rcpt];
const RCPT_TO_DOT: &[Phase] = &[Phase::Rcpt, Phase::Data, Phase::Transfer, Phase::FinalDot];
const DATA_AND_DOT: &[Phase] = &[Phase::Data, Phase::Transfer, Phase::FinalDot];
const DOT: &[Phase] = &[Phase::Transfer, Phase::FinalDot];
const MAIL_AND_DOT: &[Phase] = &[Phase::Mail, Phase::Transfer, Phase::FinalDot];
const ALL_BUT_RCPT: &[Phase] = &[Phase::Mail, Phase::Data, Phase::Transfer, Phase::FinalDot];

/// The relay wants a login, and we have none, or it has lapsed. What speaks of the message's own authentication
/// (SPF, DKIM, DMARC), or of a group that takes mail of its own people only (Exchange's `RESOLVER.RST.AuthRequired`),
/// is about a sender or a recipient.
const LOGIN_REQUIRED: ReplyWords = ReplyWords {
    one_of: &[
        &["auth", "required"],
        &["login", "required"],
        &["must", "authenticate"],
        &["need to authenticate"],
        &["auth", "first"],
        &["log in first"],
        &["client", "not authenticated"],
        &["without authentication"],
        &["turn on smtp authentication"],
    ],
    with_one_of: &[],
    without: &["spf", "dkim", "dmarc", "resolver"],
};

/// So many mails are enough, whatever the recipient: the limit is one of sending.
const SENDING_LIMIT: ReplyWords = ReplyWords {
    one_of: LIMIT,
    with_one_of: &["sending", "send limit", "submission", "outgoing", "outbound"],
    without: &["size", "too large", "over quota", "mailbox is full", "receive", "receiving", "recipient has"],
};

/// A limit in a day or an hour, or beside a word of the sender, where no recipient was named.
const SENDERS_LIMIT: ReplyWords = ReplyWords { one_of: LIMIT, with_one_of: SENDERS, without: &["size", "too large"] };

/// The same where a recipient was: its mailbox may have a limit, too, and its relay may name the sender beside it.
const TIMED_LIMIT: ReplyWords = ReplyWords {
    one_of: LIMIT,
    with_one_of: SENDERS,
    without: &[
        "size",
        "too large",
        "over quota",
        "over its quota",
        "receive",
        "receiving",
        "recipient has",
        "mailbox",
        "inbox",
        "storage",
        "space",
        "disk",
        "full",
    ],
};

/// The same without a word of sending, where no mailbox can be meant.
const LIMIT_ALONE: ReplyWords = ReplyWords {
    one_of: LIMIT,
    with_one_of: &[],
    without: &[
        "size",
        "too large",
        "over quota",
        "over its quota",
        "mailbox",
        "inbox",
        "recipient",
        "storage",
        "space",
        "disk",
        "full",
    ],
};

const SENDERS: &[&str] = &["daily", "day", "hour", "sender", "messaging", "credits"];

const LIMIT: &[&[&str]] = &[
    &["quota"],
    &["limit", "exceeded"],
    &["limit", "reached"],
    &["exceeded", "limit"],
    &["reached", "limit"],
    &["rate", "exceeded"],
    &["credits exceeded"],
    &["exceeded the max"],
];

/// Postfix says 5.7.1 to a recipient that it does not take; providers say it to one who bounced before.
const THIS_RECIPIENT: ReplyWords = ReplyWords {
    one_of: &[&["recipient address rejected"], &["suppressed"], &["suppression list"]],
    with_one_of: &[],
    without: &[],
};

/// From MAIL to the reply to the final dot; before MAIL every answer means `relay_unavailable`.
const ROWS: &[ReplyRow] = &[
    ReplyRow { at: MAIL_TO_DATA, answers: &[Answers::Closing], meaning: ReplyMeaning::Reconnect },
    ReplyRow { at: MAIL_TO_DOT, answers: &[Answers::Passing, Answers::Contradiction], meaning: ReplyMeaning::Deferred },
    ReplyRow {
        at: MAIL_TO_DOT,
        answers: &[Answers::Basic(530), Answers::Basic(538), Answers::Enhanced(7, 57)],
        meaning: ReplyMeaning::RelayUnavailable,
    },
    ReplyRow {
        at: MAIL_TO_DOT,
        answers: &[Answers::Enhanced(4, 5), Answers::Enhanced(1, 90)],
        meaning: ReplyMeaning::SenderLimited,
    },
    ReplyRow {
        at: MAIL_TO_DOT,
        answers: &[Answers::Enhanced(2, 3), Answers::Enhanced(3, 4)],
        meaning: ReplyMeaning::TooLarge,
    },
    ReplyRow { at: MAIL_TO_DOT, answers: &[Answers::Enhanced(6, 7)], meaning: ReplyMeaning::UnsupportedAddress },
    ReplyRow {
        at: RCPT,
        answers: &[
            Answers::SubjectBut(1, &[0, 7, 8, 90]),
            Answers::SubjectBut(2, &[0, 3, 252]),
            Answers::Enhanced(4, 1),
            Answers::Enhanced(4, 4),
            Answers::Enhanced(7, 124),
            Answers::Details(7, 133, 136),
        ],
        meaning: ReplyMeaning::Rejected,
    },
    ReplyRow {
        at: DATA_AND_DOT,
        answers: &[
            Answers::Enhanced(1, 1),
            Answers::Enhanced(1, 2),
            Answers::Enhanced(1, 3),
            Answers::Enhanced(1, 6),
            Answers::Enhanced(1, 10),
            Answers::Enhanced(2, 1),
            Answers::Enhanced(2, 2),
            Answers::Enhanced(4, 1),
        ],
        meaning: ReplyMeaning::Rejected,
    },
    ReplyRow { at: MAIL_TO_DOT, answers: &[Answers::Words(&LOGIN_REQUIRED)], meaning: ReplyMeaning::RelayUnavailable },
    ReplyRow { at: MAIL_TO_DOT, answers: &[Answers::Words(&SENDING_LIMIT)], meaning: ReplyMeaning::SenderLimited },
    ReplyRow { at: MAIL, answers: &[Answers::Words(&SENDERS_LIMIT)], meaning: ReplyMeaning::SenderLimited },
    ReplyRow { at: RCPT_TO_DOT, answers: &[Answers::Words(&TIMED_LIMIT)], meaning: ReplyMeaning::SenderLimited },
    // A bare 552 beside "quota" is a mailbox's or a message's.
    ReplyRow { at: MAIL_AND_DOT, answers: &[Answers::Bare(552)], meaning: ReplyMeaning::TooLarge },
    ReplyRow { at: ALL_BUT_RCPT, answers: &[Answers::Words(&LIMIT_ALONE)], meaning: ReplyMeaning::SenderLimited },
    ReplyRow { at: RCPT, answers: &[Answers::SubjectWords(7, &THIS_RECIPIENT)], meaning: ReplyMeaning::Rejected },
    ReplyRow { at: MAIL_TO_DATA, answers: OUT_OF_STEP, meaning: ReplyMeaning::Reconnect },
    // The whole message is handed over: a connection on which that went well is no reason for another one.
    ReplyRow { at: DOT, answers: OUT_OF_STEP, meaning: ReplyMeaning::Deferred },
    ReplyRow {
        at: RCPT,
        answers: &[
            Answers::Enhanced(0, 0),
            Answers::Enhanced(1, 0),
            Answers::Enhanced(2, 0),
            Answers::Enhanced(3, 0),
            Answers::Enhanced(5, 0),
            Answers::Bare(501),
            Answers::Bare(521),
            Answers::Bare(550),
            Answers::Bare(551),
            Answers::Bare(553),
            Answers::Bare(554),
            Answers::Bare(556),
        ],
        meaning: ReplyMeaning::Rejected,
    },
    // RFC 5321 §4.5.3.1.10: to RCPT it is to be read as 452, too many recipients.
    ReplyRow { at: RCPT, answers: &[Answers::Bare(552)], meaning: ReplyMeaning::Deferred },
    ReplyRow { at: MAIL_TO_DOT, answers: &[Answers::Any], meaning: ReplyMeaning::Refused },
];

/// The relay and we do not agree where in the conversation we are, or it does not know a command that all know.
const OUT_OF_STEP: &[Answers] = &[
    Answers::Enhanced(5, 1),
    Answers::Enhanced(5, 2),
    Answers::Enhanced(5, 4),
    Answers::Basic(500),
    Answers::Basic(502),
    Answers::Basic(503),
    Answers::Basic(504),
];

/// What a negative answer means; `None` for one that has no place in its phase, which counts as none at all.
#[must_use]
pub fn meaning(phase: Phase, reply: &Reply) -> Option<ReplyMeaning> {
    if phase.precedes_transaction() {
        return Some(ReplyMeaning::RelayUnavailable);
    }
    if !matches!(reply.code / 100, 4 | 5) {
        return None;
    }
    let text = reply.text.to_ascii_lowercase();
    let fits =
        |row: &&ReplyRow| row.at.contains(&phase) && row.answers.iter().any(|answers| answers.include(reply, &text));
    ROWS.iter().find(fits).map(|row| row.meaning)
}

impl Answers {
    /// Whether `reply` is one of them; `text` is its text in lower case.
    fn include(&self, reply: &Reply, text: &str) -> bool {
        let passing = reply.code / 100 == 4;
        let enhanced = reply.enhanced.filter(|(class, ..)| !passing && *class == 5);
        let subject = enhanced.map(|(_, subject, _)| subject);
        match self {
            Self::Passing => passing,
            Self::Closing => reply.closes_connection(),
            _ if passing => false,
            Self::Contradiction => matches!(reply.enhanced, Some((2 | 4, ..))),
            Self::Enhanced(subject, detail) => enhanced == Some((5, *subject, *detail)),
            Self::Details(wanted, from, to) => {
                enhanced.is_some_and(|(_, subject, detail)| subject == *wanted && (*from..=*to).contains(&detail))
            }
            Self::SubjectBut(wanted, but) => {
                enhanced.is_some_and(|(_, subject, detail)| subject == *wanted && !but.contains(&detail))
            }
            Self::Basic(code) => reply.code == *code,
            Self::Bare(code) => reply.code == *code && reply.enhanced.is_none(),
            Self::Words(words) => words.are_in(text),
            Self::SubjectWords(wanted, words) => subject == Some(*wanted) && words.are_in(text),
            Self::Any => true,
        }
    }
}

impl ReplyWords {
    fn are_in(&self, text: &str) -> bool {
        let holds = |word: &&str| holds_phrase(text, &[*word]);
        self.one_of.iter().any(|phrase| holds_phrase(text, phrase))
            && (self.with_one_of.is_empty() || self.with_one_of.iter().any(holds))
            && !self.without.iter().any(holds)
    }
}

/// Whether the parts of `phrase` stand in `text`, the first at the beginning of a word.
fn holds_phrase(text: &str, phrase: &[&str]) -> bool {
    let Some((first, rest)) = phrase.split_first() else { return true };
    text.match_indices(first).any(|(at, _)| {
        let begins_word = text[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
        begins_word && follow(&text[at + first.len()..], rest)
    })
}

/// Whether the parts stand in `text` one behind the other, none too far from the one before.
fn follow(text: &str, parts: &[&str]) -> bool {
    let Some((first, rest)) = parts.split_first() else { return true };
    text.match_indices(first).any(|(at, _)| at <= GAP_BYTES_MAX && follow(&text[at + first.len()..], rest))
}

#[cfg(test)]
#[path = "reply_table_tests.rs"]
mod tests;
