//! Descriptions of documents, as an event has them.

use invoice_dispatcher::event::{Document, DocumentRole, MediaType};
use invoice_dispatcher::sha256::Sha256;

/// A document that describes `bytes` rightly.
pub(crate) fn describing(object: &str, bytes: &[u8]) -> Document {
    Document {
        id: object.to_owned(),
        role: DocumentRole::InvoicePdf,
        name: None,
        media_type: MediaType::Pdf,
        size: bytes.len() as u64,
        sha256: Sha256::of(bytes),
        object: object.to_owned(),
    }
}
