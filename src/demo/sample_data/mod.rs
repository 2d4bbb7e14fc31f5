//! The sample data: three tenants, their customers, and what a billing system publishes in one night.
//!
//! They are the files of `examples/demo`, moved to the moment at which the demo runs: each date in them by as many days,
//! identifiers and document keys by the moment itself. The same moment gives the same events and documents byte for
//! byte, and another moment gives others that do not collide with them. So a demo can be run again in the same folder.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::civil::{Date, date};
use jiff::{Span, tz::TimeZone};
use serde_json::{Value, json};
use uuid::Uuid;

use super::catcher::{ALWAYS, Behaviour};
use crate::clock::Timestamp;
use crate::private_file;
use crate::sha256::Sha256;

/// The largest message that the demo's relay should take, in bytes: small, so that a document of ordinary size shows
/// what becomes of one that is too large.
pub const MESSAGE_BYTES_MAX: u64 = 1024 * 1024;

/// The day on which the files were written.
const DAY_OF_FILES: Date = date(2026, 11, 23);

/// The one document that is made: as a file it would be too large for a repository.
const CALL_RECORDS: &str = "tulp/call-records.csv";

const CATALOGUE: &str = include_str!("../../../examples/demo/catalogue.ndjson");

macro_rules! documents {
    ($($key:literal)+) => {
        &[$(($key, include_bytes!(concat!("../../../examples/demo/documents/", $key)).as_slice())),+]
    };
}

const DOCUMENTS: &[(&str, &[u8])] = documents![
    "nordlicht/NE-1041.pdf" "nordlicht/NE-1041.xml" "nordlicht/NE-1041-Zaehlerablesung.pdf" "nordlicht/NE-1042.pdf"
    "nordlicht/NE-1043.pdf" "nordlicht/reminder-NE-1044.pdf" "nordlicht/NE-1045.pdf" "nordlicht/NE-1045.xml"
    "nordlicht/NE-1048.pdf" "nordlicht/NE-1050.pdf" "nordlicht/NE-1051.pdf"
    "tulp/TT-7001.pdf" "tulp/TT-7002-C.pdf" "tulp/TT-7002-C.xml" "tulp/TT-7003.pdf" "tulp/TT-7003.xml"
    "tulp/TT-7004.pdf" "tulp/TT-7005.pdf" "tulp/TT-7006.pdf" "tulp/TT-7007.pdf" "tulp/TT-7008.pdf"
    "lavande/ML-301.pdf" "lavande/ML-301.xml" "lavande/ML-302-A.pdf"
];

/// An event of the night.
struct Publication {
    label: &'static str,
    /// The text of its file.
    json: &'static str,
    alteration: Alteration,
    expect: &'static str,
}

/// What an event differs in from its file.
enum Alteration {
    Nothing,
    NewId,
    OtherTotal,
    /// Only the first two thirds of its bytes are published.
    CutShort,
    /// It names another document than the one under the key.
    OtherDigest,
    Expired,
}

macro_rules! night {
    ($($label:literal: $file:literal $alteration:ident, $expect:literal;)+) => {
        &[$(Publication {
            label: $label,
            json: include_str!(concat!("../../../examples/demo/events/", $file, ".json")),
            alteration: Alteration::$alteration,
            expect: $expect,
        }),+]
    };
}

