//! Bodies that are read from their bytes, as documents describe them.
//!
//! `event` and `event::catalogue` read these by hand, for faults that name every path; a type that serde reads would say less.
//! What stands here is their form once more; a test holds it against what they take.

use std::borrow::Cow;

use utoipa::openapi::{Object, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::model::ids::{RelayName, TenantId};
use crate::model::settings::{PortalLevel, SensitiveAttachments, VerificationMethod};

/// An event as one JSON object (CloudEvents 1.0.2, JSON format): `event_schema` describes it.
pub(in crate::api) enum InvoiceSentEvent {}

/// The `data` of an event, whose attributes are headers.
pub(in crate::api) enum EventData {}

impl InvoiceSentEvent {
    /// Its name in the document.
    pub(super) const NAME: &str = "InvoiceSentEvent";
}

impl EventData {
    /// Its name in the document.
    pub(super) const NAME: &str = "InvoiceData";
}

impl ToSchema for InvoiceSentEvent {
    fn name() -> Cow<'static, str> {
        Self::NAME.into()
    }
}

impl ToSchema for EventData {
    fn name() -> Cow<'static, str> {
        Self::NAME.into()
    }
}

impl PartialSchema for InvoiceSentEvent {
    fn schema() -> RefOr<Schema> {
        Object::new().into()
    }
}

impl PartialSchema for EventData {
    fn schema() -> RefOr<Schema> {
        Object::new().into()
    }
}

/// What the billing system says of a tenant. An optional text that is blank or null counts as left out.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by event::catalogue")]
pub(in crate::api) struct TenantBody {
    /// The relay that sends its email; `default` if left out.
    relay: Option<RelayName>,
    /// The beginning of its keys in the document store; `{id}/` if left out.
    #[schema(max_length = 513, pattern = r"(^\s*|[^/]/)$", examples("acme/"))]
    object_prefix: Option<String>,
    /// The name as people know it.
    #[schema(min_length = 1, max_length = 255, pattern = r"\S")]
    name: String,
    sender: SenderBody,
    /// The language and region of emails to customers without one (BCP 47).
    #[schema(min_length = 2, max_length = 35, examples("de-DE"))]
    locale: String,
    /// The time zone in which dates are written (IANA); UTC if left out.
    #[schema(max_length = 64, examples("Europe/Berlin"))]
    time_zone: Option<String>,
    /// Where a customer can ask.
    contact: Option<ContactBody>,
    /// The legal line under every email.
    #[schema(max_length = 2000)]
    legal_footer: Option<String>,
    /// The imprint.
    #[schema(
        max_length = 2048,
        pattern = r"^(\s*|[Hh][Tt][Tt][Pp][Ss]://.+)$",
        examples("https://acme.example/impressum")
    )]
    imprint_url: Option<String>,
    /// The privacy notice.
    #[schema(
        max_length = 2048,
        pattern = r"^(\s*|[Hh][Tt][Tt][Pp][Ss]://.+)$",
        examples("https://acme.example/datenschutz")
    )]
    privacy_url: Option<String>,
    branding: Option<BrandingBody>,
    settings: SettingsBody,
}

/// Whom emails come from.
#[derive(ToSchema)]
#[schema(as = Sender)]
#[expect(dead_code, reason = "read by event::catalogue")]
struct SenderBody {
    /// The display name of `From`.
    #[schema(min_length = 1, max_length = 255, pattern = r"\S")]
    name: String,
    #[schema(min_length = 3, max_length = 320, examples("rechnung@acme.example"))]
    address: String,
    /// Where answers go, if not to `address`.
    #[schema(max_length = 320)]
    reply_to: Option<String>,
    /// The envelope sender, where bounces go, if not `address`.
    #[schema(max_length = 320)]
    bounce_address: Option<String>,
}

/// Where a customer can ask.
#[derive(ToSchema)]
#[schema(as = Contact)]
#[expect(dead_code, reason = "read by event::catalogue")]
struct ContactBody {
    #[schema(max_length = 320)]
    email: Option<String>,
    /// As people write it.
    #[schema(max_length = 50)]
    phone: Option<String>,
    #[schema(max_length = 2048, pattern = r"^(\s*|[Hh][Tt][Tt][Pp][Ss]://.+)$")]
    url: Option<String>,
}

/// Looks.
#[derive(ToSchema)]
#[schema(as = Branding)]
#[expect(dead_code, reason = "read by event::catalogue")]
struct BrandingBody {
    /// The main colour.
    #[schema(pattern = r"^(\s*|#[0-9A-Fa-f]{6})$", examples("#0a6b4f"))]
    colour: Option<String>,
}

/// A tenant as it is shown.
#[derive(ToSchema)]
#[schema(as = Tenant)]
#[expect(dead_code, reason = "written by model::tenant::Tenant")]
pub(in crate::api) struct ShownTenant {
    id: TenantId,
    #[serde(flatten)]
    known: TenantBody,
}

/// Whether documents travel by email, and what the portal asks of customers.
///
/// Every level but `inaccessible` and `not_required` needs a `primary`; `secondary` is another, and never stands alone.
#[derive(ToSchema)]
#[schema(as = Settings)]
#[expect(dead_code, reason = "read by event::catalogue")]
pub(in crate::api) struct SettingsBody {
    sensitive_attachments: SensitiveAttachments,
    portal_authentication: PortalAuthenticationBody,
}

