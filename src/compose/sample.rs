//! A sample delivery, with every field set: what templates are checked and previewed with.

use super::{Recipient, Snapshot};
use crate::clock::Timestamp;
use crate::event::{Document, DocumentRole, Invoice, InvoiceData, LoadedDocument, MediaType, RecipientRole, Reminder};
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::settings::VerificationMethod;
use crate::model::tenant::{Branding, Contact, Sender, TenantProfile};
use crate::policy::decision::{Plan, PortalAccess};
use crate::sha256::Sha256;

/// Every plan that a mail can follow.
pub const PLANS: [Plan; 5] = [
    Plan::Attach,
    Plan::Link { access: PortalAccess::Open },
    Plan::Link { access: PortalAccess::Verified },
    Plan::Link { access: PortalAccess::EveryPageVerified },
    Plan::Link { access: PortalAccess::Closed },
];

/// The portal's link of the sample.
pub const LINK: &str = "https://portal.example/i/pZ1rX0cW3m9Q7yK5tB2vN8uD4sF6gH1jL0aE3iO5wRk";

/// A delivery with every field set, of a mail in `locale`.
#[must_use]
pub fn snapshot(locale: &str, kind: InvoiceKind) -> Snapshot {
    let to = Recipient {
        role: RecipientRole::To,
        address: "ap@customer.example".to_owned(),
        name: Some("Käufer, Einkauf".to_owned()),
    };
    Snapshot {
        root: DeliveryId("0199f3a2-7b1e-7c4d-9a55-0f5f6d1c2a01".parse().expect("the sample is well-formed")),
        data: InvoiceData {
            tenant_id: TenantId::from("acme"),
            customer_id: CustomerId::from("C-1042"),
            locale: None,
            invoice: invoice(kind),
            reminder: None,
            recipients: vec![],
            documents: ["pdf", "xml"].map(document).to_vec(),
            not_before: None,
            expires_at: None,
        },
        tenant: tenant().into(),
        customer_name: "Käufer & Söhne OHG".to_owned(),
        locale: locale.to_owned(),
        recipients: vec![to.clone()],
        shown: vec![to],
        date: Timestamp::parse("2026-11-23T09:30:00Z").expect("the sample is well-formed"),
        portal_link: Some(LINK.to_owned()),
        portal_method: Some(VerificationMethod::PostcodeHouseNumber),
    }
}

/// The sample and others like it, so that every sentence of a template is written once: all amounts of an invoice and
/// of a reminder that was stored before they were looked at, all levels of a reminder, no document, one and two.
#[must_use]
pub fn variants(locale: &str, kind: InvoiceKind) -> Vec<Snapshot> {
    let whole = snapshot(locale, kind);
    let mut variants = Vec::new();
    for amount_due in [None, Some("690"), Some("0"), Some("-10")] {
        for (level, documents) in [(None, 2), (Some(2), 1), (Some(3), 0)] {
            for deadline in [None, Some(jiff::civil::date(2026, 12, 7))] {
                if deadline.is_some() && kind != InvoiceKind::Reminder {
                    continue;
                }
                let mut variant = whole.clone();
                let decimal = |text: &str| text.parse().expect("the sample is well-formed");
                variant.data.invoice.amount_due = amount_due.map(decimal);
                variant.data.documents.truncate(documents);
                if kind == InvoiceKind::Reminder {
                    variant.data.invoice.reminder_level = level;
                    variant.data.reminder = Some(Reminder { deadline });
                }
                variants.push(variant);
            }
        }
    }
    variants.push(Snapshot { portal_method: Some(VerificationMethod::SmsOtp), ..whole.clone() });
    variants.push(Snapshot { portal_method: None, ..whole.clone() });
    // All that may be missing is.
    let mut bare = whole;
    bare.tenant = TenantProfile {
        contact: Contact::default(),
        legal_footer: None,
        imprint_url: None,
        privacy_url: None,
        ..tenant()
    }
    .into();
    bare.customer_name.clear();
    (bare.data.invoice.due_date, bare.data.invoice.payment_reference, bare.data.invoice.buyer_reference) =
        (None, None, None);
    variants.push(bare);
    variants
}

/// The documents of a sample, without bytes: a template shows only what they are called, and how large they are.
#[must_use]
pub fn loaded(snapshot: &Snapshot) -> Vec<LoadedDocument> {
    let loaded = |document: &Document| LoadedDocument { document: document.clone(), bytes: bytes::Bytes::new() };
    snapshot.data.documents.iter().map(loaded).collect()
}

fn document(extension: &str) -> Document {
    let (role, media_type) = match extension {
        "pdf" => (DocumentRole::InvoicePdf, MediaType::Pdf),
        _ => (DocumentRole::InvoiceXml, MediaType::Xml),
    };
    let name = format!("R-2026-0042.{extension}");
    Document {
        id: extension.to_owned(),
        role,
        object: format!("acme/2026/{name}"),
        name: Some(name),
        media_type,
        size: 81_234,
        sha256: Sha256::of(extension.as_bytes()),
    }
}

fn invoice(kind: InvoiceKind) -> Invoice {
    let is_reminder = kind == InvoiceKind::Reminder;
    Invoice {
        id: "inv_9f2".to_owned(),
        number: "R-2026-0042".to_owned(),
        kind,
        reminder_level: is_reminder.then_some(1),
        issue_date: jiff::civil::date(2026, if is_reminder { 9 } else { 11 }, 20),
        due_date: Some(if is_reminder { jiff::civil::date(2026, 10, 4) } else { jiff::civil::date(2026, 12, 4) }),
        currency: "EUR".to_owned(),
        total: "1190.00".parse().expect("the sample is well-formed"),
        amount_due: is_reminder.then(|| "690.00".parse().expect("the sample is well-formed")),
        payment_reference: Some("RF18 5390 0754 7034".to_owned()),
        buyer_reference: Some("04011000-12345-34".to_owned()),
    }
}

fn tenant() -> TenantProfile {
    TenantProfile {
        name: "Acme GmbH".to_owned(),
        sender: Sender {
            name: "Acme Buchhaltung".to_owned(),
            address: "rechnung@acme.example".to_owned(),
            reply_to: Some("buchhaltung@acme.example".to_owned()),
            bounce_address: Some("bounces@acme.example".to_owned()),
        },
        locale: "de-DE".to_owned(),
        time_zone: Some("Europe/Berlin".to_owned()),
        contact: Contact {
            email: Some("buchhaltung@acme.example".to_owned()),
            phone: Some("+49 351 123456".to_owned()),
            url: Some("https://acme.example/kontakt".to_owned()),
        },
        legal_footer: Some("Acme GmbH · Hauptstr. 1 · 01067 Dresden · HRB 12345".to_owned()),
        imprint_url: Some("https://acme.example/impressum".to_owned()),
        privacy_url: Some("https://acme.example/datenschutz".to_owned()),
        branding: Branding { colour: Some("#0a6b4f".to_owned()) },
    }
}
