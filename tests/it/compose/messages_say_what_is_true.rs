//! A mail asks for what is owed, speaks of what comes with it, and shows numbers and references whole.

use std::sync::Arc;

use invoice_dispatcher::compose::{Mail, Snapshot, Templates, compose};
use invoice_dispatcher::event::{LoadedDocument, Reminder};
use invoice_dispatcher::model::invoice_kind::InvoiceKind;
use invoice_dispatcher::policy::decision::{Plan, PortalAccess};
use mailparse::{MailHeaderMap, parse_mail};

use crate::compose::sample::{PLANS, documents, name_of, snapshot, text_and_html};

const LOCALES: [&str; 4] = ["de-DE", "nl-NL", "en-GB", "fr-FR"];

/// The same in each of [`LOCALES`].
type Words = [&'static str; 4];

const DEMANDS: [Words; 3] = [
    ["Zu zahlen", "Te betalen", "Amount due", "À payer"],
    ["Zahlbar bis", "Uiterlijk te betalen", "Payable by", "À régler"],
    ["Bitte begleichen", "Wij verzoeken", "Please settle", "Nous vous prions"],
];
const NOTHING: Words =
    ["Es ist nichts zu zahlen.", "U hoeft niets te betalen.", "There is nothing to pay.", "Vous n’avez rien à payer."];
const CREDIT: Words = ["Ihr Guthaben", "Uw tegoed", "Credit in your favour", "Solde en votre faveur"];
const NEED_NOT: Words = [
    "Sie müssen nichts zahlen.",
    "u hoeft niets te betalen.",
    "you do not need to pay anything.",
    "vous n’avez rien à payer.",
];

fn with_amounts(locale: &str, kind: InvoiceKind, total: &str, amount_due: Option<&str>) -> Snapshot {
    let mut snapshot = snapshot(locale, kind);
    snapshot.data.invoice.total = total.parse().expect("an amount");
    snapshot.data.invoice.amount_due = amount_due.map(|due| due.parse().expect("an amount"));
    snapshot
}

fn mail(snapshot: &Snapshot, plan: Plan, documents: &[LoadedDocument]) -> Mail {
    compose(&Templates::builtin(), snapshot, plan, documents).expect("it is composed")
}

fn text(snapshot: &Snapshot, plan: Plan) -> String {
    let (text, html) = text_and_html(&mail(snapshot, plan, &documents()));
    // What one part says, the other says too.
    let plain = |text: &str| text.replace(['\n', ' '], "").replace("&#39;", "'").replace("&amp;", "&");
    let lead = text.split("\n\n").nth(2).expect("a lead");
    assert!(plain(&html).contains(&plain(lead)), "{lead}\n{html}");
    text
}

#[test]
fn nobody_is_asked_to_pay_nothing_or_less() {
    let cases = [
        // Total, amount due; whether it is a credit; the amount and the total that are shown.
        ("-50.00", None, true, "50", None),
        ("100.00", Some("-10.00"), true, "10", Some("100")),
        ("0.00", None, false, "0", None),
        ("0.00", Some("0.00"), false, "0", None),
        ("1190.00", Some("-0.00"), false, "0", Some("190")),
        ("-50.00", Some("0"), false, "0", Some("50")),
    ];
    for (at, locale) in LOCALES.into_iter().enumerate() {
        for (total, amount_due, is_credit, shown, total_shown) in cases {
            // A reminder over nothing is refused at the edge; one that was stored before still demands nothing.
            for kind in [InvoiceKind::Invoice, InvoiceKind::Reminder] {
                for plan in [Plan::Attach, PLANS[1]] {
                    let snapshot = with_amounts(locale, kind, total, amount_due);
                    let text = text(&snapshot, plan);
                    let which = format!("{locale} {kind} {total} {amount_due:?} {}:\n{text}", name_of(plan));
                    for demand in DEMANDS {
                        assert!(!text.contains(demand[at]), "{which}");
                    }
                    assert_eq!(text.matches("2026\n").count(), 1, "only the invoice's own date: {which}");
                    let label = text.lines().find(|line| line.starts_with(CREDIT[at]));
                    assert_eq!(label.is_some(), is_credit, "{which}");
                    if let Some(label) = label {
                        assert!(label.contains(shown) && !label.contains('-'), "{which}");
                    }
                    if kind == InvoiceKind::Invoice {
                        assert!(text.contains(if is_credit { NEED_NOT[at] } else { NOTHING[at] }), "{which}");
                    }
                    let amounts = text.lines().filter(|line| line.contains('€')).count();
                    assert_eq!(amounts, if total_shown.is_some() { 2 } else { 1 }, "{which}");
                    assert!(total_shown.is_none_or(|total| text.contains(total)), "{which}");
                }
            }
        }
    }
}

#[test]
fn a_credit_note_says_that_nothing_need_be_paid_whatever_its_sign() {
    for (at, locale) in LOCALES.into_iter().enumerate() {
        for (total, amount_due) in
            [("119.00", None), ("-119.00", None), ("-119.00", Some("-119.00")), ("119.00", Some("7"))]
        {
            let snapshot = with_amounts(locale, InvoiceKind::CreditNote, total, amount_due);
            let text = text(&snapshot, Plan::Attach);
            assert!(text.contains(NEED_NOT[at]) && text.contains("119") && !text.contains("-119"), "{text}");
            assert_eq!(text.lines().filter(|line| line.contains('€')).count(), 1, "{text}");
        }
        let closed = text(&snapshot(locale, InvoiceKind::CreditNote), PLANS[3]);
        assert!(!closed.contains(NEED_NOT[at]), "nothing but tenant and number: {closed}");
    }
}

#[test]
fn a_reminder_names_the_date_that_the_event_gives() {
    let dates: Words = [
        "bis zum 7. Dezember 2026",
        "uiterlijk op 7 december 2026",
        "by 7 December 2026",
        "au plus tard le 7 décembre 2026",
    ];
    let vague: Words =
        ["in den nächsten Tagen", "in de komende dagen", "within the next few days", "dans les prochains jours"];
    let now: Words = ["Betrag jetzt", "bedrag nu", "amount now", "dû sans tarder"];
    for (at, locale) in LOCALES.into_iter().enumerate() {
        for level in [None, Some(1), Some(2), Some(3), Some(7)] {
            let mut snapshot = with_amounts(locale, InvoiceKind::Reminder, "1190.00", None);
            snapshot.data.invoice.reminder_level = level;
            let without = text(&snapshot, Plan::Attach);
            let expected = match level {
                None | Some(1) => None,
                Some(2) => Some(vague[at]),
                Some(_) => Some(now[at]),
            };
            assert!(expected.is_none_or(|words| without.contains(words)), "{without}");
            let deadline = |day| Some(Reminder { deadline: Some(jiff::civil::date(2026, 12, day)) });
            snapshot.data.reminder = deadline(7);
            let with = text(&snapshot, Plan::Attach);
            assert!(with.contains(dates[at]) && expected.is_none_or(|words| !with.contains(words)), "{with}");
            // It was held up until after its own deadline.
            snapshot.data.reminder = Some(Reminder { deadline: Some(jiff::civil::date(2026, 11, 22)) });
            assert_eq!(text(&snapshot, Plan::Attach), without);
            snapshot.data.reminder = deadline(7);
            assert!(!text(&snapshot, PLANS[3]).contains(dates[at]), "nothing but tenant and number");
        }
    }
}

#[test]
fn what_is_left_of_a_partly_paid_invoice_is_called_so() {
    for level in [Some(1), Some(2), Some(3)] {
        for (amount_due, expected, other) in [
            (Some("690.00"), "le montant restant", "impayée"),
            (None, "le montant dû", "restant"),
            (Some("1200.00"), "le montant dû", "restant"),
        ] {
            let mut snapshot = with_amounts("fr-FR", InvoiceKind::Reminder, "1190.00", amount_due);
            snapshot.data.invoice.reminder_level = level;
            let text = text(&snapshot, Plan::Attach);
            assert!(text.contains(expected) && !text.contains(other), "{level:?} {amount_due:?}: {text}");
        }
    }
}

#[test]
fn documents_are_spoken_of_as_many_as_there_are() {
    let any: Words = ["Dokument", "document", "document", "document"];
    let many: Words = ["Dokumente", "documenten", "documents", "documents"];
    for (at, locale) in LOCALES.into_iter().enumerate() {
        for count in 0..=2 {
            for plan in PLANS {
                let mut snapshot = snapshot(locale, InvoiceKind::Reminder);
                snapshot.data.documents.truncate(count);
                let loaded = &documents()[..count];
                let (text, html) = text_and_html(&mail(&snapshot, plan, loaded));
                // A Bcc's mail has no link.
                snapshot.portal_link = None;
                let (copy, _) = text_and_html(&mail(&snapshot, plan, loaded));
                // At the strictest level the mail says nothing of what there is to see; a copy says where the link is.
                let speaks = plan != Plan::Link { access: PortalAccess::EveryPageVerified };
                for (said, speaks) in [(text, speaks), (html, speaks), (copy, true)] {
                    let which = format!("{locale} {} {count}: {said}", name_of(plan));
                    assert_eq!(said.contains(many[at]), count == 2 && speaks, "{which}");
                    assert_eq!(said.contains(any[at]), count > 0 && speaks, "{which}");
                    assert!(
                        !said.contains("<p style=\"margin:0 0 12px\"></p>") && !said.contains("\n\n\n"),
                        "no hole: {which}"
                    );
                }
            }
        }
    }
}

#[test]
fn numbers_and_references_are_shown_whole() {
    let number: String = (0..43).map(|at| format!("{at:02}")).collect::<Vec<_>>().join("-");
    let reference: String = (0..85).map(|at| format!("{at:02}")).collect::<Vec<_>>().join(".") + ".";
    assert_eq!((number.len(), reference.len()), (128, 255));
    for (at, locale) in LOCALES.into_iter().enumerate() {
        let mut snapshot = snapshot(locale, InvoiceKind::Reminder);
        snapshot.data.invoice.number.clone_from(&number);
        snapshot.data.invoice.payment_reference = Some(reference.clone());
        snapshot.data.invoice.buyer_reference = Some(reference.replace('.', "/"));
        let tenant = Arc::make_mut(&mut snapshot.tenant);
        tenant.name = "N".repeat(255);
        tenant.contact.phone = Some("1".repeat(50));
        tenant.legal_footer = Some((0..200).map(|at| format!("line {at}")).collect::<Vec<_>>().join("\n"));
        snapshot.customer_name = "C".repeat(255);
        let mail = mail(&snapshot, Plan::Attach, &documents());
        let (text, html) = text_and_html(&mail);
        for said in [&text, &html] {
            for whole in [&number, &reference, &reference.replace('.', "/"), &"N".repeat(255), &"C".repeat(255)] {
                assert!(said.contains(whole.as_str()), "{locale}: {said}");
            }
            assert!(
                said.contains("line 199") && said.contains(&"1".repeat(50)) && !said.contains('…'),
                "{locale}: {said}"
            );
        }
        let subject = parse_mail(&mail.bytes).unwrap().headers.get_first_value("Subject").unwrap();
        assert!(subject.contains(&number) && subject.contains(&"N".repeat(255)), "{at} {subject}");
        // A display name is cut, and shows it.
        Arc::make_mut(&mut snapshot.tenant).sender.name = "S".repeat(200);
        let cut = compose(&Templates::builtin(), &snapshot, Plan::Attach, &[]).unwrap();
        let from = parse_mail(&cut.bytes).unwrap().headers.get_first_value("From").unwrap();
        assert!(from.contains(&format!("{}…", "S".repeat(119))), "{from}");
    }
}

#[test]
fn every_text_is_quoted_printable() {
    for (locale, name) in [
        ("en-GB", "Harbour Ltd"),
        ("de-DE", "Käufer & Söhne"),
        ("en-GB", "Ελληνική Εταιρεία ΑΕ"),
        ("fr-FR", "株式会社"),
    ] {
        for plan in PLANS {
            let mut snapshot = snapshot(locale, InvoiceKind::Invoice);
            let tenant = Arc::make_mut(&mut snapshot.tenant);
            tenant.name = name.to_owned();
            tenant.legal_footer = Some(name.repeat(60));
            snapshot.customer_name = name.to_owned();
            snapshot.data.invoice.currency = "USD".to_owned();
            let mail = mail(&snapshot, plan, &[]);
            let parsed = parse_mail(&mail.bytes).unwrap();
            for part in parsed.parts().filter(|part| part.ctype.mimetype.starts_with("text/")) {
                let encoding = part.headers.get_first_value("Content-Transfer-Encoding");
                assert_eq!(encoding.as_deref(), Some("quoted-printable"), "{locale} {name}");
                assert!(
                    part.get_body()
                        .unwrap()
                        .contains(&name.replace('&', if part.ctype.mimetype == "text/html" { "&amp;" } else { "&" }))
                );
            }
        }
    }
}

#[test]
fn the_words_of_a_region_are_its_own() {
    let qr = "21 00000 00003 13947 14300 09017";
    for (locale, reference, expected) in [
        ("de-DE", qr, "Verwendungszweck: "),
        ("de-CH", qr, "Referenz: "),
        ("de-LI", "RF18 5390 0754 7034", "Referenz: "),
        ("de-CH", "Rechnung 42", "Verwendungszweck: "),
        ("de-BE", "+++090/9337/55493+++", "Mitteilung: "),
        ("fr-FR", "R-1", "Référence de paiement\u{a0}: "),
        ("fr-BE", "+++090/9337/55493+++", "Communication\u{a0}: "),
        ("nl-NL", "R-1", "Betalingskenmerk: "),
        ("nl-BE", "+++090/9337/55493+++", "Mededeling: "),
    ] {
        let mut snapshot = snapshot(locale, InvoiceKind::Invoice);
        snapshot.data.invoice.payment_reference = Some(reference.to_owned());
        let text = text(&snapshot, Plan::Attach);
        assert!(text.contains(&format!("\n{expected}{reference}\n")), "{locale}: {text}");
        assert_eq!(text.contains("Grüssen"), matches!(locale, "de-CH" | "de-LI"), "{text}");
    }
    for (locale, kind, expected) in [
        ("de-DE", InvoiceKind::Invoice, "Rechnung an: Käufer"),
        ("de-DE", InvoiceKind::CreditNote, "Gutschrift an: Käufer"),
        ("fr-FR", InvoiceKind::Reminder, "Adressée à\u{a0}: Käufer"),
        ("fr-FR", InvoiceKind::CreditNote, "Adressé à\u{a0}: Käufer"),
    ] {
        let text = text(&snapshot(locale, kind), Plan::Attach);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn the_body_says_its_language_and_a_button_can_be_seen() {
    for colour in ["#ffffff", "#fefefa", "#f6e600", "#0a6b4f"] {
        let mut snapshot = snapshot("nl-BE", InvoiceKind::Invoice);
        Arc::make_mut(&mut snapshot.tenant).branding.colour = Some(colour.to_owned());
        let (_, html) = text_and_html(&mail(&snapshot, PLANS[1], &[]));
        let (_, body) = html.split_once("<body").expect("a body");
        let (_, inner) = body.split_once('>').expect("its end");
        assert!(inner.trim_start().starts_with("<div lang=\"nl-BE\" dir=\"ltr\""), "{inner}");
        let button = html.split_once("class=\"button\"").expect("a button").1.split_once('>').expect("its end").0;
        let line = button.split_once("border:1px solid ").expect("a border").1;
        // WCAG 2.2 §1.4.11: 3 : 1 against the white card; the link's colour has 4.5 : 1.
        assert!(contrast_with_white(&line[..7]) >= 3.0, "{colour} {button}");
        assert_eq!(line.starts_with(colour), colour == "#0a6b4f", "a colour that can be seen stays: {button}");
    }
}

/// The contrast ratio of WCAG 2.2 of `#rrggbb` with white.
fn contrast_with_white(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).expect("two digits")) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    1.05 / (0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5) + 0.05)
}
