//! Whatever an event, a customer and a tenant hold: an independent parser reads from the message exactly the headers,
//! mailboxes and parts that were meant.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use invoice_dispatcher::compose::sample::{PLANS, snapshot};
use invoice_dispatcher::compose::{ComposeError, Mail, Snapshot, Templates, compose};
use invoice_dispatcher::event::LoadedDocument;
use invoice_dispatcher::event::{Document, DocumentRole, MediaType, Recipient, RecipientRole};
use invoice_dispatcher::model::invoice_kind::InvoiceKind;
use invoice_dispatcher::policy::decision::Plan;
use invoice_dispatcher::sha256::Sha256;
use mailparse::{MailAddr, MailHeaderMap, ParsedMail, addrparse_header, parse_mail};
use strum::VariantArray as _;

static TEMPLATES: LazyLock<Templates> = LazyLock::new(Templates::builtin);

/// The headers of every message, in order, but for Cc.
const HEADERS: [&str; 12] = [
    "Date",
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Message-ID",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "Content-Language",
    "X-Delivery-Id",
    "MIME-Version",
    "Content-Type",
];

/// Composes a message of texts that are the bytes' parts, split at 0xff; the first says how.
pub fn run(bytes: &[u8]) {
    let parts: Vec<_> = bytes.split(|byte| *byte == 0xff).collect();
    let text = |at: usize| String::from_utf8_lossy(parts.get(at).copied().unwrap_or_default()).into_owned();
    let how = usize::from(parts[0].first().copied().unwrap_or(0));
    let plan = PLANS[how % PLANS.len()];
    let kind = InvoiceKind::VARIANTS[how / PLANS.len() % InvoiceKind::VARIANTS.len()];
    let mut snapshot = snapshot(&text(1), kind);
    fill(&mut snapshot, text);
    let documents: Vec<_> = (0..2).map(|at| document(at, text(2), parts.last().copied().unwrap_or_default())).collect();
    match compose(&TEMPLATES, &snapshot, plan, &documents) {
        Ok(mail) => assert_as_meant(&mail, &snapshot, plan, &documents),
        Err(ComposeError::InvalidAddress { address, problem, .. }) => {
            assert!(!problem.is_empty() && !address.chars().any(char::is_control));
        }
        Err(error @ ComposeError::Template { .. }) => panic!("a built-in template fails: {error}"),
    }
}

fn fill(snapshot: &mut Snapshot, text: impl Fn(usize) -> String) {
    let invoice = &mut snapshot.data.invoice;
    (invoice.number, invoice.currency, invoice.payment_reference) = (text(3), text(4), Some(text(5)));
    snapshot.customer_name = text(6);
    let tenant = Arc::make_mut(&mut snapshot.tenant);
    (tenant.name, tenant.sender.name) = (text(7), text(8));
    (tenant.legal_footer, tenant.imprint_url, tenant.privacy_url) = (Some(text(9)), Some(text(10)), Some(text(10)));
    (tenant.contact.url, tenant.contact.email, tenant.contact.phone) = (Some(text(10)), Some(text(11)), Some(text(11)));
    (tenant.time_zone, tenant.branding.colour) = (Some(text(12)), Some(text(12)));
    snapshot.recipients[0].name = Some(text(13));
    if !text(14).is_empty() {
        snapshot.recipients.push(Recipient { role: RecipientRole::Cc, address: text(14), name: Some(text(13)) });
    }
    snapshot.shown.clone_from(&snapshot.recipients);
}

fn document(at: usize, name: String, bytes: &[u8]) -> LoadedDocument {
    let document = Document {
        id: format!("d{at}"),
        role: DocumentRole::Attachment,
        name: Some(name),
        media_type: MediaType::VARIANTS[at],
        size: bytes.len() as u64,
        sha256: Sha256::of(bytes),
        object: format!("acme/d{at}"),
    };
    LoadedDocument { document, bytes: Bytes::copy_from_slice(bytes) }
}

fn assert_as_meant(mail: &Mail, snapshot: &Snapshot, plan: Plan, documents: &[LoadedDocument]) {
    assert_lines(&mail.bytes);
    let parsed = parse_mail(&mail.bytes).expect("it is a mail");
    let cc = snapshot.shown.len() > 1;
    let mut expected = HEADERS.to_vec();
    if cc {
        expected.insert(3, "Cc");
    }
    let found: Vec<String> = parsed.headers.iter().map(mailparse::MailHeader::get_key).collect();
    assert_eq!(found, expected);
    assert_eq!(mailbox(&parsed, "From"), "rechnung@acme.example");
    assert_eq!(mailbox(&parsed, "To"), "ap@customer.example");
    assert_eq!(mailbox(&parsed, "Reply-To"), "buchhaltung@acme.example");
    if cc {
        assert_eq!(mailbox(&parsed, "Cc"), mail.envelope.recipients[1].address.to_string());
    }
    assert_eq!(mail.envelope.recipients.len(), snapshot.recipients.len());

    let attached = if plan == Plan::Attach { documents } else { &[] };
    let leaves: Vec<_> = parsed.parts().filter(|part| part.subparts.is_empty()).collect();
    let kinds: Vec<_> = leaves.iter().map(|part| part.ctype.mimetype.as_str()).collect();
    let meant = ["text/plain", "text/html"].into_iter();
    let meant: Vec<_> = meant.chain(attached.iter().map(|loaded| loaded.document.media_type.into_str())).collect();
    assert_eq!(kinds, meant);
    for (part, loaded) in leaves[2..].iter().zip(attached) {
        assert_eq!(part.get_body_raw().expect("base64"), loaded.bytes, "a document arrives as it was");
    }
    let html = leaves[1].get_body().expect("it can be decoded").to_lowercase();
    assert!(!html.contains("<script") && !html.contains("javascript:\""), "{html}");
}

/// Lines as [RFC 5322 §2.1.1](https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1) has them, and no NUL.
fn assert_lines(bytes: &[u8]) {
    assert!(!bytes.contains(&0));
    let count = |wanted: u8| bytes.split(|byte| *byte == wanted).count() - 1;
    let ends = bytes.windows(2).filter(|pair| *pair == b"\r\n").count();
    assert_eq!((count(b'\r'), count(b'\n')), (ends, ends));
    assert!(bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 999));
}

/// The one address in this header.
fn mailbox(mail: &ParsedMail<'_>, header: &str) -> String {
    let list = addrparse_header(mail.headers.get_first_header(header).expect("it is there")).expect("addresses");
    match list.as_slice() {
        [MailAddr::Single(single)] => single.addr.clone(),
        other => panic!("{header}: {other:?}"),
    }
}
