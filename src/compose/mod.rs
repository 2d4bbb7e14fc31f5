//! Snapshot and plan → the message: envelope and RFC 5322 bytes.
//!
//! Pure: the same [`Snapshot`], [`Plan`], documents and templates give the same bytes, in any process, at any time.

pub mod address;
pub mod clean;
pub mod date;
pub mod locale;
pub mod money;

use crate::clock::Timestamp;
use crate::decision::Plan;
use crate::event::{Document, InvoiceData, MediaType, RecipientRole};
use crate::ids::{DeliveryId, Sha256};
use crate::relay::Envelope;
use crate::tenant::TenantProfile;

/// Everything about a delivery that its message is made of. Taken when the delivery is made, and anew by a redrive.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The delivery whose message this is; `X-Delivery-Id` and the local part of the Message-ID are the root's.
    pub root: DeliveryId,
    /// The tenant, for the choice of its own templates.
    pub data: InvoiceData,
    /// The tenant's profile in the version that held then.
    pub tenant: TenantProfile,
    /// The customer's name then.
    pub customer_name: String,
    /// BCP 47: the event's locale, else the customer's, else the tenant's.
    pub locale: String,
    /// Whom this message goes to. To and Cc stand in the headers; a Bcc delivery's envelope holds only its Bcc.
    pub recipients: Vec<MailRecipient>,
    /// The headers' To and Cc: for a Bcc delivery those of the root, else the same as `recipients`.
    pub shown: Vec<MailRecipient>,
    /// The moment of the `Date` header.
    pub taken_at: Timestamp,
    /// Where the portal shows the invoice; none for a Bcc delivery, which never carries a token.
    pub portal_link: Option<String>,
}

/// One recipient whose address has been checked: ASCII domain, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MailRecipient {
    /// To, Cc or Bcc.
    pub role: RecipientRole,
    /// The address, as it stands in envelope and header.
    pub address: String,
    /// The display name, cleaned when it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A document's description and its bytes, size and digest proven.
#[derive(Debug, Clone)]
pub struct LoadedDocument {
    /// As the event describes it.
    pub document: Document,
    /// Its bytes.
    pub bytes: bytes::Bytes,
}

/// A composed message.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Whom SMTP hands it to.
    pub envelope: Envelope,
    /// The Message-ID, without angle brackets.
    pub message_id: String,
    /// The message: CRLF line ends, not dot-stuffed.
    pub bytes: Vec<u8>,
    /// Its digest.
    pub sha256: Sha256,
    /// What is attached, in order.
    pub attachments: Vec<Attachment>,
}

/// An attachment as it stands in the message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Attachment {
    /// The file name in the message.
    pub name: String,
    /// Its type.
    pub media_type: MediaType,
    /// Its size in bytes, decoded.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
}

/// Why no message can be made of a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// An address cannot be used.
    #[error("the {role} address {address} cannot be used: {problem}")]
    InvalidAddress {
        /// Whose address.
        role: &'static str,
        /// The address, cleaned for display.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A template fails.
    #[error("the template {template} fails: {problem}")]
    Template {
        /// Its path below `templates/`.
        template: String,
        /// What the engine says.
        problem: String,
    },
}

/// The message of a delivery.
///
/// # Errors
/// [`ComposeError`] if an address or a template cannot be used; no partial message is made.
pub fn compose(
    _templates: &(),
    _snapshot: &Snapshot,
    _plan: Plan,
    _documents: &[LoadedDocument],
) -> Result<Mail, ComposeError> {
    todo!("being built")
}
