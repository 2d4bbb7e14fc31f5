//! Every locale, kind and plan, byte for byte as in `tests/snapshots`.
//!
//! Composing is pure, so the snapshots need no redaction. `UPDATE_SNAPSHOTS=1` writes them anew; read the difference
//! before committing it.

use std::path::Path;

use strum::VariantArray as _;

use invoice_dispatcher::compose::{Snapshot, Templates, compose};
use invoice_dispatcher::event::{LoadedDocument, Reminder};
use invoice_dispatcher::model::invoice_kind::InvoiceKind;
use invoice_dispatcher::model::settings::VerificationMethod;
use invoice_dispatcher::policy::decision::Plan;

use crate::compose::sample::{PLANS, documents, name_of, snapshot};

#[test]
fn every_mail_is_byte_for_byte_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    let templates = Templates::builtin();
    let mut changed = Vec::new();
    let mut compare = |name: String, snapshot: &Snapshot, plan, documents: &[LoadedDocument]| {
        let mail = compose(&templates, snapshot, plan, documents).expect("it is composed");
        let path = folder.join(format!("{name}.{}.eml", name_of(plan)));
        if update {
            std::fs::write(&path, &mail.bytes).expect("the snapshot is written");
        } else if std::fs::read(&path).ok().as_ref() != Some(&mail.bytes) {
            changed.push(path);
        }
    };
    for locale in ["de-DE", "nl-NL", "en-GB", "fr-FR"] {
        for kind in InvoiceKind::VARIANTS {
            for plan in PLANS {
                compare(format!("{locale}.{kind}"), &snapshot(locale, *kind), plan, &documents());
            }
        }
        for (name, snapshot, count) in special(locale) {
            compare(format!("{locale}.{name}"), &snapshot, Plan::Attach, &documents()[..count]);
        }
        let by_sms =
            Snapshot { portal_method: Some(VerificationMethod::SmsOtp), ..snapshot(locale, InvoiceKind::Invoice) };
        for plan in [PLANS[2], PLANS[3]] {
            compare(format!("{locale}.invoice_by_sms"), &by_sms, plan, &[]);
        }
        let (_, without_documents, _) = special(locale).pop().expect("the last");
        compare(format!("{locale}.reminder_3"), &without_documents, PLANS[1], &[]);
    }
    for (locale, reference) in [
        ("de-CH", "21 00000 00003 13947 14300 09017"),
        ("fr-BE", "+++090/9337/55493+++"),
        ("nl-BE", "+++090/9337/55493+++"),
    ] {
        let mut regional = snapshot(locale, InvoiceKind::Invoice);
        regional.data.invoice.payment_reference = Some(reference.to_owned());
        compare(format!("{locale}.invoice"), &regional, Plan::Attach, &documents());
    }
    assert!(changed.is_empty(), "changed, or without a snapshot: {changed:?}; see UPDATE_SNAPSHOTS");
}

/// What the samples do not say: invoices over nothing and in the customer's favour, later reminders. With the number of
/// documents that are attached; the event of the last names none.
fn special(locale: &str) -> Vec<(&'static str, Snapshot, usize)> {
    let amounts = |total: &str, due: Option<&str>, kind| {
        let mut snapshot = snapshot(locale, kind);
        snapshot.data.invoice.total = total.parse().expect("an amount");
        snapshot.data.invoice.amount_due = due.map(|due| due.parse().expect("an amount"));
        snapshot
    };
    let reminder = |level, deadline, due| {
        let mut snapshot = amounts("1190.00", due, InvoiceKind::Reminder);
        snapshot.data.invoice.reminder_level = Some(level);
        snapshot.data.reminder = Some(Reminder { deadline });
        snapshot.data.documents.clear();
        snapshot
    };
    vec![
        ("invoice_nothing", amounts("1190.00", Some("0.00"), InvoiceKind::Invoice), 3),
        ("invoice_credit", amounts("1190.00", Some("-10.00"), InvoiceKind::Invoice), 3),
        ("invoice_negative", amounts("-50.00", None, InvoiceKind::Invoice), 1),
        ("credit_note_negative", amounts("-119.00", None, InvoiceKind::CreditNote), 1),
        ("reminder_2", reminder(2, Some(jiff::civil::date(2026, 12, 7)), None), 1),
        ("reminder_3", reminder(3, None, Some("690.00")), 1),
    ]
}
