//! Sample documents for the scenarios about composing.

use bytes::Bytes;
use invoice_dispatcher::compose::Mail;
pub(crate) use invoice_dispatcher::compose::sample::{LINK, PLANS, snapshot};
use invoice_dispatcher::event::{Document, DocumentRole, LoadedDocument, MediaType};
use invoice_dispatcher::policy::decision::{Plan, PortalAccess};
use invoice_dispatcher::sha256::Sha256;

/// A plan's name, for snapshots and messages.
pub(crate) fn name_of(plan: Plan) -> &'static str {
    match plan {
        Plan::Attach => "attach",
        Plan::Link { access: PortalAccess::Open } => "open",
        Plan::Link { access: PortalAccess::Verified } => "verified",
        Plan::Link { access: PortalAccess::EveryPageVerified } => "every_page",
        Plan::Link { access: PortalAccess::Closed } => "closed",
    }
}

/// The text part and the HTML part, decoded.
pub(crate) fn text_and_html(mail: &Mail) -> (String, String) {
    let parsed = mailparse::parse_mail(&mail.bytes).expect("it is a mail");
    let body = |media_type: &str| {
        let part = parsed.parts().find(|part| part.ctype.mimetype == media_type).expect("it has this part");
        part.get_body().expect("it can be decoded").replace("\r\n", "\n")
    };
    (body("text/plain"), body("text/html"))
}

/// A PDF, a UBL invoice and an attachment with an umlaut in its name.
pub(crate) fn documents() -> Vec<LoadedDocument> {
    let pdf: Vec<u8> = (0..300_u16).map(|at| (at % 251).to_le_bytes()[0]).collect();
    vec![
        document("d1", DocumentRole::InvoicePdf, "R-2026-0042.pdf", MediaType::Pdf, pdf),
        document(
            "d2",
            DocumentRole::InvoiceXml,
            "R-2026-0042.xml",
            MediaType::Xml,
            b"<Invoice>\n</Invoice>\n".to_vec(),
        ),
        document("d3", DocumentRole::Attachment, "Prüfbericht.csv", MediaType::Csv, b"a;b\n1;2\n".to_vec()),
    ]
}

/// A document of these bytes.
pub(crate) fn document(
    id: &str,
    role: DocumentRole,
    name: &str,
    media_type: MediaType,
    bytes: Vec<u8>,
) -> LoadedDocument {
    let document = Document {
        id: id.to_owned(),
        role,
        name: Some(name.to_owned()),
        media_type,
        size: bytes.len() as u64,
        sha256: Sha256::of(&bytes),
        object: format!("acme/{id}"),
    };
    LoadedDocument { document, bytes: Bytes::from(bytes) }
}
