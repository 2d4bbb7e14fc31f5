//! How identifiers, times and words of the model look in JSON.
//!
//! The model does not know the API's document, so its types are described here; bodies derive `ToSchema` and name them.

use strum::VariantArray;
use utoipa::openapi::schema::SchemaFormat;
use utoipa::openapi::{Components, ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::clock::Timestamp;
use crate::compose::Attachment;
use crate::event::bounds::KEY_MAX;
use crate::event::{MediaType, MemberWarning, RecipientRole};
use crate::model::access::Role;
use crate::model::audit::AuditAction;
use crate::model::customer::CustomerType;
use crate::model::ids::{CustomerId, DeadLetterId, DeliveryId, OperatorId, RelayName, TenantId, TokenId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::portal_event::PortalEventKind;
use crate::model::reason::ReasonCode;
use crate::model::settings::{PortalLevel, SensitiveAttachments, VerificationMethod};
use crate::model::state::{Concluded, DeadLetterState, Decision, DeliveryRole, DeliveryState, EventState};
use crate::model::work::WorkKind;
use crate::operator::invoice::InvoiceStanding;
use crate::operator::resend::LinkCause;
use crate::policy::consequences::{PolicyWarning, PolicyWarningCode};
use crate::policy::decision::{PortalAccess, Reason};
use crate::policy::permission::Permission;
use crate::sha256::Sha256;
use crate::store::{FoundBy, LinkState};

/// What `clean::is_dropped` drops, in the brackets of a regular expression.
macro_rules! hidden {
    () => {
        concat!(
            r"\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e",
            r"\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff",
            // As they are: many readers of patterns know no \u{…}.
            "\u{e0000}-\u{e0fff}"
        )
    };
}

/// What `event::bounds::identifier` takes: no control or invisible character, no white space at either end.
const IDENTIFIER: &str = concat!(r"^[^\s", hidden!(), r"]([^", hidden!(), r"]*[^\s", hidden!(), r"])?$");

/// An identifier of another system, of at most `chars_max` characters.
pub(in crate::api) fn identifier(chars_max: usize) -> ObjectBuilder {
    text().min_length(Some(1)).max_length(Some(chars_max)).pattern(Some(IDENTIFIER))
}

/// A text.
pub(in crate::api) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A format by its name.
pub(in crate::api) fn formatted(name: &str) -> SchemaFormat {
    SchemaFormat::Custom(name.to_owned())
}

/// One of these texts.
fn one_of(texts: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    text().enum_values(Some(texts)).into()
}

/// An object with all of these.
fn object<const N: usize>(properties: [(&str, RefOr<Schema>); N]) -> ObjectBuilder {
    properties
        .into_iter()
        .fold(ObjectBuilder::new(), |object, (name, schema)| object.property(name, schema).required(name))
}

/// Enums that are texts in JSON.
macro_rules! words {
    ($($name:ident),+ $(,)?) => {$(
        impl ToSchema for $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                one_of($name::VARIANTS.iter().map(|word| word.into_str()))
            }
        }
    )+};
}

/// Schemas of other types, and the function that adds them to what parameters refer to.
macro_rules! schemas {
    ($($name:ident => $schema:expr),+ $(,)?) => {
        $(
            impl ToSchema for $name {}

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    $schema.into()
                }
            }
        )+

        /// Adds identifiers and times: a parameter that names one does not bring it along, as a body does.
        pub(super) fn add_to(mut components: Components) -> Components {
            $(components.schemas.insert($name::name().into_owned(), $name::schema());)+
            components
        }
    };
}

words!(
    AuditAction,
    Concluded,
    CustomerType,
    DeadLetterState,
    Decision,
    DeliveryRole,
    EventState,
    FoundBy,
    InvoiceKind,
    LinkCause,
    LinkState,
    MediaType,
    Permission,
    PolicyWarningCode,
    PortalAccess,
    PortalEventKind,
    PortalLevel,
    ReasonCode,
    RecipientRole,
    Role,
    SensitiveAttachments,
    VerificationMethod,
    WorkKind,
);

schemas! {
    TenantId => identifier(KEY_MAX).description(Some("A tenant of the billing system.")),
    CustomerId => identifier(KEY_MAX).description(Some("A customer of one tenant.")),
    RelayName => text().min_length(Some(1)).max_length(Some(64)).pattern(Some("^[A-Za-z0-9._-]+$")),
    DeliveryId => text().format(Some(formatted("uuid"))).description(Some("One email to one envelope.")),
    DeadLetterId => text().format(Some(formatted("uuid"))).description(Some("One entry of the dead-letter list.")),
    Timestamp => text().format(Some(formatted("date-time"))).description(Some("RFC 3339.")),
    Attachment => object([
        ("name", text().into()),
        ("media_type", MediaType::schema()),
        ("size", ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).description(Some("In bytes.")).into()),
        ("sha256", Sha256::schema()),
    ]),
    PolicyWarning => object([
        ("code", PolicyWarningCode::schema()),
        ("detail", text().description(Some("The sentence for people.")).into()),
        (
            "customers",
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(0))
                .description(Some("How many of the tenant's customers it is about today."))
                .into(),
        ),
    ])
    .property("method", VerificationMethod::schema()),
    MemberWarning => object([
        ("path", text().description(Some("Where it stands.")).into()),
        ("problem", text().description(Some("What that means.")).into()),
    ]),
    DeliveryState => one_of(["due", "sending"].into_iter().chain(Concluded::VARIANTS.iter().map(Concluded::into_str))),
    InvoiceStanding => one_of(["waiting", "dead_letter", "due", "sending"].into_iter().chain(Concluded::VARIANTS.iter().map(Concluded::into_str))),
    OperatorId => text().format(Some(formatted("uuid"))).description(Some("A person who signs in.")),
    TokenId => text().format(Some(formatted("uuid"))).description(Some("A token of the API.")),
    DecisionReason => one_of(Reason::VARIANTS.iter().map(Reason::into_str)),
    PrincipalWord => one_of(["operator", "token", "bootstrap_token", "this_machine", "command_line"]),
    Sha256 => text().pattern(Some("^[0-9a-f]{64}$")),
}

/// Why documents are attached or not: a `Reason` of the decision, under a name that says so.
pub(in crate::api) enum DecisionReason {}

/// How somebody is known: the words of `PrincipalKind`.
pub(in crate::api) enum PrincipalWord {}