/// In the order in which they are published: the ordinary, the odd and the broken.
const NIGHT: &[Publication] = night! {
    // Policy × customer type, in four languages.
    "business, documents for businesses": "NE-1041" Nothing,
        "a mail with three files: the policy attaches for business customers";
    "private, documents for businesses": "NE-1042" Nothing,
        "a mail with a portal link and no file: the customer is private";
    "customer of unknown type": "NE-1043" Nothing, "a link: an unknown type counts as private";
    "reminder in English": "NE-1044" Nothing, "a second reminder in English with a portal link";
    "private, documents for everybody": "TT-7001" Nothing,
        "a mail in Dutch with the PDF: this tenant attaches for everybody";
    "credit note": "TT-7002-C" Nothing, "a credit note with PDF and XML";
    "documents for nobody, portal closed": "ML-301" Nothing,
        "no file and no download: the mail in French names the tenant's contact";
    "credit note, portal closed": "ML-302-A" Nothing, "the same for a private customer's credit note";
    // Addresses and names.
    "umlauts in the domain": "NE-1045" Nothing, "sent to an xn-- domain, the file attached";
    "to, cc and bcc": "TT-7003" Nothing, "two mails: one to To and Cc, one of its own to the Bcc, named in no header";
    "a name that wants to be a header": "TT-7004" Nothing, "sent; the name is cleaned, and nobody else gets the mail";
    // What the relay has to say.
    "too large for the relay": "TT-7005" Nothing,
        "a link although the policy attaches: 1.3 MB are more than this relay takes";
    "relay answers 451 the first time": "TT-7006" Nothing,
        "deferred, then sent at the second attempt, with the same Message-ID";
    "mailbox does not exist": "TT-7007" Nothing, "rejected: 550 5.1.1, for support to ask for another address";
    "relay hangs up after the message": "TT-7008" Nothing,
        "uncertain: the relay may have it, so nothing is sent again until a person decides";
    // What must not be sent, or not twice.
    "the first event once more": "NE-1041" Nothing, "a duplicate: counted, and no second mail";
    "the same invoice under a new id": "TT-7001" NewId, "cancelled as duplicate_invoice: no second mail";
    "a used id, other content": "NE-1041" OtherTotal, "dead letter conflicting_event: the id is taken";
    "broken JSON": "NE-1041" CutShort, "dead letter malformed, the bytes kept";
    "a key that leaves its folder": "NE-1046" Nothing, "dead letter malformed, naming data.documents[0].object";
    "unknown tenant": "NE-1047" Nothing, "dead letter unknown_tenant, cured by importing the tenant";
    "another document under the key": "NE-1048" OtherDigest,
        "dead letter document_mismatch: the sha256 differs, so nothing is sent";
    "nothing to verify by": "NE-1050" Nothing, "dead letter no_verification_method: neither attached nor linked";
    "too late": "NE-1051" Expired, "expired: its time passed before it could be sent";
};

/// Everything that the demo invents.
#[derive(Debug)]
pub struct SampleData {
    documents: Vec<StoredDocument>,
    events: Vec<DemoEvent>,
}

/// A document as it lies in the store.
#[derive(Debug, Clone)]
pub struct StoredDocument {
    /// Its key in `examples/demo`.
    file: &'static str,
    /// Its key.
    pub object: String,
    pub bytes: Vec<u8>,
}

/// One event, as a billing system would publish it.
#[derive(Debug, Clone)]
pub struct DemoEvent {
    /// A few words for the progress display.
    pub label: &'static str,
    /// What is published. Not always JSON.
    pub bytes: Vec<u8>,
    /// What to expect, in one line.
    pub expect: &'static str,
}

impl SampleData {
    /// The sample data at this moment.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        let moment = Moment::new(at);
        let made = (CALL_RECORDS, call_records(moment.today));
        let documents: Vec<_> = DOCUMENTS
            .iter()
            .map(|(file, bytes)| (*file, moved(bytes, moment.days)))
            .chain([made])
            .map(|(file, bytes)| StoredDocument { file, object: moment.object(file), bytes })
            .collect();
        let events = NIGHT.iter().map(|publication| moment.event(publication, &documents)).collect();
        Self { documents, events }
    }

    /// Tenants, then customers: one JSON object a line, as `import` reads them.
    pub fn catalogue(&self) -> impl Iterator<Item = &'static str> {
        CATALOGUE.lines()
    }

    /// The events in the order in which they are to be published.
    #[must_use]
    pub fn events(&self) -> &[DemoEvent] {
        &self.events
    }

    /// The documents that the events name.
    #[must_use]
    pub fn documents(&self) -> &[StoredDocument] {
        &self.documents
    }

    /// Writes the documents below `folder`, each under its key. One that is there already is left alone.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn write_documents(&self, folder: &Path) -> io::Result<()> {
        for document in &self.documents {
            let path = folder.join(&document.object);
            let there = std::fs::read(&path).is_ok_and(|bytes| Sha256::of(&bytes) == Sha256::of(&document.bytes));
            if !there {
                path.parent().map_or(Ok(()), private_file::create_folder)?;
                private_file::write(&path, &document.bytes)?;
            }
        }
        Ok(())
    }

    /// How the relay treats the sample addresses.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        Behaviour::new([
            ("bewoner@verhuisd.example", ALWAYS, "550 5.1.1 there is no such mailbox here"),
            ("later@grijze-lijst.example", 1, "451 4.7.1 greylisted, try again later"),
        ])
        .hanging_up_once_on("boekhouding@stille-lijn.example")
    }
}

