//! The timeline of one invoice, as programs read it: everything that is known.

use serde_json::{Value, json};

use super::timeline::Timeline;
use crate::operator::resend::LinkCause;
use crate::store::{
    DeadLetter, ExplainedAttempt, ExplainedDelivery, ExplainedEvent, Explanation, NumberedInvoice, PortalEvent,
};
use crate::telemetry::Masked;

impl Timeline {
    /// For programs.
    pub(in crate::cli) fn whole(&self) -> Value {
        let Explanation { events, deliveries, dead_letters } = &self.explanation;
        let now = self.current_state();
        let whole = json!({
            "tenant_id": self.tenant,
            "invoice_number": self.number(),
            "state": now.word,
            "means": now.means,
            "what_to_do": now.todo,
            "events": events.iter().map(event_json).collect::<Vec<_>>(),
            "deliveries": deliveries.iter().map(|delivery| self.delivery_json(delivery)).collect::<Vec<_>>(),
            "dead_letters": dead_letters.iter().map(letter_json).collect::<Vec<_>>(),
            "claimed_too": self.strays.iter().map(stray_json).collect::<Vec<_>>(),
        });
        self.masked_texts(whole)
    }

    /// Every text in it masked: each by itself, so that what is left is the same JSON.
    fn masked_texts(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.masked(text)),
            Value::Array(items) => items.into_iter().map(|item| self.masked_texts(item)).collect(),
            Value::Object(members) => {
                members.into_iter().map(|(name, member)| (name, self.masked_texts(member))).collect()
            }
            other => other,
        }
    }

    fn attempt_json(&self, attempt: &ExplainedAttempt) -> Value {
        let mut refused = parsed(attempt.refused.as_deref());
        for result in refused.as_array_mut().into_iter().flatten() {
            if let Some(reply) = result.get_mut("reply")
                && let Some(words) = reply.as_str()
            {
                *reply = Value::String(self.masked_reply(words));
            }
        }
        json!({
            "claim": attempt.claim, "relay": attempt.relay, "started_at": attempt.started_at,
            "ended_at": attempt.ended_at, "phase": attempt.phase.map(|phase| phase.to_string()),
            "class": attempt.class.into_str(), "code": attempt.code,
            "reply": attempt.reply.as_deref().map(|reply| self.masked_reply(reply)),
            "refused": refused,
            "decision": attempt.decision.map(|decision| decision.into_str()),
            "message_sha256": attempt.message_sha256,
            "message_date": attempt.message_date,
        })
    }

    fn delivery_json(&self, explained: &ExplainedDelivery) -> Value {
        let ExplainedDelivery { delivery, attempts, notes, links, portal } = explained;
        let shown = |address: &str| if self.addresses { address.to_owned() } else { Masked(address).to_string() };
        let recipients = delivery.recipients.iter();
        let recipients = recipients
            .map(|recipient| json!({ "role": recipient.role.into_str(), "address": shown(&recipient.address) }));
        let notes = notes.iter().map(|note| json!({ "at": note.at, "who": note.who, "what": note.what }));
        let links = links.iter().map(|link| {
            json!({
                "generation": link.generation, "key": link.key_fingerprint, "expires_at": link.expires_at,
                "revoked_at": link.revoked_at, "revoked_by": link.revoked_by, "revoke_reason": link.revoke_reason,
            })
        });
        let link_cause = delivery.decision_reason.and_then(|reason| LinkCause::recorded(reason, &explained.notes));
        json!({
            "id": delivery.id,
            "root_id": delivery.root,
            "main_id": delivery.main,
            "role": delivery.role.into_str(),
            "state": delivery.state.into_str(),
            "class": delivery.class.map(|class| class.into_str()),
            "reason": delivery.reason,
            "phase": delivery.phase.map(|phase| phase.to_string()),
            "code": delivery.code,
            "customer_id": delivery.invoice.customer,
            "invoice_id": delivery.invoice.id,
            "kind": delivery.invoice.kind.into_str(),
            "locale": delivery.locale,
            "recipients": recipients.collect::<Vec<_>>(),
            "created_at": delivery.created_at,
            "snapshot_at": delivery.snapshot_at,
            "due_at": delivery.due_at,
            "expires_at": delivery.expires_at,
            "settled_at": delivery.concluded_at,
            "relay": delivery.relay,
            "held": delivery.held,
            "express": delivery.express,
            "resend_of": delivery.resend_of,
            "resend_reason": delivery.resend_reason,
            "link_only": delivery.link_only,
            "decision": delivery.decision.map(|decision| decision.into_str()),
            "decision_reason": delivery.decision_reason.map(|reason| reason.into_str()),
            "link_cause": link_cause.map(|cause| cause.into_str()),
            "decision_inputs": parsed(delivery.decision_inputs.as_deref()),
            "attachments": parsed(delivery.attachments.as_deref()),
            "message_id": delivery.message_id,
            "message_sha256": delivery.message_sha256,
            "message_date": delivery.message_date,
            "message_size": delivery.message_size,
            "attempts": delivery.attempts,
            "attempt_log": attempts.iter().map(|attempt| self.attempt_json(attempt)).collect::<Vec<_>>(),
            "notes": notes.collect::<Vec<_>>(),
            "links": links.collect::<Vec<_>>(),
            "portal": portal.iter().map(portal_json).collect::<Vec<_>>(),
        })
    }
}

fn portal_json(event: &PortalEvent) -> Value {
    json!({ "at": event.at, "kind": event.kind.into_str(), "detail": event.detail, "network": event.network })
}

fn parsed(json: Option<&str>) -> Value {
    json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or(Value::Null)
}

fn stray_json(stray: &NumberedInvoice) -> Value {
    json!({ "tenant_id": stray.tenant, "invoice_number": stray.number, "tenant_is_known": stray.tenant_is_known })
}

fn event_json(event: &ExplainedEvent) -> Value {
    json!({
        "source": event.source, "id": event.id, "customer_id": event.invoice.customer,
        "kind": event.invoice.kind.into_str(),
        "via": event.via.into_str(), "received_at": event.received_at, "state": event.state.into_str(),
        "wait_until": event.wait_until, "has_body": event.has_body,
    })
}

fn letter_json(letter: &DeadLetter) -> Value {
    json!({
        "id": letter.id, "state": letter.state.into_str(),
        "kind": letter.kind.map(|kind| kind.into_str()), "class": letter.class.into_str(), "reason": letter.reason,
        "hint": letter.hint, "phase": letter.phase.map(|phase| phase.to_string()), "code": letter.code,
        "attempts": letter.attempts, "delivery_id": letter.delivery, "event_id": letter.event_id,
        "claimed": letter.is_claimed(),
        "first_failed_at": letter.first_failed_at, "last_failed_at": letter.last_failed_at,
        "settled_at": letter.concluded_at, "settled_by": letter.concluded_by, "note": letter.note,
    })
}
