//! What stands in `examples/` is what a newcomer publishes first: it is right down to the last byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use strum::VariantArray as _;

use invoice_dispatcher::documents::{DocumentStore, Options};
use invoice_dispatcher::event::catalogue::{ImportEntry, parse_import_line};
use invoice_dispatcher::event::{self, InvoiceSent, LoadedDocument, MediaType, check_objects};
use invoice_dispatcher::model::customer::Customer;
use invoice_dispatcher::model::invoice_kind::InvoiceKind;
use invoice_dispatcher::model::settings::SensitiveAttachments;
use invoice_dispatcher::model::tenant::Tenant;

/// The folders below `examples/`: what a newcomer publishes, and what the demo does.
const FOLDERS: [&str; 2] = ["", "demo"];

/// Events of the demo that name documents which are not theirs.
const BROKEN: [&str; 2] = ["NE-1046", "NE-1047"];

/// The one PDF that is about a meter and not an invoice.
const METER_READING: &str = "Zählerablesung Oktober.pdf";

fn examples(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(folder)
}

fn catalogue(folder: &str) -> (BTreeMap<String, Tenant>, BTreeMap<(String, String), Customer>) {
    let (mut tenants, mut customers) = (BTreeMap::new(), BTreeMap::new());
    let text = fs::read_to_string(examples(folder).join("catalogue.ndjson")).expect("the catalogue");
    for (index, line) in text.lines().enumerate() {
        match parse_import_line(line.as_bytes()) {
            Ok(ImportEntry::Tenant(tenant)) => drop(tenants.insert(tenant.id.to_string(), *tenant)),
            Ok(ImportEntry::Customer(customer)) => {
                assert!(
                    tenants.contains_key(customer.tenant_id.as_str()),
                    "line {}: its tenant comes first",
                    index + 1
                );
                customers.insert((customer.tenant_id.to_string(), customer.id.to_string()), *customer);
            }
            Ok(ImportEntry::Logo(logo)) => {
                assert!(tenants.contains_key(logo.tenant_id.as_str()), "line {}: its tenant comes first", index + 1);
            }
            Err(fault) => panic!("line {}: {fault}", index + 1),
        }
    }
    (tenants, customers)
}

fn events(folder: &str) -> Vec<InvoiceSent> {
    let mut files: Vec<_> = fs::read_dir(examples(folder).join("events"))
        .expect("the events")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let read = |file: &PathBuf| {
        event::parse(&fs::read(file).expect("a file")).map_err(|fault| format!("{}: {fault}", file.display()))
    };
    files
        .iter()
        .filter(|file| !BROKEN.iter().any(|name| file.file_stem().is_some_and(|stem| stem == *name)))
        .map(read)
        .collect::<Result<_, _>>()
        .expect("good events")
}

/// The documents of an event, their sizes and digests proven; without the one table that only the demo makes.
async fn documents_of(folder: &str, event: &InvoiceSent) -> Vec<LoadedDocument> {
    let url = format!("file:{}", examples(folder).join("documents").display());
    let store = DocumentStore::open(&url, &Options::default()).expect("a store");
    let files: Vec<_> = event.data.documents.iter().filter(|d| d.media_type != MediaType::Csv).cloned().collect();
    store.load_all(&files).await.expect("they are there, and sizes and digests are right")
}

#[test]
fn there_is_one_tenant_for_each_policy_and_both_types_of_customer() {
    let (tenants, customers) = catalogue("");
    let policies: Vec<_> = tenants.values().map(|tenant| tenant.settings.sensitive_attachments.into_str()).collect();
    assert_eq!(policies.len(), SensitiveAttachments::VARIANTS.len());
    assert_eq!(policies.into_iter().collect::<BTreeSet<_>>().len(), SensitiveAttachments::VARIANTS.len());
    let levels = tenants.values().map(|tenant| tenant.settings.portal_authentication.level.into_str());
    assert_eq!(levels.collect::<BTreeSet<_>>().len(), tenants.len(), "each shows another level");
    for tenant in tenants.keys() {
        let types = customers.values().filter(|customer| customer.tenant_id.as_str() == tenant).map(|c| c.kind);
        let types: BTreeSet<_> = types.map(|kind| kind.map(|kind| kind.into_str())).collect();
        assert_eq!(types, BTreeSet::from([Some("business"), Some("private")]), "{tenant}");
    }
}

#[tokio::test]
async fn every_event_is_about_known_people_and_its_documents_are_the_ones_it_names() {
    for folder in FOLDERS {
        let (tenants, customers) = catalogue(folder);
        let (mut kinds, mut languages, mut keys) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for event in events(folder) {
            let data = &event.data;
            assert!(keys.insert(event.key().0), "{} stands twice", event.id);
            let tenant = &tenants[data.tenant_id.as_str()];
            let customer = &customers[&(data.tenant_id.to_string(), data.customer_id.to_string())];
            check_objects(data, &tenant.object_prefix()).expect("its own documents");
            documents_of(folder, &event).await;
            kinds.insert(data.invoice.kind.into_str());
            let locale = data.locale.as_ref().or(customer.locale.as_ref()).unwrap_or(&tenant.profile.locale);
            languages.insert(locale[..2].to_owned());
        }
        assert_eq!(kinds.len(), InvoiceKind::VARIANTS.len());
        assert_eq!(languages.into_iter().collect::<Vec<_>>(), ["de", "en", "fr", "nl"]);
    }
}

#[tokio::test]
async fn every_pdf_is_whole_and_shows_its_number() {
    for folder in FOLDERS {
        for event in events(folder) {
            for document in documents_of(folder, &event).await {
                let (named, number) = (&document.document, &event.data.invoice.number);
                if named.media_type == MediaType::Pdf {
                    assert_whole_pdf(&document.bytes);
                    let shows = contains(&document.bytes, number.as_bytes());
                    assert!(shows || named.name.as_deref() == Some(METER_READING), "{} shows {number}", named.object);
                }
            }
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// ISO 32000-1 §7.5: header, and a cross-reference table in which every entry points at its object.
fn assert_whole_pdf(bytes: &[u8]) {
    assert!(bytes.starts_with(b"%PDF-1.4\n") && bytes.ends_with(b"%%EOF\n"));
    let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    // Every byte is one character of up to two bytes: offsets are counted in characters.
    let at = |offset: usize| text.chars().skip(offset);
    let start = text.rsplit_once("startxref\n").and_then(|(_, end)| end.lines().next()).expect("startxref");
    let table: String = at(start.parse().expect("an offset")).collect();
    assert!(table.starts_with("xref\n0 "));
    let entries = table.lines().skip(2).take_while(|line| !line.starts_with("trailer"));
    for (object, entry) in entries.enumerate().skip(1) {
        let found: String = at(entry[..10].parse().expect("an offset")).take(10).collect();
        assert!(found.starts_with(&format!("{object} 0 obj")), "object {object}: {found}");
    }
}