/// A change of settings.
#[derive(ToSchema)]
#[schema(as = SettingsChange)]
#[expect(dead_code, reason = "read by event::catalogue")]
pub(in crate::api) struct SettingsChangeBody {
    #[serde(flatten)]
    settings: SettingsBody,
    /// Why, for the history.
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// What the portal asks before it shows documents, and how.
#[derive(ToSchema)]
#[schema(as = PortalAuthentication)]
#[expect(dead_code, reason = "read by event::catalogue")]
struct PortalAuthenticationBody {
    level: PortalLevel,
    /// The method tried first.
    primary: Option<VerificationMethod>,
    /// The method used when the first is not available to a customer.
    secondary: Option<VerificationMethod>,
}

/// What the billing system says of a customer. An optional text that is blank or null counts as left out.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by event::catalogue")]
pub(in crate::api) struct CustomerBody {
    /// `private` or `business`; anything else counts as unknown, and unknown as private.
    r#type: Option<String>,
    /// The name as people know it.
    #[schema(min_length = 1, max_length = 255, pattern = r"\S")]
    name: String,
    /// The email address for events that bring none.
    #[schema(min_length = 3, max_length = 320, examples("ap@customer.example"))]
    address: String,
    /// The language and region of emails (BCP 47); the tenant's if left out.
    #[schema(max_length = 35, examples("de-DE"))]
    locale: Option<String>,
    postal: Option<PostalBody>,
    /// The mobile number for one-time passwords (E.164).
    #[schema(pattern = r"^(\s*|\+[1-9][0-9]{6,14})$", examples("+4915112345678"))]
    mobile: Option<String>,
}

/// The part of a postal address that customers are verified by.
#[derive(ToSchema)]
#[schema(as = Postal)]
#[expect(dead_code, reason = "read by event::catalogue")]
struct PostalBody {
    /// ISO 3166-1 alpha-2.
    #[schema(pattern = r"^(\s*|[A-Z]{2})$", examples("DE"))]
    country: Option<String>,
    #[schema(max_length = 16)]
    postcode: Option<String>,
    /// With its letter.
    #[schema(max_length = 16, examples("12a"))]
    house_number: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Map, Value, json};

    use crate::event::MemberWarning;
    use crate::event::catalogue::{parse_tenant, warnings_of_customer, warnings_of_settings, warnings_of_tenant};

    fn document() -> Value {
        serde_json::from_str(&crate::api::document_json()).expect("JSON")
    }

    /// The members of a schema, behind references, alternatives to null and parts.
    fn members<'d>(schema: &'d Value, document: &'d Value) -> BTreeMap<&'d str, &'d Value> {
        if let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.strip_prefix('#').expect("of this document");
            return members(document.pointer(pointer).expect("it is there"), document);
        }
        let parts = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|name| schema[name].as_array()).flatten();
        let own = schema["properties"].as_object().into_iter().flatten();
        own.map(|(name, member)| (name.as_str(), member))
            .chain(parts.flat_map(|part| members(part, document)))
            .collect()
    }

    /// An object that has every member of the schema.
    fn with_every_member(schema: &Value, document: &Value) -> Value {
        let members = members(schema, document);
        if members.is_empty() {
            return json!("x");
        }
        let member = |(name, schema): (&str, &Value)| (name.to_owned(), with_every_member(schema, document));
        Value::Object(members.into_iter().map(member).collect::<Map<_, _>>())
    }

    #[test]
    fn every_member_that_is_described_is_read() {
        type Warnings = fn(&[u8]) -> Vec<MemberWarning>;
        let document = document();
        let bodies: [(&str, Warnings); 3] = [
            ("TenantBody", warnings_of_tenant),
            ("CustomerBody", warnings_of_customer),
            ("Settings", warnings_of_settings),
        ];
        for (name, warnings) in bodies {
            let schema = &document["components"]["schemas"][name];
            let body = with_every_member(schema, &document);
            assert!(body.is_object(), "{name} has members");
            let ignored: Vec<_> = warnings(body.to_string().as_bytes())
                .into_iter()
                .filter(|one| one.problem.contains("ignored"))
                .collect();
            assert!(ignored.is_empty(), "{name}: {ignored:?}");
        }
    }

    /// The paths of all members, as `sender.name`.
    fn paths(value: &Value, outer: &str, found: &mut Vec<String>) {
        for (name, member) in value.as_object().into_iter().flatten() {
            let path = format!("{outer}{name}");
            paths(member, &format!("{path}."), found);
            found.push(path);
        }
    }

    #[test]
    fn every_member_that_a_tenant_is_shown_with_is_described() {
        let whole = json!({
            "id": "acme", "name": "Acme GmbH", "relay": "default", "object_prefix": "acme/", "locale": "de-DE",
            "sender": {"name": "Acme", "address": "rechnung@acme.example", "reply_to": "a@acme.example",
                       "bounce_address": "b@acme.example"},
            "time_zone": "Europe/Berlin", "legal_footer": "HRB 1",
            "contact": {"email": "c@acme.example", "phone": "+49 351 1", "url": "https://acme.example"},
            "imprint_url": "https://acme.example/i", "privacy_url": "https://acme.example/p",
            "branding": {"colour": "#0a6b4f"},
            "settings": {"sensitive_attachments": "exclude", "portal_authentication":
                         {"level": "sensitive", "primary": "sms_otp", "secondary": "postcode_house_number"}},
        });
        let tenant = parse_tenant(whole.to_string().as_bytes(), None).expect("it is read");
        let shown = serde_json::to_value(&tenant).expect("texts");
        let document = document();
        let described = with_every_member(&document["components"]["schemas"]["Tenant"], &document);
        let (mut shown_paths, mut described_paths) = (Vec::new(), Vec::new());
        paths(&shown, "", &mut shown_paths);
        paths(&described, "", &mut described_paths);
        assert!(shown_paths.len() > 20, "{shown_paths:?}");
        shown_paths.sort_unstable();
        described_paths.sort_unstable();
        assert_eq!(described_paths, shown_paths);
    }
}
