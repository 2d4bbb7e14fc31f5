//! The caught mails: a folder of `.eml` files, and an index of it in memory.
//!
//! A file holds the message byte for byte as SMTP brought it. What SMTP said beside it (envelope, time) stands in
//! `<name>.envelope.json`: without it the recipient of a Bcc would not be known.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::parsed_email::{Correspondent, FileDescription, ParsedEmail};
use crate::clock::{Clock, Timestamp};
use crate::demo::smtp::ReceivedEnvelope;
use crate::private_file;

/// Mails that are kept; then the catcher answers 452.
const MAILS_MAX: usize = 10_000;

/// One caught mail, without its bytes.
#[derive(Debug, Clone, Serialize)]
pub struct CaughtMail {
    /// Its name in addresses of the page: the file's without `.eml`.
    pub id: String,
    /// Where it lies.
    pub file: PathBuf,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// Whom SMTP said it is from and for.
    pub envelope: ReceivedEnvelope,
    pub from: Vec<Correspondent>,
    pub to: Vec<Correspondent>,
    pub cc: Vec<Correspondent>,
    pub subject: String,
    /// `Message-ID` without angle brackets.
    pub message_id: String,
    /// What is attached.
    pub attachments: Vec<FileDescription>,
    /// The link into the portal, if the mail carries one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portal_link: Option<String>,
    /// The size of the message in bytes.
    pub bytes: u64,
}

impl CaughtMail {
    /// The recipients that no header names.
    pub fn hidden_recipients(&self) -> impl Iterator<Item = &str> {
        let shown = |address: &str| self.to.iter().chain(&self.cc).any(|p| p.address.eq_ignore_ascii_case(address));
        self.envelope.recipients.iter().map(String::as_str).filter(move |address| !shown(address))
    }
}

/// What SMTP said of a message, beside it in the folder.
#[derive(Serialize, Deserialize)]
struct Accompanying {
    received_at: Timestamp,
    envelope: ReceivedEnvelope,
}

/// The caught mails. Clones are the same mailbox.
#[derive(Clone)]
pub struct Mailbox(Arc<MailboxInner>);

struct MailboxInner {
    folder: PathBuf,
    clock: Clock,
    /// Oldest first.
    index: RwLock<Vec<Arc<CaughtMail>>>,
    next_number: tokio::sync::Mutex<u64>,
    count: watch::Sender<usize>,
}

/// Why a mail is not kept.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// There are too many already.
    #[error("the mailbox is full")]
    Full,
    /// The folder cannot be written.
    #[error("the mail folder cannot be written: {0}")]
    Io(#[from] io::Error),
}

impl Mailbox {
    /// Opens the folder, making it if need be, and reads what lies there.
    ///
    /// # Errors
    /// If the folder cannot be made or read.
    pub async fn open(folder: &Path, clock: Clock) -> io::Result<Self> {
        let folder = folder.to_owned();
        let (folder, index) = blocking(move || {
            private_file::create_folder(&folder)?;
            let index = read_folder(&folder)?;
            Ok((folder, index))
        })
        .await?;
        let next_number = 1 + index.iter().filter_map(|mail| number_of(&mail.id)).max().unwrap_or(0);
        let count = watch::Sender::new(index.len());
        let (index, next_number) = (RwLock::new(index), tokio::sync::Mutex::new(next_number));
        Ok(Self(Arc::new(MailboxInner { folder, clock, index, next_number, count })))
    }

    /// Keeps a message. When this returns, it is on the disk.
    ///
    /// # Errors
    /// [`NotKept`]; the message is then in neither folder nor index.
    pub async fn keep(&self, envelope: ReceivedEnvelope, message: Vec<u8>) -> Result<Arc<CaughtMail>, NotKept> {
        // Held while writing, so that the order of the index is that of the names.
        let mut number = self.0.next_number.lock().await;
        if *self.0.count.borrow() >= MAILS_MAX {
            return Err(NotKept::Full);
        }
        let (folder, this_number) = (self.0.folder.clone(), *number);
        *number += 1;
        let accompanying = Accompanying { received_at: self.0.clock.now(), envelope };
        let mail = blocking(move || {
            let letter = ParsedEmail::read(&message);
            let id = file_stem(this_number, &letter.message_id);
            let beside = serde_json::to_vec_pretty(&accompanying)?;
            write_whole(&folder, &format!("{id}.envelope.json"), &beside)?;
            write_whole(&folder, &format!("{id}.eml"), &message)?;
            Ok(describe(&folder, id, accompanying, &letter, message.len()))
        })
        .await?;
        let mail = Arc::new(mail);
        self.0.index.write().push(Arc::clone(&mail));
        self.0.count.send_modify(|count| *count += 1);
        Ok(mail)
    }

    /// Every mail, newest first.
    #[must_use]
    pub fn mails(&self) -> Vec<Arc<CaughtMail>> {
        self.0.index.read().iter().rev().cloned().collect()
    }

