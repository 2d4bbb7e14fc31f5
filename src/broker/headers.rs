//! What the messages in the mirror of the dead letters say about themselves.
//!
//! No name begins with `x-`: those are the broker's, which strips or rewrites some of them. No value is personal: a
//! tenant, an invoice number, a reply code, never a name or an address.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::model::ids::DeadLetterId;
use crate::model::outbox::PendingDeadLetter;

/// Names the dead letter, so that a message moved back by hand is known again.
pub(super) const DEAD_LETTER_ID: &str = "dispatch-dead-letter-id";
/// When it failed last: a copy with an earlier time names a cause that it had before.
const LAST_FAILED_AT: &str = "dispatch-last-failed-at";
/// Longest value, in characters: headers are for filters and eyes.
const VALUE_LENGTH_MAX: usize = 500;

/// The headers of a dead letter in the mirror.
pub(super) fn of_dead_letter(letter: &PendingDeadLetter) -> FieldTable {
    let texts = [
        (DEAD_LETTER_ID, Some(letter.id.to_string())),
        ("dispatch-delivery-id", letter.delivery_id.map(|id| id.to_string())),
        ("dispatch-tenant", letter.tenant_id.as_ref().map(ToString::to_string)),
        ("dispatch-invoice", letter.invoice_number.clone()),
        ("dispatch-event-id", letter.event_id.clone()),
        ("dispatch-class", Some(letter.class.into_str().to_owned())),
        ("dispatch-code", letter.code.clone()),
        ("dispatch-phase", letter.phase.map(|phase| phase.into_str().to_owned())),
        ("dispatch-first-failed-at", Some(letter.first_failed_at.to_string())),
        (LAST_FAILED_AT, Some(letter.last_failed_at.to_string())),
        ("dispatch-fingerprint", Some(letter.fingerprint.clone())),
        ("dispatch-hint", Some(letter.hint.clone())),
    ];
    let mut table = FieldTable::default();
    for (name, value) in texts {
        if let Some(value) = value {
            let value: String = value.chars().take(VALUE_LENGTH_MAX).collect();
            table.insert(name.into(), AMQPValue::LongString(value.into()));
        }
    }
    table.insert("dispatch-attempts".into(), AMQPValue::LongLongInt(i64::from(letter.attempts)));
    table
}

/// The dead letter that a message says it is.
pub(super) fn dead_letter_id(properties: &BasicProperties) -> Option<DeadLetterId> {
    Uuid::try_parse(text(properties, DEAD_LETTER_ID)?.trim()).ok().map(DeadLetterId)
}

/// Whether a copy of a dead letter that failed last at `last_failed_at` names an earlier cause.
pub(super) fn is_outdated(properties: &BasicProperties, last_failed_at: Timestamp) -> bool {
    text(properties, LAST_FAILED_AT).is_some_and(|text| text != last_failed_at.to_string())
}

fn text<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a str> {
    match properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

/// The headers that the publisher gave, without those that the broker added.
pub(super) fn without_the_brokers(headers: &FieldTable) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        if !name.as_str().starts_with("x-") {
            table.insert(name.clone(), value.clone());
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outbox::tests::letter;

    fn carrying(value: AMQPValue) -> BasicProperties {
        let mut table = FieldTable::default();
        table.insert(DEAD_LETTER_ID.into(), value);
        BasicProperties::default().with_headers(table)
    }

    #[test]
    fn a_dead_letter_is_known_again_by_its_header() {
        let letter = letter(7);
        let properties = BasicProperties::default().with_headers(of_dead_letter(&letter));
        assert_eq!(dead_letter_id(&properties), Some(letter.id));
        assert!(!is_outdated(&properties, letter.last_failed_at));
        assert!(is_outdated(&properties, Timestamp(letter.last_failed_at.0 + 1)));
        assert!(!is_outdated(&BasicProperties::default(), letter.last_failed_at), "it names no cause");
    }

    #[test]
    fn a_header_that_is_no_identifier_names_nothing() {
        for value in [
            AMQPValue::LongString("7".into()),
            AMQPValue::LongString(vec![0xff_u8; 16].into()),
            AMQPValue::LongLongInt(7),
            AMQPValue::Void,
        ] {
            assert_eq!(dead_letter_id(&carrying(value)), None);
        }
        assert_eq!(dead_letter_id(&BasicProperties::default()), None);
    }

    #[test]
    fn no_header_of_ours_is_one_of_the_brokers() {
        let table = of_dead_letter(&letter(7));
        assert!(table.inner().keys().all(|name| name.as_str().starts_with("dispatch-")), "{table:?}");
        assert_eq!(without_the_brokers(&table), table);
        let mut returned = table.clone();
        returned.insert("x-delivery-count".into(), AMQPValue::LongLongInt(3));
        assert_eq!(without_the_brokers(&returned), table);
    }

    #[test]
    fn a_long_value_is_cut() {
        let mut letter = letter(7);
        letter.hint = "ä".repeat(10_000);
        let table = of_dead_letter(&letter);
        let Some(AMQPValue::LongString(hint)) = table.inner().get("dispatch-hint") else { panic!("{table:?}") };
        assert_eq!(hint.len(), 2 * VALUE_LENGTH_MAX);
    }
}
