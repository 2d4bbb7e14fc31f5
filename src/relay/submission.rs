//! What became of one mail transaction.

use super::outcome::{Outcome, Reply};
use crate::model::reply::Phase;

/// What became of one mail transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact about the connection, and most combinations occur")]
pub struct Submission {
    /// How it ended.
    pub outcome: Outcome,
    /// The phase that decided it.
    pub phase: Phase,
    /// The reply that decided it, if there is one.
    pub reply: Option<Reply>,
    /// What became of each recipient, in the envelope's order.
    pub recipients: Vec<RecipientResult>,
    /// What happened, for people, when no reply says it.
    pub detail: Option<String>,
    /// The socket has taken the final dot: from here the relay may hold the message.
    pub final_dot_handed_over: bool,
    /// The session may be used for another transaction.
    pub reusable: bool,
    /// The connection is of no use (421, `451 4.4.2`, end of file, timeout, a login that has lapsed, commands out of
    /// step, a RSET that failed), and the message was not begun. If the connection was not fresh, a new one is worth a
    /// try at once: the relay may just have closed it for idling.
    pub broke_before_data: bool,
    /// The relay answered the transaction, and then RSET with no 250: the connection is of no use, and the relay is not
    /// to blame.
    pub reset_failed: bool,
}

/// What became of one recipient. For those accepted the message's own outcome counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientResult {
    /// The transaction ended before its RCPT was answered.
    Unasked,
    /// 2xx to RCPT.
    Accepted(Reply),
    /// It may be taken later: 4xx to RCPT, or an answer that is about the relay, the connection or the sender.
    Deferred(Reply),
    /// It will not be taken: `Rejected`, `Refused`, `TooLarge` or `UnsupportedAddress`.
    Refused {
        /// Why.
        outcome: Outcome,
        /// The relay's answer; none if we did not ask.
        reply: Option<Reply>,
    },
}

impl RecipientResult {
    /// What the reply to its RCPT means for a recipient.
    pub(super) fn of_reply(reply: Reply) -> Self {
        match Outcome::of_reply(Phase::Rcpt, &reply) {
            Outcome::Accepted => Self::Accepted(reply),
            Outcome::Deferred | Outcome::RelayUnavailable | Outcome::SenderLimited => Self::Deferred(reply),
            outcome => Self::Refused { outcome, reply: Some(reply) },
        }
    }

    /// Whether the relay took this recipient.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }

    /// How much this result weighs when none of several was accepted: first what may yet succeed, then what a
    /// person can put right, then what is final.
    fn weight(&self) -> u8 {
        match self {
            Self::Unasked | Self::Accepted(_) => 0,
            Self::Refused { outcome: Outcome::Rejected, .. } => 1,
            Self::Refused { outcome: Outcome::UnsupportedAddress, .. } => 2,
            Self::Refused { outcome: Outcome::TooLarge, .. } => 3,
            Self::Refused { .. } => 4,
            // No attempt may be consumed by what no delivery is to blame for.
            Self::Deferred(reply) => match Outcome::of_reply(Phase::Rcpt, reply) {
                Outcome::RelayUnavailable => 7,
                Outcome::SenderLimited => 6,
                _ => 5,
            },
        }
    }
}

/// The outcome of a transaction in which none of `results` was accepted, and the reply that says so.
pub(super) fn outcome_of_none_accepted<'a>(
    results: impl Iterator<Item = &'a RecipientResult>,
) -> (Outcome, Option<Reply>) {
    // `max_by_key` takes the last of equals; people read the first.
    let weightiest = results.enumerate().max_by_key(|(at, result)| (result.weight(), std::cmp::Reverse(*at)));
    match weightiest {
        Some((_, RecipientResult::Deferred(reply))) => (Outcome::of_reply(Phase::Rcpt, reply), Some(reply.clone())),
        Some((_, RecipientResult::Refused { outcome, reply })) => (*outcome, reply.clone()),
        _ => (Outcome::Deferred, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_nobody_was_accepted_the_best_hope_counts() {
        let result = |code, text| RecipientResult::of_reply(Reply::new(code, text));
        let unsupported = RecipientResult::Refused { outcome: Outcome::UnsupportedAddress, reply: None };
        let table = [
            (vec![result(550, "5.1.1 a"), result(550, "5.1.1 b")], Outcome::Rejected, Some("a")),
            (vec![result(550, "5.1.1 a"), result(450, "b"), result(451, "c")], Outcome::Deferred, Some("b")),
            (vec![result(554, "5.7.1 a"), result(550, "5.1.1 b")], Outcome::Refused, Some("a")),
            (vec![result(550, "5.1.1 a"), result(552, "5.2.3 b")], Outcome::TooLarge, Some("b")),
            (vec![result(450, "a"), result(503, "5.5.1 b")], Outcome::Deferred, Some("a")),
            (vec![result(450, "a"), result(550, "5.4.5 b")], Outcome::SenderLimited, Some("b")),
            (vec![result(550, "5.4.5 a"), result(530, "5.7.0 b")], Outcome::RelayUnavailable, Some("b")),
            (vec![unsupported.clone()], Outcome::UnsupportedAddress, None),
            (vec![unsupported, result(550, "5.1.1 b")], Outcome::UnsupportedAddress, None),
            (vec![], Outcome::Deferred, None),
        ];
        for (results, outcome, text) in table {
            let (found, reply) = outcome_of_none_accepted(results.iter());
            assert_eq!((found, reply.as_ref().map(|reply| reply.text.as_str())), (outcome, text), "{results:?}");
        }
    }
}
