//! How an attempt ended → what is written down. Pure.

use uuid::Uuid;

use super::attempt_end::AttemptResult;
use super::health::held_sender::wait_if_held;
use super::prepare::Prepared;
use crate::clock::Timestamp;
use crate::event::Recipient;
use crate::model::ids::{DeliveryId, WorkerId};
use crate::model::mail_address::in_smtp;
use crate::model::note::NoteKind;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::model::state::{Concluded, Decision, DeliveryRole, OnUncertain};
use crate::policy::retry::{self, History, Schedule};
use crate::relay::RecipientResult;
use crate::store::{
    BackToDue, Claimed, Conclusion, DeliveryContext, KeptMessage, NewAttempt, NewDeadLetter, NewDelivery, NewLaneEntry,
    NextState, Record, RemainderDelivery,
};

/// What the record is made with.
pub struct RecordInputs<'a> {
    /// Who sent.
    pub worker: WorkerId,
    /// When to try again.
    pub schedule: &'a Schedule,
    /// What the relay's configuration wants of uncertain deliveries.
    pub on_uncertain: OnUncertain,
    pub now: Timestamp,
    /// Makes an identifier.
    pub new_id: &'a (dyn Fn() -> Uuid + Sync),
}

/// What is written down of an attempt that ended.
#[must_use]
pub fn record(
    claimed: &Claimed,
    delivery: &DeliveryContext,
    prepared: Option<&Prepared>,
    ended: &AttemptResult,
    inputs: &RecordInputs<'_>,
) -> Record {
    let decision = prepared.map(|prepared| prepared.decided.plan.decision());
    let missing_since = match ended.class {
        ReasonCode::DocumentMissing => Some(claimed.missing_since.unwrap_or(inputs.now)),
        // Whether the document is there is not known: the wait goes on.
        ReasonCode::Dependency | ReasonCode::RelayUnavailable => claimed.missing_since,
        _ => None,
    };
    let history = History {
        delivery: claimed.delivery,
        attempts: claimed.attempts,
        now: inputs.now,
        missing_since,
        attached: decision == Some(Decision::Attach),
        resent_uncertain: claimed.may_be_out,
        handed_over: ended.phase == Some(Phase::FinalDot),
        on_uncertain: inputs.on_uncertain,
        pause: ended.pause,
        sender_limited: ended.sender_limited,
        goes_without_utf8: ended.goes_without_utf8,
    };
    let attempt = RecordedAttempt { claimed, delivery, prepared, ended, inputs };
    let next = match retry::after(ended.class, &history, inputs.schedule) {
        retry::Next::Again { after, consumed } => NextState::Due(Box::new(BackToDue {
            due_at: inputs.now.plus(after),
            attempts: claimed.attempts + u32::from(consumed),
            last_class: Some(ended.class),
            last_reply: Some(ended.reason.clone()),
            first_failed_at: claimed.first_failed_at.or(Some(inputs.now)),
            missing_since,
            refused_for_size: claimed.refused_for_size || ended.class == ReasonCode::TooLarge,
            without_utf8: claimed.without_utf8 || ended.goes_without_utf8,
            note: ended.goes_without_utf8.then_some(NoteKind::ComposedWithoutUtf8),
            may_be_out: claimed.may_be_out || ended.class == ReasonCode::Uncertain,
            decision: prepared.map(|prepared| prepared.decided.terms),
            message: prepared.filter(|_| ended.class == ReasonCode::Uncertain).map(|prepared| Box::new(kept(prepared))),
            held: None,
            anew: false,
        })),
        retry::Next::Conclude(concluded, class) => NextState::Concluded(Box::new(attempt.conclusion(concluded, class))),
    };
    Record { fence: claimed.fence(inputs.worker), attempt: attempt.attempt(), next }
}

