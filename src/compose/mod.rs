//! Snapshot and plan → the message: envelope and RFC 5322 bytes.
//!
//! Pure: the same [`Snapshot`], [`Plan`], documents and templates give the same bytes, in any process, at any time.
//! That is so because the moment of the `Date` header is part of the snapshot: a caller who composes again what was
//! sent gives the Date that was stored with it.

mod colour;
pub mod date;
pub mod file_names;
mod invalid_templates;
pub mod locale;
mod message;
pub mod money;
pub mod sample;
mod sources;
mod spare_utf8;
mod templates;
mod tenant_values;
mod tenant_view;
mod test_message;
mod view;
mod words;

pub use colour::PageColours;
pub use invalid_templates::InvalidTemplates;
pub use message::encoded_bytes;
pub use templates::{RenderedTexts, Templates};
pub use tenant_view::TenantView;
pub use test_message::compose_test;
pub use view::is_checked_reference;

use crate::event::LoadedDocument;
use std::sync::Arc;

use self::file_names::document_names;
use self::message::{HeaderMailbox, MessageParts};
use self::view::TemplateView;
use crate::clean;
use crate::clock::Timestamp;
use crate::event::{Document, InvoiceData, MediaType, Recipient, RecipientRole};
use crate::model::ids::DeliveryId;
use crate::model::mail_address::{InvalidAddress, MailAddress};
use crate::model::settings::VerificationMethod;
use crate::model::tenant::TenantProfile;
use crate::policy::decision::Plan;
use crate::relay::{Envelope, EnvelopeRecipient};
use crate::sha256::Sha256;
use crate::telemetry::Masked;

/// Everything about a delivery that its message is made of. Taken when the delivery is made, and anew by a redrive.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The delivery whose message this is; `X-Delivery-Id` and the local part of the Message-ID are the root's.
    pub root: DeliveryId,
    /// The tenant, for the choice of its own templates.
    pub data: InvoiceData,
    /// The tenant's profile in the version that held then.
    pub tenant: Arc<TenantProfile>,
    /// The customer's name then.
    pub customer_name: String,
    /// BCP 47: the event's locale, else the customer's, else the tenant's.
    pub locale: String,
    /// Whom this message goes to. To and Cc stand in the headers; a Bcc delivery's envelope holds only its Bcc.
    pub recipients: Vec<Recipient>,
    /// The headers' To and Cc: those of the main delivery, whose `recipients` are the same.
    pub shown: Vec<Recipient>,
    /// The `Date` header: the moment at which the message is composed, or of a repetition, was first composed. What is
    /// overdue is judged by it too.
    pub date: Timestamp,
    /// Where the portal shows the invoice; none for a Bcc delivery, which never carries a token.
    pub portal_link: Option<String>,
    /// What the portal asks for, as it was decided for this mail; none where nobody is verified.
    pub portal_method: Option<VerificationMethod>,
}

/// A composed message.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Whom SMTP hands it to.
    pub envelope: Envelope,
    /// The address of its From header.
    pub from: String,
    /// The Message-ID, without angle brackets.
    pub message_id: String,
    /// The moment of its `Date` header.
    pub date: Timestamp,
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
        /// The address, masked.
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
/// With [`Plan::Attach`] it carries every document and no portal link; with [`Plan::Link`] no document.
///
/// # Errors
/// [`ComposeError`] if an address or a template cannot be used; no partial message is made.
pub fn compose(
    templates: &Templates,
    snapshot: &Snapshot,
    plan: Plan,
    documents: &[LoadedDocument],
) -> Result<Mail, ComposeError> {
    compose_into(Vec::new(), templates, snapshot, plan, documents)
}

/// As [`compose`], into the memory of `buffer`.
///
/// # Errors
/// As [`compose`].
pub fn compose_into(
    buffer: Vec<u8>,
    templates: &Templates,
    snapshot: &Snapshot,
    plan: Plan,
    documents: &[LoadedDocument],
) -> Result<Mail, ComposeError> {
    let documents = if plan == Plan::Attach { documents } else { &[] };
    let attachments = attachments(&snapshot.data, documents.iter().map(|loaded| &loaded.document));
    let written = write_texts(templates, snapshot, plan, &attachments)?;
    put_together(buffer, snapshot, Contents { written, attachments, documents, is_test: false })
}

/// What the message of a delivery says, without the message: for a preview.
///
/// # Errors
/// [`ComposeError`] if a template fails.
pub fn preview_texts(templates: &Templates, snapshot: &Snapshot, plan: Plan) -> Result<RenderedTexts, ComposeError> {
    let attachments = if plan == Plan::Attach { all_attached(&snapshot.data) } else { Vec::new() };
    write_texts(templates, snapshot, plan, &attachments).map(|written| written.texts)
}

/// What templates write, and in which language (BCP 47).
struct WrittenTexts {
    texts: RenderedTexts,
    language: String,
}

fn write_texts(
    templates: &Templates,
    snapshot: &Snapshot,
    plan: Plan,
    attachments: &[Attachment],
) -> Result<WrittenTexts, ComposeError> {
    let (folder, customs) = templates.resolve(&snapshot.data.tenant_id, &snapshot.locale);
    let view = TemplateView::new(snapshot, plan, attachments, &customs);
    let mut texts = templates.write(&snapshot.data.tenant_id, &folder, snapshot.data.invoice.kind, &view)?;
    texts.subject = clean::line(&texts.subject, SUBJECT_CHARS_MAX);
    Ok(WrittenTexts { texts, language: customs.locale.tag() })
}

