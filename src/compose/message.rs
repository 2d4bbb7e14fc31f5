//! The RFC 5322 message and its MIME tree.
//!
//! ```text
//! attach:  multipart/mixed( multipart/alternative( text/plain, text/html ), application/pdf, … in event order )
//! link:    multipart/alternative( text/plain, text/html )
//! ```
//!
//! Everything in it is given: Message-ID, date and boundaries too, so the same input makes the same bytes.

use encodify::qp;
use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};

use super::Attachment;
use super::templates::RenderedTexts;
use crate::clock::Timestamp;
use crate::event::{Document, LoadedDocument};
use crate::model::ids::DeliveryId;
use crate::model::mail_address::MailAddress;

/// Encoded bytes for headers, bodies (at most [`super::templates::ENCODED_WORDS_BYTES_MAX`]) and boundaries.
const TEXTS_BYTES: u64 = 128 * 1024;
/// What those have in most mails: memory that is kept ready, beside the documents.
const USUAL_TEXTS_BYTES: u64 = 16 * 1024;
/// Buffers have a size of so many bytes or a multiple, so that most fit the next message without being moved.
const BUFFER_STEP_BYTES: u64 = 32 * 1024;
/// Encoded bytes for one attachment's headers and boundary.
const PART_HEADERS_BYTES: u64 = 512;

/// A header's mailbox.
pub(super) struct HeaderMailbox {
    /// The display name, cleaned; none if empty.
    pub(super) name: Option<String>,
    pub(super) address: MailAddress,
}

/// What a message is made of; every text is checked or cleaned.
pub(super) struct MessageParts<'a> {
    pub(super) root: DeliveryId,
    pub(super) message_id: &'a str,
    pub(super) date: Timestamp,
    pub(super) from: HeaderMailbox,
    pub(super) reply_to: Option<MailAddress>,
    pub(super) to: Vec<HeaderMailbox>,
    pub(super) cc: Vec<HeaderMailbox>,
    /// BCP 47.
    pub(super) language: &'a str,
    pub(super) texts: RenderedTexts,
    /// It shows somebody what customers would get: no delivery stands behind it.
    pub(super) is_test: bool,
    pub(super) attachments: &'a [Attachment],
    pub(super) documents: &'a [LoadedDocument],
}

/// An upper bound of the size of the message that carries these documents, in bytes as encoded, from their declared
/// sizes: for deciding before anything is read.
#[must_use]
pub fn encoded_bytes(documents: &[Document]) -> u64 {
    let part = |document: &Document| base64_bytes(document.size).saturating_add(PART_HEADERS_BYTES);
    documents.iter().map(part).fold(TEXTS_BYTES, u64::saturating_add)
}

/// Base64 with a CRLF after every 76 characters ([RFC 2045 §6.8](https://www.rfc-editor.org/rfc/rfc2045#section-6.8)).
const fn base64_bytes(size: u64) -> u64 {
    let encoded = size.div_ceil(3).saturating_mul(4);
    encoded.saturating_add(encoded.div_ceil(76).saturating_mul(2))
}