/// What is kept of a message that the relay may hold.
fn kept(prepared: &Prepared) -> KeptMessage {
    let mail = &prepared.mail;
    KeptMessage {
        decision_reason: prepared.decided.reason,
        decision_inputs: prepared.decision_inputs.clone(),
        message_id: mail.message_id.clone(),
        message_sha256: mail.sha256,
        message_date: mail.date,
        message_size: mail.bytes.len() as u64,
        attachments: serde_json::to_string(&mail.attachments).expect("attachments are JSON"),
    }
}

/// How one attempt ended, with all that is known of it.
struct RecordedAttempt<'a> {
    claimed: &'a Claimed,
    delivery: &'a DeliveryContext,
    prepared: Option<&'a Prepared>,
    ended: &'a AttemptResult,
    inputs: &'a RecordInputs<'a>,
}

impl RecordedAttempt<'_> {
    /// The SMTP transaction. What never came to one (a missing document, a relay that is away) is no attempt.
    fn attempt(&self) -> Option<NewAttempt> {
        let ended = self.ended;
        let phase = ended.phase.filter(|phase| !phase.precedes_transaction())?;
        Some(NewAttempt {
            relay: self.claimed.relay.clone(),
            started_at: ended.started_at,
            ended_at: self.inputs.now,
            phase: Some(phase),
            class: ended.class,
            code: ended.code(),
            reply: ended.reply.as_ref().map(|reply| reply.text.clone()),
            refused: self.refused(),
            decision: self.prepared.map(|prepared| prepared.decided.plan.decision()),
            message_sha256: self.prepared.map(|prepared| prepared.mail.sha256),
            message_date: self.prepared.map(|prepared| prepared.mail.date),
            sender_key: self.prepared.filter(|_| self.speaks_of_the_sender()).map(|prepared| prepared.sender.key),
        })
    }

    /// Whether the relay's answer may say that it takes the sender, or that it does not. What it may hold already is
    /// not given up by a refusal.
    fn speaks_of_the_sender(&self) -> bool {
        match self.ended.class {
            ReasonCode::Accepted => true,
            ReasonCode::Refused | ReasonCode::Rejected => self.ended.reply.is_some() && !self.claimed.may_be_out,
            _ => false,
        }
    }

    fn conclusion(&self, concluded: Concluded, class: ReasonCode) -> Conclusion {
        let prepared = self.prepared;
        Conclusion {
            concluded,
            at: self.inputs.now,
            class,
            reason: Some(self.ended.reason.clone()).filter(|reason| !reason.is_empty()),
            attempts: self.claimed.attempts + u32::from(self.ended.phase.is_some()),
            decision: prepared.map(|prepared| prepared.decided.terms).or(self.claimed.earlier),
            decision_reason: prepared.map(|prepared| prepared.decided.reason),
            decision_inputs: prepared.map(|prepared| prepared.decision_inputs.clone()),
            message_id: prepared.map(|prepared| prepared.mail.message_id.clone()),
            message_sha256: prepared.map(|prepared| prepared.mail.sha256),
            message_date: prepared.map(|prepared| prepared.mail.date),
            message_size: prepared.map(|prepared| prepared.mail.bytes.len() as u64),
            attachments: prepared
                .map(|prepared| serde_json::to_string(&prepared.mail.attachments).expect("attachments are JSON")),
            phase: self.ended.phase,
            code: self.ended.code(),
            dead_letter: (concluded == Concluded::Dead).then(|| self.dead_letter(class)),
            rest: if concluded == Concluded::Sent { self.rest() } else { None },
            if_held: wait_if_held(self.claimed, self.ended, self.inputs.now),
        }
    }

    fn dead_letter(&self, class: ReasonCode) -> NewDeadLetter {
        let Self { claimed, delivery, ended, inputs, .. } = self;
        let code = ended.code();
        let cause =
            [claimed.relay.as_str(), ended.phase.map_or("", |phase| phase.into_str()), code.as_deref().unwrap_or("")];
        let letter = NewDeadLetter::new((inputs.new_id)(), class, &cause, ended.reason.clone(), inputs.now);
        NewDeadLetter {
            delivery: Some(claimed.delivery),
            event_key: Some(delivery.event_key),
            source: Some(delivery.source.clone()),
            event_id: Some(delivery.event_id.clone()),
            tenant: Some(delivery.invoice.tenant.clone()),
            customer: Some(delivery.invoice.customer.clone()),
            invoice_number: Some(delivery.invoice.number.clone()),
            phase: ended.phase,
            code,
            attempts: claimed.attempts + u32::from(ended.phase.is_some()),
            first_failed_at: claimed.first_failed_at.unwrap_or(inputs.now),
            ..letter
        }
    }

    /// JSON: the recipients that were not accepted, with what the relay said.
    fn refused(&self) -> Option<String> {
        let mail = &self.prepared?.mail;
        let refused: Vec<_> = mail
            .envelope
            .recipients
            .iter()
            .zip(&self.ended.recipients)
            .filter_map(|(recipient, result)| {
                let (how, reply) = match result {
                    RecipientResult::Deferred(reply) => ("deferred", Some(reply)),
                    RecipientResult::Refused { reply, .. } => ("refused", reply.as_ref()),
                    RecipientResult::Accepted(_) | RecipientResult::Unasked => return None,
                };
                let reply = reply.map(ToString::to_string);
                Some(serde_json::json!({ "address": recipient.address.to_string(), "result": how, "reply": reply }))
            })
            .collect();
        (!refused.is_empty()).then(|| serde_json::Value::from(refused).to_string())
    }

    /// A delivery for the recipients that were deferred while others were accepted: the same message.
    fn rest(&self) -> Option<RemainderDelivery> {
        let mail = &self.prepared?.mail;
        let deferred: Vec<Recipient> = mail
            .envelope
            .recipients
            .iter()
            .zip(&self.ended.recipients)
            .filter(|(_, result)| matches!(result, RecipientResult::Deferred(_)))
            .filter_map(|(deferred, _)| {
                let address = deferred.address.to_string();
                self.delivery.recipients.iter().find(|recipient| in_smtp(&recipient.address) == address).cloned()
            })
            .collect();
        if deferred.is_empty() {
            return None;
        }
        let id = DeliveryId((self.inputs.new_id)());
        Some(RemainderDelivery { delivery: self.rest_delivery(id, deferred), entry: self.rest_entry(id) })
    }

    fn rest_delivery(&self, id: DeliveryId, recipients: Vec<Recipient>) -> NewDelivery {
        let Self { claimed, delivery, inputs, .. } = self;
        NewDelivery {
            id,
            root: delivery.root,
            role: DeliveryRole::Rest,
            main: delivery.main,
            event_key: delivery.event_key,
            resend_of: None,
            resend_reason: None,
            invoice: delivery.invoice.clone(),
            recipients,
            customer_name: delivery.customer_name.clone(),
            locale: delivery.locale.clone(),
            profile_version: delivery.profile_version,
            template_version: delivery.template_version.clone(),
            snapshot_at: delivery.snapshot_at,
            link_key: delivery.link_key.clone(),
            link_generation: delivery.link_generation,
            link_only: delivery.link_only,
            expires_at: claimed.expires_at,
            created_at: inputs.now,
            concluded: None,
        }
    }

    fn rest_entry(&self, id: DeliveryId) -> NewLaneEntry {
        let Self { claimed, delivery, inputs, .. } = self;
        let delay = inputs.schedule.delays.first().copied().unwrap_or_default();
        NewLaneEntry {
            delivery: id,
            relay: claimed.relay.clone(),
            tenant: delivery.invoice.tenant.clone(),
            customer: delivery.invoice.customer.clone(),
            due_at: inputs.now.plus(delay),
            express: false,
            expires_at: claimed.expires_at,
            claim: 0,
            decision: self.prepared.map(|prepared| prepared.decided.terms),
            message_date: self.prepared.map(|prepared| prepared.mail.date),
            held: None,
        }
    }
}
