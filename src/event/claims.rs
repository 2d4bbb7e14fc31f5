//! What a body that is no event claims to be about: enough to find it again, proven by nothing.

use serde_json::Value;

use super::bounds::KEY_MAX;
use crate::clean;
use crate::model::ids::{CustomerId, TenantId};
use crate::telemetry::AddressMask;

/// What a body that is no event claims to be about.
///
/// Each value is one line without control characters, at most 255 characters long, and names no address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimedIdentity {
    /// Whose invoice it would be.
    pub tenant: Option<TenantId>,
    /// Whom it would be for.
    pub customer: Option<CustomerId>,
    /// The number that people know.
    pub invoice_number: Option<String>,
}

impl ClaimedIdentity {
    /// Reads what a body claims; of one that is no JSON, or only the beginning of it, what its text says.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let (tenant, customer, number) = if let Ok(event) = serde_json::from_slice::<Value>(body) {
            let data = &event["data"];
            (text(&data["tenant_id"]), text(&data["customer_id"]), text(&data["invoice"]["number"]))
        } else {
            let text = String::from_utf8_lossy(body);
            let invoice = text.find("\"invoice\"").map_or("", |at| &text[at..]);
            (written(&text, "tenant_id"), written(&text, "customer_id"), written(invoice, "number"))
        };
        Self {
            tenant: tenant.as_deref().and_then(cleaned).map(TenantId::from),
            customer: customer.as_deref().and_then(cleaned).map(CustomerId::from),
            invoice_number: number.as_deref().and_then(cleaned),
        }
    }
}

/// A number may have been written as one.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The text behind the first member of this name.
fn written(text: &str, name: &str) -> Option<String> {
    let (_, behind) = text.split_once(&format!("\"{name}\""))?;
    let value = behind.trim_start().strip_prefix(':')?;
    serde_json::Deserializer::from_str(value).into_iter::<String>().next()?.ok()
}

fn cleaned(text: &str) -> Option<String> {
    let text = clean::marked_part(text.trim(), KEY_MAX);
    // Lists, logs and the broker's headers show it: whatever stands in the wrong member, it is no address.
    let text: String = AddressMask::default().reply(&text).chars().take(KEY_MAX).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(body: &[u8]) -> [Option<String>; 3] {
        let ClaimedIdentity { tenant, customer, invoice_number } = ClaimedIdentity::of(body);
        [tenant.map(|tenant| tenant.to_string()), customer.map(|customer| customer.to_string()), invoice_number]
    }

    #[test]
    fn what_a_body_claims_is_found_whatever_is_wrong_with_it() {
        let all = [Some("acme"), Some("C-1"), Some("R-1")].map(|text| text.map(str::to_owned));
        let bodies: [&[u8]; 4] = [
            br#"{"data":{"tenant_id":"acme","customer_id":"C-1","invoice":{"number":"R-1","total":7}}}"#,
            b"\xef\xbb\xbf{\"data\":{\"tenant_id\":\" acme \",\"customer_id\":\"C-1\",\"invoice\":{\"number\":\"R-1\"}}}",
            // Cut off, as of a body that is far too large.
            br#"{"data":{"tenant_id" : "acme","customer_id":"C-1","invoice":{"id":"i","number":"R-1","to"#,
            br#"{"data":{"tenant_id":"acme","customer_id":"C-1","invoice":{"number":"R-1",}}}"#,
        ];
        for body in bodies {
            assert_eq!(claimed(body), all, "{}", String::from_utf8_lossy(body));
        }
        assert_eq!(claimed(br#"{"data":{"invoice":{"number":20260042}}}"#)[2].as_deref(), Some("20260042"));
        let nothing: [&[u8]; 5] =
            [b"", b"\xff\xfe", b"[]", br#"{"data":{"tenant_id":{},"invoice":7}}"#, br#"{"number":"R-1","data":"#];
        for body in nothing {
            assert_eq!(ClaimedIdentity::of(body), ClaimedIdentity::default(), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_claim_is_bounded_and_steers_nothing() {
        let body = serde_json::json!({ "data": {
            "tenant_id": "a\u{1b}[2J\u{202e}\0b", "customer_id": "erika.muster@home.example",
            "invoice": { "number": "ä".repeat(10_000) },
        }});
        let [tenant, customer, number] = claimed(body.to_string().as_bytes());
        assert_eq!(tenant.as_deref(), Some("a\u{fffd}[2J\u{fffd}\u{fffd}b"));
        assert_eq!(customer.as_deref(), Some("e***@home.example"));
        assert_eq!(number.map(|number| number.chars().count()), Some(KEY_MAX));
    }
}
