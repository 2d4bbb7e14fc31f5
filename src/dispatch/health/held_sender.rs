//! What a sender's hold is made of, and what becomes of its deliveries. Pure.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::dispatch::attempt_end::AttemptResult;
use crate::model::ids::RelayName;
use crate::model::note::NoteKind;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::policy::sender_key::{MailSender, SenderKeys};
use crate::policy::sender_trial::{self, HoldReason, TrialEnd, TrialVerdict, trial_delay};
use crate::store::{BackToDue, Claimed, EndedAttempt, NextState, SenderHold};

/// How soon a delivery is claimed again that a relay refused as it refuses every sender: behind its tenant's others, so
/// that the next trial is another's.
const BEHIND: Duration = Duration::from_secs(1);

/// Whose attempts are looked at together: before a recipient is named only the envelope sender is known to the relay.
pub fn keys(sender: &MailSender, phase: Phase) -> SenderKeys {
    if phase == Phase::Mail { sender.key.same_envelope() } else { sender.key.alone() }
}

/// A hold of `sender` by an answer (where and with which code), and when: the first such answer, and now.
pub fn new_hold(
    relay: &RelayName,
    sender: &MailSender,
    reason: HoldReason,
    (phase, code): (Phase, &str),
    (first_refused_at, now): (Timestamp, Timestamp),
) -> SenderHold {
    let by_envelope = phase == Phase::Mail;
    let name = if by_envelope { sender.envelope.clone() } else { sender.name() };
    let description = match reason {
        HoldReason::Refused => format!("the relay refuses its sender {name} ({code} to {phase})"),
        HoldReason::SameWords => {
            format!("the relay refuses its sender {name} ({code} to {phase}, in the same words to all)")
        }
        HoldReason::DailyLimit => format!("its sender {name} has sent what the relay allows ({code} to {phase})"),
    };
    SenderHold {
        relay: relay.clone(),
        sender: name,
        envelope_sender: sender.envelope.clone(),
        from: (!by_envelope).then(|| sender.from.clone()),
        reason,
        phase,
        code: code.to_owned(),
        description,
        first_refused_at,
        held_since: now,
        trials: 0,
        trial_at: now.plus(trial_delay(reason, 0)),
        trial_delivery: None,
        trial_claim: None,
        repeat_delivery: None,
    }
}

/// What an attempt, as it is recorded, says of a hold.
pub fn verdict(hold: &SenderHold, ended: &EndedAttempt) -> TrialVerdict {
    let Some(class) = ended.class else { return TrialVerdict::Unanswered };
    let end = TrialEnd { phase: ended.phase, class, code: ended.code.as_deref() };
    sender_trial::judge(hold.reason, hold.phase, &end)
}

/// The same of an attempt that ends now.
pub fn verdict_of(hold: &SenderHold, ended: &AttemptResult) -> TrialVerdict {
    let phase = ended.phase.filter(|phase| !phase.precedes_transaction());
    let code = ended.code();
    let end = TrialEnd { phase, class: ended.class, code: code.as_deref() };
    sender_trial::judge(hold.reason, hold.phase, &end)
}

/// A delivery of a held sender waits on, and no attempt of it is consumed.
pub fn hold_back(claimed: &Claimed, class: ReasonCode, description: String, now: Timestamp) -> NextState {
    let held = Some(description.clone());
    NextState::Due(Box::new(BackToDue { held, ..untried(claimed, class, description, now) }))
}

/// A delivery that a relay refuses as it refuses every sender waits for its breaker, and no attempt of it is consumed.
pub fn send_again(claimed: &Claimed, ended: &AttemptResult, reason: String, now: Timestamp) -> NextState {
    let due_at = now.plus(BEHIND);
    NextState::Due(Box::new(BackToDue { due_at, ..untried(claimed, ended.class, reason, now) }))
}

/// What follows if a person holds the delivery by now; `None` if it ends all the same.
///
/// Later answers show whether the relay meant the sender. A delivery that has ended would then come back without the
/// person's hold and be tried: so it waits, and no attempt of it is consumed.
pub fn wait_if_held(claimed: &Claimed, ended: &AttemptResult, now: Timestamp) -> Option<Box<BackToDue>> {
    if claimed.may_be_out || !ended.may_be_the_senders() {
        return None;
    }
    let note = Some(NoteKind::RefusedWhileHeld);
    Some(Box::new(BackToDue { note, ..untried(claimed, ended.class, ended.reason.clone(), now) }))
}

/// A delivery is due as if its attempt had not been made, for the reason `why`.
fn untried(claimed: &Claimed, class: ReasonCode, why: String, now: Timestamp) -> BackToDue {
    BackToDue {
        due_at: now,
        attempts: claimed.attempts,
        last_class: Some(class),
        last_reply: Some(why),
        first_failed_at: claimed.first_failed_at.or(Some(now)),
        missing_since: None,
        refused_for_size: claimed.refused_for_size,
        without_utf8: claimed.without_utf8,
        note: None,
        may_be_out: claimed.may_be_out,
        decision: None,
        message: None,
        held: None,
        // Except where the relay may hold it: that is sent again as the same bytes, or not at all.
        anew: !claimed.may_be_out,
    }
}
