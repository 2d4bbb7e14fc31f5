//! Bodies that are read from their bytes, as documents describe them.
//!
//! `event` and `event::catalogue` read these by hand, for faults that name every path; a type that serde reads would say less.
//! What stands here is their form once more; a test holds it against what they take.

use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::schemas::{formatted, identifier, text};
use crate::event::EVENT_TYPE;
use crate::event::bounds::KEY_MAX;
use crate::model::ids::{RelayName, TenantId};
use crate::model::settings::{PortalLevel, SensitiveAttachments, VerificationMethod};

/// An event as one JSON object (CloudEvents 1.0.2, JSON format).
pub(in crate::api) enum InvoiceSentEvent {}

/// The `data` of an event, whose attributes are headers.
pub(in crate::api) enum InvoiceData {}

impl ToSchema for InvoiceSentEvent {}

impl PartialSchema for InvoiceSentEvent {
    fn schema() -> RefOr<Schema> {
        let data =
            ObjectBuilder::new().description(Some("The invoice: docs/events.md, docs/schemas/invoice-sent.v1.json."));
        ObjectBuilder::new()
            .description(Some("An invoice that is to be sent (CloudEvents 1.0.2). Other members are kept and ignored."))
            .property("specversion", text().enum_values(Some(["1.0"])))
            .property("id", identifier(KEY_MAX).description(Some("Unique within `source`.")))
            .property("source", identifier(KEY_MAX).description(Some("Who published it.")))
            .property("type", text().enum_values(Some([EVENT_TYPE])))
            .property("time", text().format(formatted("date-time")).description(Some("When it happened.")))
            .property("datacontenttype", text().examples(["application/json"]))
            .property("traceparent", text().description(Some("W3C Trace Context.")))
            .property("data", data)
            .required("specversion")
            .required("id")
            .required("source")
            .required("type")
            .required("data")
            .into()
    }
}

impl ToSchema for InvoiceData {}

impl PartialSchema for InvoiceData {
    fn schema() -> RefOr<Schema> {
        Ref::new("#/components/schemas/InvoiceSentEvent/properties/data").into()
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
