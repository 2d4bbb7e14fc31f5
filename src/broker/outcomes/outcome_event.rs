//! An outcome as the billing system reads it: a [CloudEvents 1.0] event in structured mode. Pure.
//!
//! [CloudEvents 1.0]: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md

use crate::model::outbox::PendingOutcome;
use bytes::Bytes;
use serde_json::json;
use uuid::Uuid;

impl PendingOutcome {
    /// What it is published under: the event's type without its version.
    pub(in crate::broker) fn routing_key(&self) -> String {
        format!("invoice.mail.{}", self.concluded)
    }

    /// The same end of the same delivery has the same id, however often it is published.
    fn id(&self) -> Uuid {
        Uuid::new_v5(&self.delivery.0, format!("{} {}", self.concluded, self.concluded_at.0).as_bytes())
    }

    /// The event's bytes, published by `source`.
    pub(in crate::broker) fn event(&self, source: &str) -> Bytes {
        let event = json!({
            "specversion": "1.0",
            "id": self.id(),
            "source": source,
            "type": format!("{}.v1", self.routing_key()),
            "subject": self.invoice.id,
            "time": self.concluded_at.to_string(),
            "datacontenttype": "application/json",
            "data": {
                "tenant_id": self.invoice.tenant.as_str(),
                "customer_id": self.invoice.customer.as_str(),
                "invoice": {
                    "id": self.invoice.id,
                    "number": self.invoice.number,
                    "kind": self.invoice.kind.into_str(),
                },
                "event": { "source": self.event_source, "id": self.event_id },
                "delivery_id": self.delivery.to_string(),
                "message_id": self.message_id,
                "state": self.concluded.into_str(),
                "class": self.class.into_str(),
                "decision": self.decision.map(|decision| decision.into_str()),
                "reason": self.reason.as_deref().map(without_addresses),
                "code": self.code,
            },
        });
        event.to_string().into()
    }
}