/// What a message holds.
struct Contents<'d> {
    written: WrittenTexts,
    attachments: Vec<Attachment>,
    /// Those that are attached.
    documents: &'d [LoadedDocument],
    is_test: bool,
}

fn put_together(buffer: Vec<u8>, snapshot: &Snapshot, contents: Contents<'_>) -> Result<Mail, ComposeError> {
    let Contents { written: WrittenTexts { texts, language }, attachments, documents, is_test } = contents;
    let tenant = &snapshot.tenant;
    let sender = address("sender", &tenant.sender.address)?;
    let message_id = id_at(snapshot.root, &sender);
    let envelope = envelope(snapshot)?;
    let parts = MessageParts {
        root: snapshot.root,
        message_id: &message_id,
        date: snapshot.date,
        from: HeaderMailbox { name: display_name(&tenant.sender.name), address: sender },
        reply_to: tenant.sender.reply_to.as_deref().map(|text| address("reply-to", text)).transpose()?,
        to: mailboxes(snapshot, RecipientRole::To)?,
        cc: mailboxes(snapshot, RecipientRole::Cc)?,
        language: &language,
        texts,
        is_test,
        attachments: &attachments,
        documents,
    };
    let from = parts.from.address.as_str().to_owned();
    let bytes = message::write(parts, buffer);
    Ok(Mail { envelope, from, message_id, date: snapshot.date, sha256: Sha256::of(&bytes), bytes, attachments })
}

/// The longest subject, in characters: the longest number and name fit, a tenant's own template may say more.
const SUBJECT_CHARS_MAX: usize = 600;

/// Who sends, and to whom: bounces go to the tenant's bounce address, if it has one.
fn envelope(snapshot: &Snapshot) -> Result<Envelope, ComposeError> {
    // A rest has its accepted To behind it, and a Bcc is alone in its envelope: there every recipient counts.
    let is_main = snapshot.recipients == snapshot.shown;
    let recipient = |recipient: &Recipient| {
        let address = address(recipient.role.into_str(), &recipient.address)?.to_lettre();
        // Without an accepted To there is no DATA.
        Ok(EnvelopeRecipient { address, essential: !is_main || recipient.role != RecipientRole::Cc })
    };
    let recipients = snapshot.recipients.iter().map(recipient).collect::<Result<_, _>>()?;
    Ok(Envelope { sender: envelope_sender(&snapshot.tenant)?, recipients })
}

/// The envelope sender of a tenant's mails: where bounces go, if that is set, else the address of `From`.
///
/// # Errors
/// If it is no usable mail address.
pub fn envelope_sender(tenant: &TenantProfile) -> Result<lettre::Address, ComposeError> {
    let sender = &tenant.sender;
    let (role, text) = match sender.bounce_address.as_deref() {
        Some(bounces) => ("bounce", bounces),
        None => ("sender", sender.address.as_str()),
    };
    Ok(address(role, text)?.to_lettre())
}

/// The header's mailboxes of one role. Never a Bcc: that header does not exist.
fn mailboxes(snapshot: &Snapshot, role: RecipientRole) -> Result<Vec<HeaderMailbox>, ComposeError> {
    let mailbox = |recipient: &Recipient| {
        let name = recipient.name.as_deref().and_then(display_name);
        Ok(HeaderMailbox { name, address: address(role.into_str(), &recipient.address)? })
    };
    snapshot.shown.iter().filter(|recipient| recipient.role == role).map(mailbox).collect()
}

fn display_name(text: &str) -> Option<String> {
    Some(clean::name(text)).filter(|name| !name.is_empty())
}

fn address(role: &'static str, text: &str) -> Result<MailAddress, ComposeError> {
    MailAddress::parse(text).map_err(|problem: InvalidAddress| ComposeError::InvalidAddress {
        role,
        address: Masked(text).to_string(),
        problem: problem.to_string(),
    })
}

/// The Message-ID of a delivery's message, without angle brackets.
///
/// # Errors
/// If the tenant's sender is no usable mail address.
pub fn message_id(root: DeliveryId, tenant: &TenantProfile) -> Result<String, ComposeError> {
    Ok(id_at(root, &address("sender", &tenant.sender.address)?))
}

fn id_at(root: DeliveryId, sender: &MailAddress) -> String {
    format!("{root}@{}", sender.domain())
}

/// How all of an event's documents stand in a message with [`Plan::Attach`], in the event's order.
#[must_use]
pub fn all_attached(data: &InvoiceData) -> Vec<Attachment> {
    attachments(data, data.documents.iter())
}

/// How the documents stand in the message, in the event's order.
fn attachments<'d>(data: &InvoiceData, documents: impl Iterator<Item = &'d Document> + Clone) -> Vec<Attachment> {
    let names = document_names(&data.invoice.number, documents.clone());
    let shown = |(document, name): (&Document, String)| Attachment {
        name,
        media_type: document.media_type,
        size: document.size,
        sha256: document.sha256,
    };
    documents.zip(names).map(shown).collect()
}
