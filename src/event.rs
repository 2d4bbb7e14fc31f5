//! The invoice-sent event: bytes in, an [`InvoiceSent`] out, or one sentence that says what is wrong and where.
//!
//! The wire format is [CloudEvents 1.0] in structured JSON mode. Whatever PostgreSQL would refuse (NUL, texts and
//! numbers without bound) is refused here, at the edge. Unknown fields are ignored, but count as content; a name that
//! stands twice in one object is refused, since two readers could see two different events in it.
//!
//! [CloudEvents 1.0]: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md

mod amounts;
mod batch;
mod binary;
pub mod bounds;
mod canonical;
pub mod catalogue;
mod claims;
mod data;
mod envelope;
pub mod json;
mod json_values;
pub mod language_tag;
mod malformed;
mod members;
mod more_faults;
#[cfg(test)]
mod tests;

pub use amounts::{Balance, InvoiceAmounts};
pub use batch::parse_batch;
pub use binary::from_binary;
pub use canonical::invoice_sha256;
pub use claims::ClaimedIdentity;
pub use data::{DOCUMENTS_MAX, RECIPIENTS_READ_MAX, check_objects};
pub use envelope::{EVENT_TYPE, Received, is_traceparent, parse, reread, traceparent};
pub use malformed::{EventFault, Malformed, MalformedBatch};
pub use members::{Member, MemberWarning, Shape, unknown_members, warnings};

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

pub use crate::model::dropped::Dropped;
use crate::model::invoice_kind::InvoiceKind;
pub use crate::model::recipient_role::RecipientRole;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::model::ids::{CustomerId, EventKey, TenantId};
use crate::model::invoice_ref::InvoiceRef;
use crate::sha256::Sha256;

/// An event that says: this invoice is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceSent {
    /// The publisher's name for this event, unique within `source`.
    pub id: String,
    /// Who published it.
    pub source: String,
    /// When it happened, if given.
    pub time: Option<Timestamp>,
    /// W3C trace context, if given.
    pub traceparent: Option<String>,
    /// What it says besides that cannot be used, and that nothing depends on.
    pub dropped: Vec<Dropped>,
    pub data: InvoiceData,
    /// The digest of the canonical JSON of `data`: equal digests mean the same content.
    pub content_sha256: Sha256,
}

impl InvoiceSent {
    /// The idempotency key.
    #[must_use]
    pub fn key(&self) -> EventKey {
        EventKey::new(&self.source, &self.id)
    }
}

/// What is to be sent, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceData {
    /// Who sends it.
    pub tenant_id: TenantId,
    pub customer_id: CustomerId,
    /// The language and region of the mail (BCP 47, canonical); the customer's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "json_values::language_tag_if_any")]
    pub locale: Option<String>,
    pub invoice: Invoice,
    /// What a reminder says besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminder: Option<Reminder>,
    /// Whom the mail goes to; without a `to` the customer's own address is added.
    #[serde(default, deserialize_with = "json_values::null_is_empty")]
    pub recipients: Vec<Recipient>,
    /// The documents, in the order in which they are attached.
    pub documents: Vec<Document>,
    /// Not to be sent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Not to be sent after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl InvoiceData {
    /// By which names the invoice is known.
    #[must_use]
    pub fn invoice_ref(&self) -> InvoiceRef {
        InvoiceRef {
            tenant: self.tenant_id.clone(),
            customer: self.customer_id.clone(),
            id: self.invoice.id.clone(),
            number: self.invoice.number.clone(),
            kind: self.invoice.kind,
        }
    }
}

/// The invoice that the mail is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// The billing system's identifier.
    pub id: String,
    /// The number that people know it by.
    pub number: String,
    /// Invoice, credit note or reminder.
    pub kind: InvoiceKind,
    /// How often the customer has been reminded, of a reminder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminder_level: Option<u8>,
    #[serde(with = "json_values::date")]
    pub issue_date: jiff::civil::Date,
    /// When it is to be paid.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "json_values::optional_date")]
    pub due_date: Option<jiff::civil::Date>,
    /// ISO 4217.
    pub currency: String,
    /// The whole amount.
    #[serde(with = "json_values::amount")]
    pub total: Decimal,
    /// What is still to be paid.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "json_values::optional_amount")]
    pub amount_due: Option<Decimal>,
    /// What to name when paying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_reference: Option<String>,
    /// What the buyer wants to read on it (for German authorities the Leitweg-ID).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer_reference: Option<String>,
}

impl Invoice {
    /// What the customer is asked to pay; at zero or below, nothing. A credit note asks for nothing, whatever its sign.
    #[must_use]
    pub fn asked(&self) -> Decimal {
        match self.kind {
            InvoiceKind::CreditNote => Decimal::ZERO,
            InvoiceKind::Invoice | InvoiceKind::Reminder => self.amount_due.unwrap_or(self.total),
        }
    }
}

/// What a reminder says besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminder {
    /// The new date until which it is to be paid.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "json_values::optional_date")]
    pub deadline: Option<jiff::civil::Date>,
}

/// One recipient of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// In which header, if any, the address stands.
    pub role: RecipientRole,
    /// The mail address, as the event has it; checked before an envelope is made of it.
    pub address: String,
    /// The display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A document, by reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Unique within the event.
    pub id: String,
    pub role: DocumentRole,
    /// The file name that people see; made safe before it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub media_type: MediaType,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
    /// Its key in the document store, beginning with the tenant's prefix.
    pub object: String,
}

/// A document's description and its bytes, size and digest proven.
#[derive(Debug, Clone)]
pub struct LoadedDocument {
    /// As the event describes it.
    pub document: Document,
    pub bytes: bytes::Bytes,
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum DocumentRole {
    /// The invoice for people.
    InvoicePdf,
    /// The invoice for machines (EN 16931 in UBL or CII). `invoice_ubl` is read as the same.
    InvoiceXml,
    /// Anything else.
    Attachment,
}

/// The media types that a mail may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(const_into_str)]
pub enum MediaType {
    #[strum(serialize = "application/pdf")]
    Pdf,
    #[strum(serialize = "application/xml")]
    Xml,
    /// Comma-separated values.
    #[strum(serialize = "text/csv")]
    Csv,
    /// PNG image.
    #[strum(serialize = "image/png")]
    Png,
    /// JPEG image.
    #[strum(serialize = "image/jpeg")]
    Jpeg,
    /// Office Open XML spreadsheet.
    #[strum(serialize = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")]
    Xlsx,
    /// OpenDocument spreadsheet.
    #[strum(serialize = "application/vnd.oasis.opendocument.spreadsheet")]
    Ods,
    /// Plain text.
    #[strum(serialize = "text/plain")]
    Txt,
    /// ZIP archive.
    #[strum(serialize = "application/zip")]
    Zip,
}

impl MediaType {
    /// The extension of a file of this type, without the dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Xml => "xml",
            Self::Csv => "csv",
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Xlsx => "xlsx",
            Self::Ods => "ods",
            Self::Txt => "txt",
            Self::Zip => "zip",
        }
    }
}

json_values::in_json!(InvoiceKind, RecipientRole);
json_values::in_json!(DocumentRole, "invoice_ubl" => "invoice_xml");

impl Serialize for MediaType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.into_str())
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (essence, _) = text.split_once(';').unwrap_or((&text, ""));
        let essence = essence.trim().to_ascii_lowercase();
        // RFC 7303 §9.2: text/xml is the same.
        let found = if essence == "text/xml" { Some(Self::Xml) } else { essence.parse().ok() };
        found.ok_or_else(|| serde::de::Error::custom("is not a media type that a mail may carry"))
    }
}
