//! An independent parser finds in every mail exactly what was meant.

use std::sync::Arc;

use strum::VariantArray as _;

use invoice_dispatcher::compose::{Mail, Templates, compose, encoded_bytes};
use invoice_dispatcher::event::{DocumentRole, MediaType, Recipient, RecipientRole};
use invoice_dispatcher::model::invoice_kind::InvoiceKind;
use invoice_dispatcher::policy::decision::Plan;
use invoice_dispatcher::sha256::Sha256;
use mailparse::{MailHeaderMap, ParsedMail, parse_mail};

use crate::compose::sample::{LINK, PLANS, document, documents, name_of, snapshot};

pub(crate) const HEADERS: [&str; 12] = [
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

pub(crate) fn header_names(mail: &ParsedMail<'_>) -> Vec<String> {
    mail.headers.iter().map(mailparse::MailHeader::get_key).collect()
}

/// Text and HTML, decoded, both together.
fn words(mail: &Mail) -> String {
    let parsed = parse_mail(&mail.bytes).unwrap();
    parsed
        .parts()
        .filter(|part| part.ctype.mimetype.starts_with("text/") && part.ctype.params.contains_key("charset"))
        .map(|part| part.get_body().unwrap())
        .collect()
}

fn assert_clean(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("every part is encoded");
    assert!(text.is_ascii() && !text.contains('\0'));
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert_eq!(text.matches('\r').count(), text.matches("\r\n").count());
    // RFC 5322 §2.1.1.
    assert!(text.split("\r\n").all(|line| line.len() <= 998));
}

#[test]
fn an_attach_mail_holds_every_document_as_it_was() {
    let documents = documents();
    let mail =
        compose(&Templates::builtin(), &snapshot("de-DE", InvoiceKind::Invoice), Plan::Attach, &documents).unwrap();
    assert_clean(&mail.bytes);
    assert_eq!(mail.sha256, Sha256::of(&mail.bytes));
    let parsed = parse_mail(&mail.bytes).unwrap();
    assert_eq!(header_names(&parsed), HEADERS);
    assert_eq!(parsed.ctype.mimetype, "multipart/mixed");
    let alternative = &parsed.subparts[0];
    assert_eq!(alternative.ctype.mimetype, "multipart/alternative");
    let kinds: Vec<_> = alternative.subparts.iter().map(|part| part.ctype.mimetype.as_str()).collect();
    assert_eq!(kinds, ["text/plain", "text/html"]);
    assert_eq!(parsed.subparts.len(), 1 + documents.len());
    let names = ["R-2026-0042.pdf", "R-2026-0042.xml", "Pruefbericht.csv"];
    for (((part, document), attachment), name) in
        parsed.subparts[1..].iter().zip(&documents).zip(&mail.attachments).zip(names)
    {
        assert_eq!(part.ctype.mimetype, document.document.media_type.into_str());
        assert_eq!(part.headers.get_first_value("Content-Transfer-Encoding").as_deref(), Some("base64"));
        let disposition = part.get_content_disposition();
        assert_eq!(disposition.disposition, mailparse::DispositionType::Attachment);
        assert_eq!(disposition.params["filename"], name);
        assert_eq!(part.ctype.params["name"], name);
        assert_eq!(Sha256::of(&part.get_body_raw().unwrap()), document.document.sha256);
        assert_eq!((attachment.name.as_str(), attachment.sha256), (name, document.document.sha256));
    }
}

#[test]
fn the_headers_say_who_when_and_what() {
    let mut snapshot = snapshot("de-DE", InvoiceKind::Invoice);
    snapshot.shown.push(Recipient { role: RecipientRole::Cc, address: "boss@käufer.example".into(), name: None });
    snapshot.recipients = snapshot.shown.clone();
    let mail = compose(&Templates::builtin(), &snapshot, Plan::Attach, &[]).unwrap();
    let parsed = parse_mail(&mail.bytes).unwrap();
    let header = |name| parsed.headers.get_first_value(name).unwrap();
    assert_eq!(header("From"), "\"Acme Buchhaltung\" <rechnung@acme.example>");
    assert_eq!(header("Cc"), "<boss@xn--kufer-gra.example>");
    assert_eq!(header("Reply-To"), "<buchhaltung@acme.example>");
    assert_eq!(header("Date"), "Mon, 23 Nov 2026 09:30:00 +0000");
    assert_eq!(header("Subject"), "Rechnung R-2026-0042 von Acme GmbH");
    assert_eq!(header("Message-ID"), format!("<{}@acme.example>", snapshot.root));
    assert_eq!(mail.message_id, format!("{}@acme.example", snapshot.root));
    assert_eq!(header("X-Delivery-Id"), snapshot.root.to_string());
    assert_eq!(header("Auto-Submitted"), "auto-generated");
    assert_eq!(header("X-Auto-Response-Suppress"), "OOF, AutoReply");
    assert_eq!(header("Content-Language"), "de-DE");
    // Without documents there is nothing to be mixed, and no paperclip.
    assert_eq!(parsed.ctype.mimetype, "multipart/alternative");

    assert_eq!(mail.envelope.sender.to_string(), "bounces@acme.example");
    let envelope: Vec<_> =
        mail.envelope.recipients.iter().map(|one| (one.address.to_string(), one.essential)).collect();
    assert_eq!(envelope, [("ap@customer.example".into(), true), ("boss@xn--kufer-gra.example".into(), false)]);
    Arc::make_mut(&mut snapshot.tenant).sender.bounce_address = None;
    let mail = compose(&Templates::builtin(), &snapshot, Plan::Attach, &[]).unwrap();
    assert_eq!(mail.envelope.sender.to_string(), "rechnung@acme.example");
}

#[test]
fn a_mail_says_no_more_than_its_plan_allows() {
    let templates = Templates::builtin();
    for locale in ["de-DE", "nl-NL", "en-GB", "fr-FR"] {
        for kind in InvoiceKind::VARIANTS {
            for plan in PLANS {
                let which = format!("{locale} {kind} {}", name_of(plan));
                let snapshot = snapshot(locale, *kind);
                let mail = compose(&templates, &snapshot, plan, &documents()).unwrap();
                assert_clean(&mail.bytes);
                let words = words(&mail);
                let shows_link = !matches!(name_of(plan), "attach" | "closed");
                assert_eq!(words.contains(LINK), shows_link, "{which}");
                assert_eq!(words.contains("portal"), shows_link, "{which}");
                assert_eq!(words.contains("RF18 5390"), plan == Plan::Attach, "{which}");
                assert_eq!(words.contains("04011000-12345-34"), plan == Plan::Attach, "{which}");
                let details = name_of(plan) != "every_page";
                assert_eq!(words.contains("Käufer"), details, "{which}");
                assert_eq!(words.contains("2026\n") || words.contains("€"), details, "{which}");
                assert_eq!(mail.attachments.is_empty(), plan != Plan::Attach, "{which}");
                let parsed = parse_mail(&mail.bytes).unwrap();
                let expected = if plan == Plan::Attach { "multipart/mixed" } else { "multipart/alternative" };
                assert_eq!(parsed.ctype.mimetype, expected, "{which}");
                for always in [
                    "R-2026-0042",
                    "Acme GmbH",
                    "buchhaltung@acme.example",
                    "Hauptstr. 1 · 01067 Dresden",
                    "https://acme.example/impressum",
                    "https://acme.example/datenschutz",
                ] {
                    assert!(words.contains(always), "{which}: {always}");
                }
                if name_of(plan) == "closed" {
                    for word in ["download", "herunterladen", "downloaden", "télécharger"] {
                        assert!(!words.to_lowercase().contains(word), "{which}: {word}");
                    }
                }
                // Nothing is fetched when the mail is read.
                assert!(!["<img", "src=", "url(", "@import", "<link", "<script"].iter().any(|bad| words.contains(bad)));
                assert!(!words.contains("{{") && !words.contains(">none<") && !words.contains(": none"), "{which}");
            }
        }
    }
}

#[test]
fn a_copy_carries_no_token_and_says_so() {
    let mut snapshot = snapshot("en-GB", InvoiceKind::Invoice);
    snapshot.portal_link = None;
    snapshot.recipients =
        vec![Recipient { role: RecipientRole::Bcc, address: "archive@acme.example".into(), name: None }];
    let mail = compose(&Templates::builtin(), &snapshot, PLANS[1], &[]).unwrap();
    assert_eq!(mail.envelope.recipients[0].address.to_string(), "archive@acme.example");
    assert!(mail.envelope.recipients[0].essential);
    let text = String::from_utf8(mail.bytes.clone()).unwrap();
    assert!(!text.contains("archive@") && !text.contains("Bcc"));
    assert!(words(&mail).contains("This is a copy"));

    snapshot.shown.clear();
    let mail = compose(&Templates::builtin(), &snapshot, PLANS[1], &[]).unwrap();
    let to = parse_mail(&mail.bytes).unwrap().headers.get_first_value("To").unwrap();
    assert_eq!(to.replace('"', ""), "undisclosed-recipients:;");
}

#[test]
fn reminders_and_invoices_without_a_debt_say_what_they_are() {
    let templates = Templates::builtin();
    let mut snapshot = snapshot("de-DE", InvoiceKind::Reminder);
    for (level, expected) in
        [(None, "Zahlungserinnerung"), (Some(2), "Zweite Zahlungserinnerung"), (Some(3), "Mahnung")]
    {
        snapshot.data.invoice.reminder_level = level;
        let mail = compose(&templates, &snapshot, Plan::Attach, &[]).unwrap();
        let subject = parse_mail(&mail.bytes).unwrap().headers.get_first_value("Subject").unwrap();
        assert_eq!(subject, format!("{expected} zur Rechnung R-2026-0042 von Acme GmbH"));
        assert!(words(&mail).contains("Fällig seit"));
    }
    snapshot.data.invoice.kind = InvoiceKind::Invoice;
    snapshot.data.invoice.amount_due = Some("0.00".parse().unwrap());
    let words = words(&compose(&templates, &snapshot, Plan::Attach, &[]).unwrap());
    assert!(
        words.contains("Offener Betrag: 0,00\u{a0}€") && words.contains("Rechnungsbetrag: 1.190,00\u{a0}€"),
        "{words}"
    );
    assert!(!words.contains("Zahlbar bis"), "{words}");
}

#[test]
fn every_locale_has_a_mail() {
    for (locale, written, expected) in [
        ("de-AT", "de-AT", "€\u{a0}1.190,00"),
        ("de-CH", "de-CH", "€\u{a0}1'190.00"),
        ("nl-BE", "nl-BE", "€\u{a0}1.190,00"),
        ("pl-PL", "en-GB", "€1,190.00"),
        ("\r\nX-Evil: 1", "en", "€1,190.00"),
    ] {
        let mail = compose(&Templates::builtin(), &snapshot(locale, InvoiceKind::Invoice), Plan::Attach, &[]).unwrap();
        let parsed = parse_mail(&mail.bytes).unwrap();
        assert_eq!(header_names(&parsed), HEADERS);
        assert_eq!(parsed.headers.get_first_value("Content-Language").as_deref(), Some(written));
        assert!(words(&mail).contains(expected), "{locale}");
    }
}

#[test]
fn the_declared_sizes_bound_the_message() {
    for size in [0, 1, 2, 3, 56, 57, 58, 1_000, 100_000] {
        let documents: Vec<_> = (0..5)
            .map(|at| document(&format!("d{at}"), DocumentRole::Attachment, "ä", MediaType::Txt, vec![b'x'; size]))
            .collect();
        let declared: Vec<_> = documents.iter().map(|loaded| loaded.document.clone()).collect();
        let mail = compose(&Templates::builtin(), &snapshot("fr-FR", InvoiceKind::Reminder), Plan::Attach, &documents);
        let bytes = mail.unwrap().bytes.len() as u64;
        let bound = encoded_bytes(&declared);
        assert!(bytes <= bound && bound - bytes < 140 * 1024, "{size}: {bytes} of {bound}");
    }
    let mut huge = documents()[0].document.clone();
    huge.size = u64::MAX;
    assert_eq!(encoded_bytes(&[huge.clone(), huge]), u64::MAX);
}

#[test]
fn the_same_input_makes_the_same_bytes() {
    let documents = documents();
    let snapshot = snapshot("nl-NL", InvoiceKind::Invoice);
    let one = compose(&Templates::builtin(), &snapshot, Plan::Attach, &documents).unwrap();
    let stored = Templates::from_sources(&Templates::builtin().sources()).unwrap();
    let two =
        std::thread::spawn(move || compose(&stored, &snapshot, Plan::Attach, &documents).unwrap()).join().unwrap();
    assert_eq!(one.bytes, two.bytes);
}
