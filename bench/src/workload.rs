//! What is published: invoices of several tenants, with documents of a given size.

use std::io;
use std::path::Path;

use bytes::Bytes;
use invoice_dispatcher::private_file;
use invoice_dispatcher::sha256::Sha256;
use serde_json::{Value, json};

/// Tenants that share the relay.
const TENANTS: u32 = 20;
/// Customers of each.
const CUSTOMERS: u32 = 50;
/// Pairs of documents of each tenant; its invoices use them in turn.
const PAIRS: u32 = 10;
/// A message without documents: headers, text and HTML of the built-in templates.
const WORDS_BYTES: u64 = 10_000;
/// Of a pair's bytes, what the PDF has; the UBL has the rest.
const PDF_PERCENT: u64 = 80;

/// The `source` of every event.
pub const SOURCE: &str = "https://billing.example/bench";

/// The invoices of one benchmark.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Of a hundred invoices, so many go as a link.
    links_percent: u32,
    /// One PDF and one UBL for each pair, by tenant and pair.
    pairs: Vec<[WorkloadDocument; 2]>,
}

#[derive(Debug, Clone)]
struct WorkloadDocument {
    object: String,
    bytes: Vec<u8>,
    sha256: Sha256,
}

impl Workload {
    /// Invoices whose mails with documents have about `message_bytes` on the wire.
    #[must_use]
    pub fn new(message_bytes: u64, links_percent: u8) -> Self {
        // Base64 in lines of 76 characters (RFC 2045 §6.8): 57 bytes become 78.
        let documents_bytes = message_bytes.saturating_sub(WORDS_BYTES).max(1_000) * 57 / 78;
        let pdf = usize::try_from(documents_bytes * PDF_PERCENT / 100).unwrap_or(usize::MAX);
        let ubl = usize::try_from(documents_bytes).unwrap_or(usize::MAX) - pdf;
        let pairs = (0..TENANTS * PAIRS)
            .map(|pair| {
                let tenant = tenant(pair % TENANTS);
                [("pdf", "%PDF-1.7 ", pdf), ("xml", "<Invoice/> ", ubl)].map(|(extension, begin, size)| {
                    let object = format!("{tenant}/{pair}.{extension}");
                    let bytes = filled(&format!("{begin}{object} "), size);
                    WorkloadDocument { object, sha256: Sha256::of(&bytes), bytes }
                })
            })
            .collect();
        Self { links_percent: links_percent.into(), pairs }
    }

    /// Writes the documents below `folder`.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn write_documents(&self, folder: &Path) -> io::Result<()> {
        for document in self.pairs.iter().flatten() {
            let path = folder.join(&document.object);
            path.parent().map_or(Ok(()), private_file::create_folder)?;
            private_file::write(&path, &document.bytes)?;
        }
        Ok(())
    }

    /// Tenants, then customers: one JSON object a line, as `import` reads them.
    #[must_use]
    pub fn catalogue(&self) -> Vec<String> {
        let tenants = (0..TENANTS).map(|n| {
            let policy = if self.sends_links(n) { "exclude" } else { "include" };
            json!({ "tenant": {
                "id": tenant(n), "name": format!("Bench {n} GmbH"), "locale": "de-DE",
                "sender": { "name": format!("Bench {n}"), "address": format!("rechnung@bench-{n}.example") },
                "contact": { "email": format!("hilfe@bench-{n}.example") },
                "legal_footer": format!("Bench {n} GmbH · Hauptstr. 1 · 01067 Dresden"),
                "settings": { "sensitive_attachments": policy, "portal_authentication":
                    { "level": "sensitive", "primary": "postcode_house_number" } },
            }})
        });
        let customers = (0..TENANTS * CUSTOMERS).map(|n| {
            json!({ "customer": {
                "tenant_id": tenant(n % TENANTS), "id": format!("C-{}", n / TENANTS), "type": "business",
                "name": format!("Käufer {n} OHG"), "address": format!("ap-{n}@customer.example"),
                "postal": { "country": "DE", "postcode": "01067", "house_number": "12a" },
            }})
        });
        tenants.chain(customers).map(|line| line.to_string()).collect()
    }

    /// The `number`th event, from 0: the tenants take turns.
    #[must_use]
    pub fn event(&self, number: u32) -> Bytes {
        let owner = number % TENANTS;
        let round = number / TENANTS;
        let [pdf, ubl] = &self.pairs[usize::try_from((round % PAIRS) * TENANTS + owner).expect("32 bits fit")];
        let document = |role: &str, media_type: &str, document: &WorkloadDocument| -> Value {
            json!({
                "id": role, "role": role, "media_type": media_type, "object": document.object,
                "size": document.bytes.len(), "sha256": document.sha256.to_string(),
            })
        };
        let event = json!({
            "specversion": "1.0", "id": format!("bench-{number}"), "source": SOURCE, "type": "invoice.sent.v1",
            "data": {
                "tenant_id": tenant(owner), "customer_id": format!("C-{}", round % CUSTOMERS),
                "invoice": { "id": format!("inv-{number}"), "number": format!("B-{number:07}"), "kind": "invoice",
                             "issue_date": "2026-11-20", "due_date": "2026-12-04", "currency": "EUR",
                             "total": "1190.00" },
                "documents": [document("invoice_pdf", "application/pdf", pdf),
                              document("invoice_xml", "application/xml", ubl)],
            },
        });
        event.to_string().into()
    }

    /// Whether this tenant's policy is a link for everybody.
    fn sends_links(&self, tenant: u32) -> bool {
        tenant * 100 < self.links_percent * TENANTS
    }
}

fn tenant(number: u32) -> String {
    format!("bench-{number:02}")
}

/// `begin`, and then what no compression would shrink to nothing, up to `size` bytes.
fn filled(begin: &str, size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = begin.as_bytes().to_vec();
    while bytes.len() < size {
        // xorshift64 (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size.max(begin.len()));
    bytes
}

#[cfg(test)]
mod tests {
    use invoice_dispatcher::event;
    use invoice_dispatcher::event::catalogue::parse_import_line;

    use super::*;

    #[test]
    fn what_is_published_is_what_the_dispatcher_takes() {
        let traffic = Workload::new(60_000, 50);
        for line in traffic.catalogue() {
            parse_import_line(line.as_bytes()).expect("a tenant or a customer");
        }
        let links = (0..TENANTS).filter(|tenant| traffic.sends_links(*tenant)).count();
        assert_eq!(links, 10);
        let (first, last) = (event::parse(&traffic.event(0)), event::parse(&traffic.event(9_999)));
        let (first, last) = (first.expect("an event"), last.expect("an event"));
        assert_ne!(first.key(), last.key());
        assert_ne!(event::invoice_sha256(&first.data), event::invoice_sha256(&last.data));
        let bytes: u64 = first.data.documents.iter().map(|document| document.size).sum();
        assert!((36_000..37_000).contains(&bytes), "{bytes}");
    }
}