/// The text with `***` in place of every mail address: relays like to repeat the recipient's.
fn without_addresses(text: &str) -> String {
    let is_between = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '(' | ')' | ',' | ';');
    text.split_inclusive(is_between)
        .map(|part| match part.strip_suffix(is_between) {
            Some(word) if word.contains('@') => format!("***{}", &part[word.len()..]),
            None if part.contains('@') => "***".to_owned(),
            _ => part.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use strum::VariantArray as _;

    use super::*;
    use crate::clock::Timestamp;
    use crate::model::ids::DeliveryId;
    use crate::model::invoice_kind::InvoiceKind;
    use crate::model::invoice_ref::InvoiceRef;
    use crate::model::reason::ReasonCode;
    use crate::model::state::{Concluded, Decision};

    fn outcome() -> PendingOutcome {
        PendingOutcome {
            number: 1,
            delivery: DeliveryId(Uuid::from_u128(1)),
            concluded: Concluded::Rejected,
            concluded_at: Timestamp(1_795_426_200_000),
            class: ReasonCode::Rejected,
            decision: Some(Decision::Attach),
            reason: Some("550 5.1.1 <ap@customer.example>: no such user".to_owned()),
            code: Some("550 5.1.1".to_owned()),
            message_id: None,
            invoice: InvoiceRef {
                tenant: "acme".into(),
                customer: "C-1".into(),
                id: "inv-1".to_owned(),
                number: "R-1".to_owned(),
                kind: InvoiceKind::CreditNote,
            },
            event_source: "https://billing.example".to_owned(),
            event_id: "e1".to_owned(),
        }
    }

    fn written(outcome: &PendingOutcome) -> Value {
        serde_json::from_slice(&outcome.event("https://portal.example")).expect("the event is JSON")
    }

    fn schema() -> jsonschema::Validator {
        let text = include_str!("../../../docs/schemas/invoice-mail-outcome.v1.json");
        let schema = serde_json::from_str(text).expect("JSON");
        jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
    }

    #[test]
    fn every_outcome_is_right_by_its_published_schema() {
        let schema = schema();
        let published =
            [Concluded::Sent, Concluded::Rejected, Concluded::Dead, Concluded::Cancelled, Concluded::Expired];
        for (&class, &kind) in ReasonCode::VARIANTS.iter().zip(InvoiceKind::VARIANTS.iter().cycle()) {
            for concluded in published {
                let invoice = InvoiceRef { kind, ..outcome().invoice };
                let whole = PendingOutcome { concluded, class, invoice, ..outcome() };
                let message_id = Some("1@acme.example".to_owned());
                let bare = PendingOutcome { message_id, decision: None, reason: None, code: None, ..whole.clone() };
                for event in [written(&whole), written(&bare)] {
                    assert!(schema.is_valid(&event), "{event}");
                }
            }
        }
        for (decision, code) in [(Decision::Link, "550"), (Decision::Attach, "452 4.2.2")] {
            let outcome = PendingOutcome { decision: Some(decision), code: Some(code.to_owned()), ..outcome() };
            assert!(schema.is_valid(&written(&outcome)), "{code}");
        }
        let document = include_str!("../../../docs/events.md");
        let described =
            document.split("```json\n").nth(2).and_then(|rest| rest.split("\n```").next()).expect("a block");
        assert!(schema.is_valid(&serde_json::from_str(described).expect("JSON")), "{described}");
    }

    #[test]
    fn the_published_schema_promises_each_member() {
        let (schema, whole) = (schema(), written(&outcome()));
        for (parent, required) in [("", 8), ("/data", 11), ("/data/invoice", 3), ("/data/event", 2)] {
            let members = whole.pointer(parent).and_then(Value::as_object).expect("an object").clone();
            assert_eq!(members.len(), required, "{parent}");
            for name in members.keys() {
                let mut without = whole.clone();
                without.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").remove(name);
                assert!(!schema.is_valid(&without), "{parent}/{name}");
            }
        }
        let mut another = whole;
        another["data"]["state"] = json!("sent");
        assert!(!schema.is_valid(&another), "type and state say the same");
    }

    #[test]
    fn one_end_has_one_id_and_another_end_another() {
        let first = outcome();
        assert_eq!(first.id(), PendingOutcome { number: 2, reason: None, ..first.clone() }.id());
        assert_ne!(first.id(), PendingOutcome { concluded: Concluded::Sent, ..first.clone() }.id());
        assert_ne!(first.id(), PendingOutcome { concluded_at: Timestamp(0), ..first.clone() }.id());
        assert_ne!(first.id(), PendingOutcome { delivery: DeliveryId(Uuid::nil()), ..first.clone() }.id());
    }

    #[test]
    fn the_event_names_the_invoice_and_no_address() {
        let event = written(&outcome());
        assert_eq!(
            event,
            json!({
                "specversion": "1.0",
                "id": outcome().id().to_string(),
                "source": "https://portal.example",
                "type": "invoice.mail.rejected.v1",
                "subject": "inv-1",
                "time": "2026-11-23T09:30:00Z",
                "datacontenttype": "application/json",
                "data": {
                    "tenant_id": "acme", "customer_id": "C-1",
                    "invoice": { "id": "inv-1", "number": "R-1", "kind": "credit_note" },
                    "event": { "source": "https://billing.example", "id": "e1" },
                    "delivery_id": "00000000-0000-0000-0000-000000000001", "message_id": null,
                    "state": "rejected", "class": "rejected", "decision": "attach",
                    "reason": "550 5.1.1 <***>: no such user", "code": "550 5.1.1",
                },
            })
        );
    }

    #[test]
    fn addresses_are_left_out_of_reasons() {
        for (text, shown) in [
            ("user@example.com unknown", "*** unknown"),
            ("unknown: user@example.com", "unknown: ***"),
            ("<a@b.example>,(c@d.example)\tx", "<***>,(***)\tx"),
            ("no address at all", "no address at all"),
            ("", ""),
        ] {
            assert_eq!(without_addresses(text), shown);
        }
    }
}
