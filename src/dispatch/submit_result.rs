//! What an SMTP transaction means for its delivery, and what it shows about the relay. Pure.

use super::attempt_end::AttemptResult;
use super::permit::{PermitAnswer, PermitRequest};
use super::prepare::Prepared;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::policy::breaker::BreakerSignal;
use crate::relay::Submission;
use crate::relay::outcome::Outcome;

/// How the submission of a delivery to its relay ended.
pub(super) enum SubmitResult {
    Ended(AttemptResult),
    /// Nothing was sent, and nothing is to be recorded: it goes back to its lane.
    Withdrawn,
    /// Nothing was sent: the message grew too old before its DATA.
    Outdated,
}

/// What a transaction shows about the relay itself.
pub(super) fn signal(submission: &Submission, fresh: bool) -> BreakerSignal {
    match submission.outcome {
        Outcome::Uncertain => BreakerSignal::Uncertain,
        Outcome::RelayUnavailable => BreakerSignal::Unavailable,
        // A relay that answers everything but RSET works.
        _ if submission.broke_before_data && !submission.reset_failed && fresh => BreakerSignal::Unavailable,
        Outcome::Accepted => BreakerSignal::Accepted,
        Outcome::Refused => BreakerSignal::Refused,
        Outcome::Rejected if submission.reply.as_ref().is_some_and(|reply| reply.enhanced.is_none()) => {
            BreakerSignal::Refused
        }
        _ => BreakerSignal::Worked,
    }
}

/// The worker stopped in the middle of the message.
pub(super) fn cut_off(prepared: &Prepared) -> AttemptResult {
    AttemptResult {
        phase: Some(Phase::Transfer),
        started_at: prepared.started_at,
        ..AttemptResult::before(ReasonCode::Deferred, "the worker stopped before the message was handed over whole")
    }
}

/// The dispatcher panicked during the attempt. Once DATA may have begun, the relay may hold the message: that is for a
/// person to decide.
pub(super) fn panicked(prepared: &Prepared, has_started: bool) -> AttemptResult {
    let (class, phase) =
        if has_started { (ReasonCode::Uncertain, Some(Phase::Data)) } else { (ReasonCode::Internal, None) };
    AttemptResult {
        phase,
        started_at: prepared.started_at,
        ..AttemptResult::before(class, "the dispatcher failed while sending; its log tells more")
    }
}

/// What a transaction means for the delivery.
pub(super) fn submit_result(prepared: &Prepared, submission: Submission, permit: &PermitRequest<'_>) -> SubmitResult {
    // A limit reported twice for one recipient, while the relay accepted others of this sender, is the recipient's own.
    let is_recipients = submission.phase == Phase::Rcpt && prepared.has_held_sender;
    let sender_limited = submission.outcome == Outcome::SenderLimited && !is_recipients;
    let goes_without_utf8 =
        submission.outcome == Outcome::UnsupportedAddress && prepared.has_spare_utf8 && !permit.asked;
    let class = match submission.outcome {
        Outcome::Accepted => ReasonCode::Accepted,
        Outcome::Deferred | Outcome::SenderLimited => ReasonCode::Deferred,
        Outcome::Rejected => ReasonCode::Rejected,
        Outcome::TooLarge => ReasonCode::TooLarge,
        Outcome::Refused => ReasonCode::Refused,
        Outcome::UnsupportedAddress => ReasonCode::UnsupportedAddress,
        Outcome::RelayUnavailable => ReasonCode::RelayUnavailable,
        Outcome::Uncertain => ReasonCode::Uncertain,
        Outcome::Unsendable => ReasonCode::Internal,
        // Decide again at once, or after the database is back, or a lock in it gone; a row that is lost is not ours to
        // write, and one that is held only goes back.
        Outcome::Withdrawn
            if permit.started || matches!(permit.answer, PermitAnswer::Unavailable | PermitAnswer::Locked) =>
        {
            ReasonCode::Dependency
        }
        Outcome::Withdrawn if permit.answer == PermitAnswer::Outdated => return SubmitResult::Outdated,
        Outcome::Withdrawn => return SubmitResult::Withdrawn,
    };
    let mut ended = AttemptResult::at_relay(class, submission, &prepared.mail.envelope.recipients);
    if class == ReasonCode::Dependency && permit.answer == PermitAnswer::Locked {
        "another transaction in the database keeps the tenant's settings or the customer locked"
            .clone_into(&mut ended.reason);
    }
    SubmitResult::Ended(AttemptResult { started_at: prepared.started_at, sender_limited, goes_without_utf8, ..ended })
}
