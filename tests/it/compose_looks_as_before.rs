//! Every locale, kind and plan, byte for byte as in `tests/snapshots`.
//!
//! Composing is pure, so the snapshots need no redaction. `UPDATE_SNAPSHOTS=1` writes them anew; read the difference
//! before committing it.

use std::path::Path;

use invoice_dispatcher::compose::{Templates, compose};
use invoice_dispatcher::event::InvoiceKind;

use super::compose_sample::{PLANS, documents, name_of, snapshot};

#[test]
fn every_mail_is_byte_for_byte_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    let templates = Templates::builtin();
    let mut changed = Vec::new();
    for locale in ["de-DE", "nl-NL", "en-GB", "fr-FR"] {
        for kind in InvoiceKind::ALL {
            for plan in PLANS {
                let mail = compose(&templates, &snapshot(locale, *kind), plan, &documents()).expect("it is composed");
                let name = format!("{locale}.{kind}.{}.eml", name_of(plan));
                let path = folder.join(&name);
                if update {
                    std::fs::write(&path, &mail.bytes).expect("the snapshot is written");
                } else if std::fs::read(&path).ok().as_ref() != Some(&mail.bytes) {
                    changed.push(name);
                }
            }
        }
    }
    assert!(changed.is_empty(), "changed, or without a snapshot: {changed:?}; see UPDATE_SNAPSHOTS");
}
