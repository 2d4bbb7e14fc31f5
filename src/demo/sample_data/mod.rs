//! The sample world: three tenants, their customers, documents, and what a billing system publishes in a night.
//!
//! All of it follows from one moment: the same moment gives the same events and documents byte for byte, and another
//! moment gives others that do not collide with them (event ids, invoice ids and document keys carry it). So a demo
//! can be run again in the same folder, with the same moment (then every event is a duplicate) or with a new one.

mod bill;
mod catalogue;
mod documents;
mod events;
mod invoice_pdf;
mod pdf;
mod ubl;
mod words;

use std::io;
use std::path::Path;

use super::catcher::{Behaviour, SmtpReply, Treatment};
use crate::clock::Timestamp;
use crate::private_file;
use crate::sha256::Sha256;

/// The largest message that the demo's relay should take, in bytes: small, so that a document of ordinary size shows
/// what becomes of one that is too large.
pub const MESSAGE_BYTES_MAX: u64 = 1024 * 1024;

/// Everything that the demo invents.
#[derive(Debug)]
pub struct SampleData {
    documents: Vec<StoredDocument>,
    events: Vec<DemoEvent>,
}

/// A document as it lies in the store.
#[derive(Debug, Clone)]
pub struct StoredDocument {
    /// Its key.
    pub object: String,
    /// Its bytes.
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
    /// The world at this moment.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        let (events, documents) = events::at(at);
        Self { documents, events }
    }

    /// Tenants, then customers: one JSON object a line, as `import` reads them.
    #[must_use]
    pub fn catalogue(&self) -> Vec<String> {
        catalogue::lines()
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

    /// How the relay treats this world's addresses.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        let unknown = SmtpReply::new(550, "5.1.1", "there is no such mailbox here");
        let later = SmtpReply::new(451, "4.7.1", "greylisted, try again later");
        Behaviour::new([
            (catalogue::MOVED.mail.to_owned(), Treatment::Refuse(unknown)),
            (catalogue::GREYLISTED.mail.to_owned(), Treatment::Defer { reply: later, times: 1 }),
        ])
    }
}

#[cfg(test)]
mod tests;
