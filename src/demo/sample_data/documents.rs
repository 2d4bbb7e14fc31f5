//! The documents of an event: their bytes for the store, their description for the event.

use serde_json::{Value, json};

use super::bill::Bill;
use super::{StoredDocument, invoice_pdf, ubl};
use crate::event::{DocumentRole, MediaType};
use crate::model::invoice_kind::InvoiceKind;
use crate::sha256::Sha256;

/// A document in the making.
#[derive(Debug, Clone)]
pub(super) struct SampleDocument {
    role: DocumentRole,
    media_type: MediaType,
    /// As people see it.
    name: String,
    pub(super) bytes: Vec<u8>,
}

impl SampleDocument {
    /// The bill for people.
    pub(super) fn pdf(bill: &Bill) -> Self {
        let prefix = match bill.kind {
            InvoiceKind::Reminder => "reminder-",
            InvoiceKind::Invoice | InvoiceKind::CreditNote => "",
        };
        Self {
            role: DocumentRole::InvoicePdf,
            media_type: MediaType::Pdf,
            name: format!("{prefix}{}.pdf", bill.number),
            bytes: invoice_pdf::pdf(bill),
        }
    }

    /// The bill for machines.
    pub(super) fn ubl(bill: &Bill) -> Self {
        Self {
            role: DocumentRole::InvoiceXml,
            media_type: MediaType::Xml,
            name: format!("{}.xml", bill.number),
            bytes: ubl::xml(bill),
        }
    }

    /// Something else, as a PDF.
    pub(super) fn note(bill: &Bill, name: &str, title: &str, lines: &[String]) -> Self {
        Self {
            role: DocumentRole::Attachment,
            media_type: MediaType::Pdf,
            name: name.to_owned(),
            bytes: invoice_pdf::note(bill.person.house.colour, title, lines, bill.person.locale),
        }
    }

    /// Something else, as a table.
    pub(super) fn csv(name: &str, bytes: Vec<u8>) -> Self {
        Self { role: DocumentRole::Attachment, media_type: MediaType::Csv, name: name.to_owned(), bytes }
    }

    /// As it lies in the store. The key is the billing system's own: ASCII, under the tenant's prefix.
    pub(super) fn stored(&self, bill: &Bill, run: &str) -> StoredDocument {
        StoredDocument { object: self.object(bill, run), bytes: self.bytes.clone() }
    }

    /// As the event names it.
    pub(super) fn described(&self, number: usize, bill: &Bill, run: &str) -> Value {
        json!({
            "id": format!("d{number}"),
            "role": self.role,
            "name": self.name,
            "media_type": self.media_type,
            "size": self.bytes.len(),
            "sha256": Sha256::of(&self.bytes),
            "object": self.object(bill, run),
        })
    }

    fn object(&self, bill: &Bill, run: &str) -> String {
        let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-');
        let name: String = self.name.chars().map(|character| if plain(character) { character } else { '_' }).collect();
        format!("{}/{run}/{}/{name}", bill.person.house.id, bill.number)
    }
}

/// A month of telephone calls: honest rows, and more of them than a mail should carry.
pub(super) fn call_records(month: jiff::civil::Date) -> Vec<u8> {
    use std::fmt::Write;

    let mut csv = String::from("begin,from,to,seconds\r\n");
    let mut seed: u32 = 20_261;
    for call in 0..26_000_u32 {
        // A linear congruential generator: the same calls every time.
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (day, second) = (call * 28 / 26_000 + 1, 28_800 + (call * 7) % 36_000);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        let (line, other, length) = (seed >> 28, (seed >> 12) & 0xffff, seed >> 20 & 0x3ff);
        writeln!(
            csv,
            "{}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02},+3110000{line:04},+3120{other:06},{length}\r",
            month.year(),
            month.month(),
        )
        .expect("writing to a string cannot fail");
    }
    csv.into_bytes()
}