    /// The mail of this name.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Arc<CaughtMail>> {
        let index = self.0.index.read();
        index.iter().find(|mail| mail.id == id).cloned()
    }

    /// The mails with this Message-ID (without angle brackets), oldest first: more than one was sent more than once.
    #[must_use]
    pub fn with_message_id(&self, message_id: &str) -> Vec<Arc<CaughtMail>> {
        let index = self.0.index.read();
        index.iter().filter(|mail| mail.message_id == message_id).cloned().collect()
    }

    /// Waits until at least `count` mails lie here.
    pub async fn wait_for(&self, count: usize) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.0.count.subscribe().wait_for(|now| *now >= count).await;
    }

    /// The bytes of a mail, as SMTP brought them.
    ///
    /// # Errors
    /// If the file has been taken away or cannot be read.
    pub async fn message(&self, mail: &CaughtMail) -> io::Result<Vec<u8>> {
        tokio::fs::read(&mail.file).await
    }

    /// Where the mails lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn describe(folder: &Path, id: String, beside: Accompanying, letter: &ParsedEmail, length: usize) -> CaughtMail {
    CaughtMail {
        file: folder.join(format!("{id}.eml")),
        id,
        received_at: beside.received_at,
        envelope: beside.envelope,
        from: letter.from.clone(),
        to: letter.to.clone(),
        cc: letter.cc.clone(),
        subject: letter.subject.clone(),
        message_id: letter.message_id.clone(),
        attachments: letter.files.iter().map(|file| file.description.clone()).collect(),
        portal_link: letter.portal_link(),
        bytes: u64::try_from(length).unwrap_or(u64::MAX),
    }
}

/// `0007-<the Message-ID's local part, as far as file names allow>`.
fn file_stem(number: u64, message_id: &str) -> String {
    let local = message_id.split('@').next().unwrap_or_default();
    let safe: String = local
        .chars()
        .take(60)
        .map(|character| if character.is_ascii_alphanumeric() || character == '-' { character } else { '_' })
        .collect();
    if safe.is_empty() { format!("{number:04}-mail") } else { format!("{number:04}-{safe}") }
}

fn number_of(id: &str) -> Option<u64> {
    id.split_once('-').map_or(id, |(number, _)| number).parse().ok()
}

/// Writes a file that is there as a whole or not at all, also after a power loss.
fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = folder.join(format!(".{name}.part"));
    let mut file = private_file::options().write(true).create(true).truncate(true).open(&unfinished)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, folder.join(name))?;
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// Oldest first. What an interrupted write left behind is removed; foreign `.eml` files are shown too.
fn read_folder(folder: &Path) -> io::Result<Vec<Arc<CaughtMail>>> {
    let mut mails = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.starts_with('.') && name.strip_suffix(".part").is_some() {
            std::fs::remove_file(&path)?;
        } else if let Some(id) = name.strip_suffix(".eml")
            && path.is_file()
        {
            let message = std::fs::read(&path)?;
            let beside = std::fs::read(folder.join(format!("{id}.envelope.json"))).ok();
            let beside = beside.and_then(|json| serde_json::from_slice(&json).ok());
            let letter = ParsedEmail::read(&message);
            let beside = beside.unwrap_or_else(|| guess(&path, &letter));
            mails.push(Arc::new(describe(folder, id.to_owned(), beside, &letter, message.len())));
        }
    }
    mails.sort_by(|a, b| (a.received_at, number_of(&a.id), &a.id).cmp(&(b.received_at, number_of(&b.id), &b.id)));
    Ok(mails)
}

/// For a file that did not come by SMTP: its time, and the addresses of its headers.
fn guess(path: &Path, letter: &ParsedEmail) -> Accompanying {
    let changed = path.metadata().and_then(|metadata| metadata.modified()).ok();
    let since_epoch = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let recipients = letter.to.iter().chain(&letter.cc).map(|person| person.address.clone()).collect();
    Accompanying {
        received_at: Timestamp(0).plus(since_epoch),
        envelope: ReceivedEnvelope { sender: String::new(), recipients },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(recipient: &str) -> ReceivedEnvelope {
        ReceivedEnvelope { sender: "s@x.example".to_owned(), recipients: vec![recipient.to_owned()] }
    }

    #[tokio::test]
    async fn the_index_is_the_same_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::manual(Timestamp(1_000_000));
        let mailbox = Mailbox::open(folder.path(), clock.clone()).await.expect("opens");
        let message = b"Message-ID: <a/../b@x.example>\r\nTo: shown@x.example\r\nSubject: One\r\n\r\n.\r\n".to_vec();
        mailbox.keep(envelope("hidden@x.example"), message.clone()).await.expect("kept");
        mailbox.keep(envelope("shown@x.example"), b"Subject: Two\r\n\r\n".to_vec()).await.expect("kept");
        std::fs::write(folder.path().join(".0003-x.eml.part"), "half").expect("written");

        let again = Mailbox::open(folder.path(), clock).await.expect("opens");
        let mails = again.mails();
        let seen: Vec<_> = mails.iter().map(|mail| (mail.id.as_str(), mail.subject.as_str())).collect();
        assert_eq!(seen, [("0002-mail", "Two"), ("0001-a____b", "One")]);
        assert_eq!(mails[1].hidden_recipients().collect::<Vec<_>>(), ["hidden@x.example"]);
        assert_eq!(mails[1].received_at, Timestamp(1_000_000));
        assert_eq!(again.message(&mails[1]).await.expect("read"), message);
        assert_eq!(again.with_message_id("a/../b@x.example").len(), 1);
        assert!(!folder.path().join(".0003-x.eml.part").exists());
        let third = again.keep(envelope("c@x.example"), b"Subject: Three\r\n\r\n".to_vec()).await.expect("kept");
        assert_eq!(third.id, "0003-mail");
    }

    #[tokio::test]
    async fn a_foreign_file_is_shown_too() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("mine.eml"), "To: a@x.example\r\nSubject: Mine\r\n\r\n").expect("written");
        let mailbox = Mailbox::open(folder.path(), Clock::manual(Timestamp(0))).await.expect("opens");
        assert_eq!(mailbox.mails()[0].subject, "Mine");
        assert_eq!(mailbox.mails()[0].hidden_recipients().count(), 0);
    }
}