/// When the demo runs.
struct Moment {
    at: Timestamp,
    today: Date,
    /// From the day of the files to today.
    days: Span,
    /// As it stands in document keys.
    run: String,
}

impl Moment {
    fn new(at: Timestamp) -> Self {
        let now = TimeZone::UTC.to_datetime(at.to_jiff());
        let today = now.date();
        Self { at, today, days: today - DAY_OF_FILES, run: now.strftime("%Y-%m-%d/%H%M%S").to_string() }
    }

    fn event(&self, publication: &Publication, documents: &[StoredDocument]) -> DemoEvent {
        let json = moved(publication.json.as_bytes(), self.days);
        let mut event: Value = serde_json::from_slice(&json).expect("the files are JSON");
        let again = if matches!(publication.alteration, Alteration::NewId) { "-again" } else { "" };
        event["id"] = self.unique(&event["id"], again);
        event["time"] = json!(self.at);
        let data = &mut event["data"];
        data["invoice"]["id"] = self.unique(&data["invoice"]["id"], "");
        for named in data["documents"].as_array_mut().into_iter().flatten() {
            // Two name documents that are not theirs, and keep the names.
            if let Some(stored) = documents.iter().find(|stored| named["object"] == stored.file) {
                named["object"] = json!(stored.object);
                named["size"] = json!(stored.bytes.len());
                named["sha256"] = json!(Sha256::of(&stored.bytes));
            }
        }
        match publication.alteration {
            Alteration::Nothing | Alteration::NewId | Alteration::CutShort => {}
            Alteration::OtherTotal => data["invoice"]["total"] = json!("1.00"),
            Alteration::OtherDigest => data["documents"][0]["sha256"] = json!(Sha256::of(b"another document")),
            Alteration::Expired => data["expires_at"] = json!(self.at.minus(Duration::from_hours(1))),
        }
        let mut bytes = event.to_string().into_bytes();
        if matches!(publication.alteration, Alteration::CutShort) {
            bytes.truncate(bytes.len() * 2 / 3);
        }
        DemoEvent { label: publication.label, bytes, expect: publication.expect }
    }

    fn unique(&self, id: &Value, suffix: &str) -> Value {
        let name = format!("demo/{}/{}{suffix}", self.at, id.as_str().unwrap_or_default());
        json!(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()))
    }

    fn object(&self, file: &str) -> String {
        file.replacen('/', &format!("/{}/", self.run), 1)
    }
}

/// The text with each date in it moved by so many days. A date is as long as before, so whatever counts bytes, as a PDF's
/// cross-reference table does, stays right.
fn moved(text: &[u8], days: Span) -> Vec<u8> {
    const LENGTH: usize = "2026-11-23".len();
    let mut moved = text.to_vec();
    for (at, window) in text.windows(LENGTH).enumerate() {
        let is_candidate = window[0].is_ascii_digit() && window[LENGTH - 1].is_ascii_digit();
        let Some(text) = is_candidate.then(|| std::str::from_utf8(window).ok()).flatten() else { continue };
        for written in ["%Y-%m-%d", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%Y"] {
            if let Ok(date) = Date::strptime(written, text) {
                let date = date.saturating_add(days).strftime(written).to_string();
                moved[at..at + LENGTH].copy_from_slice(date.as_bytes());
            }
        }
    }
    moved
}

/// A month of telephone calls: honest rows, and more of them than a mail should carry.
fn call_records(today: Date) -> Vec<u8> {
    let month = today.saturating_sub(Span::new().months(1)).strftime("%Y-%m").to_string();
    let mut csv = String::from("begin,from,to,seconds\r\n");
    for call in 0..26_000_u32 {
        let (day, hour, minute, second) = (call * 28 / 26_000 + 1, call / 3_600 % 10 + 8, call / 60 % 60, call % 60);
        let (other, length) = (call * 7_919 % 1_000_000, call * 31 % 1_024);
        writeln!(csv, "{month}-{day:02}T{hour:02}:{minute:02}:{second:02},+31100000007,+3120{other:06},{length}\r")
            .expect("a String takes any text");
    }
    csv.into_bytes()
}

#[cfg(test)]
mod tests;
