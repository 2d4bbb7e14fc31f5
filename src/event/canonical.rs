//! Digests of what an event says, however it is written.

use serde_json::{Number, Value};

use super::{DocumentRole, InvoiceData, MediaType, RecipientRole};
use crate::model::invoice_kind::InvoiceKind;
use crate::sha256::Sha256;

/// The digest of the canonical JSON of `value`: names sorted, no white space, one spelling of strings and numbers.
///
/// Close to RFC 8785, but integers beyond 2^53 keep all their digits.
pub(super) fn content_sha256(value: &Value) -> Sha256 {
    let mut bytes = Vec::with_capacity(1024);
    write_value(&mut bytes, value);
    Sha256::of(&bytes)
}

/// The digest of what makes two events the same mail about the same invoice.
///
/// Tenant, invoice id, kind (of a reminder with its level), documents and recipients. Documents count by what the
/// customer receives, not by how the billing system stores them (`id`, `object`); recipients count without their
/// order and names. Without a `to` the customer's own address is a recipient, and the customer stands for it.
///
/// Addresses count as they are written. Who compares invoices takes `store::invoice_digest`.
#[must_use]
pub fn invoice_sha256(data: &InvoiceData) -> Sha256 {
    type DocumentKey<'a> = (DocumentRole, Option<&'a str>, MediaType, u64, Sha256);
    type Sameness<'a> = (
        &'a str,
        &'a str,
        InvoiceKind,
        Option<u8>,
        Vec<DocumentKey<'a>>,
        Vec<(&'static str, &'a str)>,
        Option<&'a str>,
    );

    let documents = data.documents.iter();
    let documents = documents.map(|d| (d.role, d.name.as_deref(), d.media_type, d.size, d.sha256)).collect();
    let mut recipients: Vec<_> = data.recipients.iter().map(|r| (r.role.into_str(), r.address.as_str())).collect();
    recipients.sort_unstable();
    recipients.dedup();
    let has_to = data.recipients.iter().any(|recipient| recipient.role == RecipientRole::To);
    let customer = (!has_to).then(|| data.customer_id.as_str());
    let invoice = &data.invoice;
    let sameness: Sameness<'_> =
        (data.tenant_id.as_str(), &invoice.id, invoice.kind, invoice.reminder_level, documents, recipients, customer);
    Sha256::of(&serde_json::to_vec(&sameness).expect("texts and numbers are always JSON"))
}

fn write_value(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => bytes.extend_from_slice(b"null"),
        Value::Bool(value) => bytes.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Number(number) => write_number(bytes, number),
        Value::String(text) => write_text(bytes, text),
        Value::Array(items) => {
            bytes.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    bytes.push(b',');
                }
                write_value(bytes, item);
            }
            bytes.push(b']');
        }
        Value::Object(members) => {
            // Sorted here, since a map's own order depends on how serde_json was built.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            bytes.push(b'{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    bytes.push(b',');
                }
                write_text(bytes, name);
                bytes.push(b':');
                write_value(bytes, value);
            }
            bytes.push(b'}');
        }
    }
}

fn write_text(bytes: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(bytes, text).expect("text is always JSON, and memory takes it");
}

/// `1`, `1.0` and `1e0` are one number; so are `0` and `-0`.
fn write_number(bytes: &mut Vec<u8>, number: &Number) {
    const EXACT: f64 = 1e18;
    let text = match number.as_f64() {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 10^18 fits")]
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT => (float as i64).to_string(),
        _ => number.to_string(),
    };
    bytes.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(json: &str) -> Sha256 {
        content_sha256(&serde_json::from_str(json).expect("the test's JSON"))
    }

    #[test]
    fn equal_values_have_equal_digests_however_they_are_written() {
        let pairs = [
            (r#"{"a": 1, "b": [true, null]}"#, r#"{ "b":[true,null],"a":1.0 }"#),
            (r#"{"a": "ä"}"#, r#"{"\u0061": "\u00e4"}"#),
            ("0", "-0.0"),
            ("100", "1e2"),
            ("81234", "8.1234e4"),
            ("0.5", "5e-1"),
        ];
        for (one, other) in pairs {
            assert_eq!(digest(one), digest(other), "{one} {other}");
        }
    }

    #[test]
    fn other_values_have_other_digests() {
        let values = [
            "null",
            "[]",
            "{}",
            "[[]]",
            "[[],[]]",
            r#"{"a":{}}"#,
            r#"["a","b"]"#,
            r#"["a,b"]"#,
            "1",
            r#""1""#,
            "1.5",
            "9007199254740993",
            "9007199254740992",
            "false",
            r#"{"a":null}"#,
        ];
        for (index, one) in values.iter().enumerate() {
            for other in &values[index + 1..] {
                assert_ne!(digest(one), digest(other), "{one} {other}");
            }
        }
    }
}
