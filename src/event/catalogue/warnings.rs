//! What of a tenant, a customer or settings is ignored, although it was written.

use serde_json::Value;

use crate::event::{Member, MemberWarning, Shape, json, unknown_members};
use crate::model::customer::CustomerType;

use Member::{Object, Value as Plain};

const PORTAL: Shape = Shape::of(&[("level", Plain), ("primary", Plain), ("secondary", Plain)]);
const SETTINGS: Shape = Shape::of(&[("sensitive_attachments", Plain), ("portal_authentication", Object(&PORTAL))]);
/// As they are put: what is shown beside them may be put back.
const SHOWN_SETTINGS: Shape = Shape::of(&[
    ("sensitive_attachments", Plain),
    ("portal_authentication", Object(&PORTAL)),
    ("version", Plain),
    ("warnings", Plain),
    ("reason", Plain),
]);
const SENDER: Shape = Shape::of(&[("name", Plain), ("address", Plain), ("reply_to", Plain), ("bounce_address", Plain)]);
const CONTACT: Shape = Shape::of(&[("email", Plain), ("phone", Plain), ("url", Plain)]);
const BRANDING: Shape = Shape::of(&[("colour", Plain)]);
const TENANT: Shape = Shape::of(&[
    ("id", Plain),
    ("relay", Plain),
    ("object_prefix", Plain),
    ("name", Plain),
    ("sender", Object(&SENDER)),
    ("locale", Plain),
    ("time_zone", Plain),
    ("contact", Object(&CONTACT)),
    ("legal_footer", Plain),
    ("imprint_url", Plain),
    ("privacy_url", Plain),
    ("branding", Object(&BRANDING)),
    ("settings", Object(&SETTINGS)),
]);
const POSTAL: Shape = Shape::of(&[("country", Plain), ("postcode", Plain), ("house_number", Plain)]);
const CUSTOMER: Shape = Shape::of(&[
    ("tenant_id", Plain),
    ("id", Plain),
    ("type", Plain),
    ("name", Plain),
    ("address", Plain),
    ("locale", Plain),
    ("postal", Object(&POSTAL)),
    ("mobile", Plain),
]);

const LOGO: Shape = Shape::of(&[("tenant_id", Plain), ("image", Plain)]);

/// What of a tenant's body is ignored.
#[must_use]
pub fn warnings_of_tenant(body: &[u8]) -> Vec<MemberWarning> {
    unknown_members(&read(body), &TENANT)
}

/// What of a customer's body is ignored.
#[must_use]
pub fn warnings_of_customer(body: &[u8]) -> Vec<MemberWarning> {
    of_customer(&read(body))
}

/// What of a settings' body is ignored.
#[must_use]
pub fn warnings_of_settings(body: &[u8]) -> Vec<MemberWarning> {
    unknown_members(&read(body), &SHOWN_SETTINGS)
}

/// What of a line of an import is ignored.
#[must_use]
pub fn warnings_of_import_line(line: &[u8]) -> Vec<MemberWarning> {
    let line = read(line);
    let inside = |outer: &'static str, warnings: Vec<MemberWarning>| {
        warnings.into_iter().map(move |warning| warning.inside(outer)).collect::<Vec<_>>()
    };
    match (line.get("tenant"), line.get("customer"), line.get("logo")) {
        (Some(tenant), _, _) => inside("tenant", unknown_members(tenant, &TENANT)),
        (None, Some(customer), _) => inside("customer", of_customer(customer)),
        (None, None, Some(logo)) => inside("logo", unknown_members(logo, &LOGO)),
        (None, None, None) => Vec::new(),
    }
}

fn of_customer(customer: &Value) -> Vec<MemberWarning> {
    let mut warnings = unknown_members(customer, &CUSTOMER);
    let unknown = |name: &&str| !name.trim().is_empty() && name.parse::<CustomerType>().is_err();
    if customer.get("type").and_then(Value::as_str).as_ref().is_some_and(unknown) {
        let problem = "is neither private nor business (in small letters), so this customer counts as private";
        warnings.push(MemberWarning::at("type", problem));
    }
    warnings
}

/// What cannot be read is a fault, and none of ours.
fn read(body: &[u8]) -> Value {
    json::parse(json::without_mark(body)).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(line: &str) -> Vec<String> {
        let warnings = warnings_of_import_line(line.as_bytes());
        warnings.into_iter().map(|warning| format!("{}: {}", warning.path, warning.problem)).collect()
    }

    #[test]
    fn a_typo_that_changes_a_policy_is_reported() {
        for (line, told) in [
            (
                r#"{"customer": {"id": "C-1", "type": "Business"}}"#,
                "customer.type: is neither private nor business (in small letters), so this customer counts as private",
            ),
            (
                r#"{"customer": {"id": "C-1", "typ": "business"}}"#,
                "customer.typ: is not known and is ignored; did you mean type?",
            ),
            (
                r#"{"customer": {"id": "C-1", "postal": {"post_code": "1"}}}"#,
                "customer.postal.post_code: is not known and is ignored; did you mean postcode?",
            ),
            (
                r#"{"tenant": {"settings": {"portal_authentication": {"secondry": "sms_otp"}}}}"#,
                "tenant.settings.portal_authentication.secondry: is not known and is ignored; did you mean secondary?",
            ),
            (
                r#"{"tenant": {"settings": {"sensitive_attachment": "exclude"}}}"#,
                "tenant.settings.sensitive_attachment: is not known and is ignored; did you mean sensitive_attachments?",
            ),
        ] {
            assert_eq!(lines(line), [told], "{line}");
        }
        assert!(lines(r#"{"customer": {"id": "C-1", "type": "business", "mobile": null}}"#).is_empty());
        assert!(lines(r#"{"customer": {"id": "C-1", "type": null}}"#).is_empty());
        assert!(lines("no line").is_empty());
    }

    #[test]
    fn what_a_tenant_or_a_customer_can_have_is_known() {
        use crate::model::customer::Customer;
        use crate::model::tenant::Tenant;
        // Everything that is read back from a full body is a name that the shapes know.
        let tenant = r##"{"id":"a","relay":"r","object_prefix":"a/","name":"n","sender":{"name":"n","address":"a@x.example",
            "reply_to":"b@x.example","bounce_address":"c@x.example"},"locale":"de-DE","time_zone":"Europe/Berlin",
            "contact":{"email":"d@x.example","phone":"1","url":"https://x.example"},"legal_footer":"f",
            "imprint_url":"https://x.example","privacy_url":"https://x.example","branding":{"colour":"#000000"},
            "settings":{"sensitive_attachments":"exclude","portal_authentication":{"level":"sensitive",
            "primary":"sms_otp","secondary":"postcode_house_number"}}}"##;
        let read: Tenant = serde_json::from_str(tenant).expect("a tenant");
        let written = serde_json::to_value(&read).expect("JSON");
        assert_eq!(written, serde_json::from_str::<Value>(tenant).expect("JSON"), "every member is there");
        assert_eq!(unknown_members(&written, &TENANT), []);
        let customer = r#"{"tenant_id":"a","id":"C","type":"private","name":"n","address":"a@x.example","locale":"de-DE",
            "postal":{"country":"DE","postcode":"1","house_number":"2"},"mobile":"+4915112345678"}"#;
        let read: Customer = serde_json::from_str(customer).expect("a customer");
        let written = serde_json::to_value(&read).expect("JSON");
        assert_eq!(written, serde_json::from_str::<Value>(customer).expect("JSON"), "every member is there");
        assert_eq!(of_customer(&written), []);
    }
}