/// Writes the message into the memory of `bytes`: CRLF line ends, not dot-stuffed.
pub(super) fn write(parts: MessageParts<'_>, mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.clear();
    let alternative = multipart(
        "multipart/alternative",
        boundary(parts.root, "alternative"),
        vec![text_part("text/plain", &parts.texts.text), text_part("text/html", &parts.texts.html)],
    );
    let body = if parts.documents.is_empty() {
        alternative
    } else {
        let attached =
            parts.documents.iter().zip(parts.attachments).map(|(document, shown)| attachment(document, shown));
        let children = std::iter::once(alternative).chain(attached).collect();
        multipart("multipart/mixed", boundary(parts.root, "mixed"), children)
    };

    let mut message = MessageBuilder::new()
        .header("Date", Date::new(parts.date.0.div_euclid(1_000)))
        .header("From", addresses(vec![parts.from]))
        .header("To", addresses(parts.to));
    if !parts.cc.is_empty() {
        message = message.header("Cc", addresses(parts.cc));
    }
    if let Some(reply_to) = parts.reply_to {
        message = message.header("Reply-To", addresses(vec![HeaderMailbox { name: None, address: reply_to }]));
    }
    let capacity = parts.documents.iter().map(|document| base64_bytes(document.document.size)).sum::<u64>();
    let capacity = (capacity + USUAL_TEXTS_BYTES).next_multiple_of(BUFFER_STEP_BYTES);
    bytes.reserve_exact(usize::try_from(capacity).unwrap_or_default());
    let (origin, value) =
        if parts.is_test { ("X-Test-Message", "yes".to_owned()) } else { ("X-Delivery-Id", parts.root.to_string()) };
    message
        .header("Subject", Text::new(parts.texts.subject))
        .header("Message-ID", MessageId::new(parts.message_id))
        // RFC 3834 §5: no vacation notice answers this.
        .header("Auto-Submitted", Raw::new("auto-generated"))
        .header("X-Auto-Response-Suppress", Raw::new("OOF, AutoReply"))
        .header("Content-Language", Raw::new(parts.language))
        .header(origin, Raw::new(value))
        .header("MIME-Version", Raw::new("1.0"))
        .body(body)
        .serialize(&mut bytes);
    bytes
}

/// A boundary that occurs in no part ([RFC 2046 §5.1.1]): `=_` is impossible in quoted-printable and base64 alike.
///
/// [RFC 2046 §5.1.1]: https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1
fn boundary(root: DeliveryId, level: &str) -> String {
    format!("=_{level}_{}", root.0.simple())
}

fn multipart<'a>(content_type: &'static str, boundary: String, children: Vec<MimePart<'a>>) -> MimePart<'a> {
    MimePart::new(ContentType::new(content_type).attribute("boundary", boundary), children)
}

/// A text part, always quoted-printable: whatever lies between keeps every byte of it, no line of it can be a boundary,
/// and it can be read as it is. (mail-builder would take base64 where that is shorter, which spam filters count against
/// a text: rspamd's `MIME_BASE64_TEXT_BOGUS`.)
fn text_part(media_type: &'static str, text: &str) -> MimePart<'static> {
    let content_type = ContentType::new(media_type).attribute("charset", "utf-8");
    // A seventh more than the text is usual.
    let mut encoded = Vec::with_capacity(text.len() + text.len() / 4);
    qp::BODY.encode_append(text, &mut encoded);
    MimePart {
        headers: vec![
            ("Content-Type".into(), content_type.into()),
            ("Content-Transfer-Encoding".into(), Raw::new("quoted-printable").into()),
        ],
        contents: BodyPart::Binary(encoded.into()),
    }
}

/// A document, always base64: so that its bytes, and their digest, arrive as they are.
fn attachment<'a>(document: &'a LoadedDocument, shown: &'a Attachment) -> MimePart<'a> {
    // The name is `[A-Za-z0-9._-]`. Older clients read it here only. Raw, lest mail-builder send text types as 7bit.
    let content_type = Raw::new(format!("{}; name=\"{}\"", shown.media_type, shown.name));
    MimePart {
        headers: vec![("Content-Type".into(), HeaderType::Raw(content_type))],
        contents: BodyPart::Binary(document.bytes.as_ref().into()),
    }
    .attachment(shown.name.as_str())
}

/// A header's mailboxes; without any, the empty group that [RFC 5322 §3.6.3] allows in their place.
///
/// [RFC 5322 §3.6.3]: https://www.rfc-editor.org/rfc/rfc5322#section-3.6.3
fn addresses(mailboxes: Vec<HeaderMailbox>) -> Address<'static> {
    if mailboxes.is_empty() {
        return Address::new_group(Some("undisclosed-recipients"), Vec::new());
    }
    let one = |mailbox: HeaderMailbox| Address::new_address(mailbox.name, mailbox.address.to_string());
    Address::new_list(mailboxes.into_iter().map(one).collect())
}
