//! How identifiers, times and words of the model look in JSON.
//!
//! The model does not know the API's document, so its types are described here; bodies derive `ToSchema` and name them.

use strum::VariantArray;
use utoipa::openapi::schema::SchemaFormat;
use utoipa::openapi::{Components, ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::clock::Timestamp;
use crate::event::bounds::KEY_MAX;
use crate::model::ids::{CustomerId, DeadLetterId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::store::LinkState;

/// What `event::bounds::identifier` takes, as a regular expression: no control or invisible character, no white space at
/// either end. (A character beyond U+FFFF is left to the server: many readers of patterns know no `\u{…}`.)
const IDENTIFIER: &str = concat!(
    r"^[^\s\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff]",
    r"([^\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff]*",
    r"[^\s\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff])?$",
);

/// An identifier of another system, of at most `chars_max` characters.
pub(in crate::api) fn identifier(chars_max: usize) -> ObjectBuilder {
    text().min_length(Some(1)).max_length(Some(chars_max)).pattern(Some(IDENTIFIER))
}

/// A text.
pub(in crate::api) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A format by its name.
pub(in crate::api) fn formatted(name: &str) -> Option<SchemaFormat> {
    Some(SchemaFormat::Custom(name.to_owned()))
}

/// One of these texts.
fn one_of(texts: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    text().enum_values(Some(texts)).into()
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

words!(InvoiceKind, LinkState);

schemas! {
    TenantId => identifier(KEY_MAX).description(Some("A tenant of the billing system.")),
    CustomerId => identifier(KEY_MAX).description(Some("A customer of one tenant.")),
    DeliveryId => text().format(formatted("uuid")).description(Some("One email to one envelope.")),
    DeadLetterId => text().format(formatted("uuid")).description(Some("One entry of the dead-letter list.")),
    Timestamp => text().format(formatted("date-time")).description(Some("RFC 3339.")),
}
