//! The document store: references in, bytes out whose size and digest are proven.
//!
//! An event names documents by key, size and SHA-256. A mail is built only from exactly those bytes: what is missing
//! or differs is an error with the facts, never a partial mail. The size is compared before anything is read, and no
//! more than that is read whatever the store sends, so that neither a wrong object nor a hostile server can fill the
//! memory. A store that hangs is noticed and left alone for a while ([`pauses`], [`presence`]).
//!
//! Two kinds of store: a folder (`file:`), and S3 or what speaks its protocol (`s3://bucket/prefix`).

mod cached;
mod client;
mod file;
mod parts;
mod pauses;
mod presence;
mod progress;
mod proof;
mod proofs;
mod readers;
mod s3;
mod validator;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use pauses::Ticket;
pub use proof::ContentProof;
pub use s3::{S3Access, install_crypto_provider};

use crate::clock::Clock;
use crate::event::{Document, LoadedDocument};
use crate::sha256::Sha256;
use pauses::{LoadTurn, Pauses};
use presence::Presence;
use progress::LoadProgress;
use proofs::Proofs;

/// An answer that comes later than this is none, if it says no more than that the store cannot be used.
const REFUSAL_MAX: Duration = Duration::from_secs(2);

/// A document store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DocumentStore {
    place: Backend,
    deadline: Duration,
    pauses: Pauses,
    presence: Arc<Presence>,
    proofs: Arc<Proofs>,
}

#[derive(Debug, Clone)]
enum Backend {
    Folder(Arc<file::Folder>),
    Bucket(Arc<s3::Bucket>),
}

/// What a store is opened with, besides its URL.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long the documents of one mail may take, all together.
    pub deadline: Duration,
    /// How S3 is reached.
    pub s3: S3Access,
}

impl Default for Options {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(30), s3: S3Access::default() }
    }
}

/// Why a store cannot be used as configured. Never repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("DOCUMENTS_URL {problem}")]
pub struct InvalidStore {
    problem: String,
}

impl InvalidStore {
    fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into() }
    }
}

/// Why a document cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The store answers, and has no such object.
    #[error("{object} is not in the document store")]
    Missing {
        /// The key.
        object: String,
    },
    /// The store has another object under this key.
    #[error("{object} should have {expected} and has {found}")]
    Mismatch {
        /// The key.
        object: String,
        /// What the event says.
        expected: Measure,
        /// What the store has.
        found: Measure,
    },
    /// The store does not answer, or refuses us.
    #[error("{object} cannot be read from the document store: {cause}")]
    Unavailable {
        /// The key.
        object: String,
        /// What happened.
        cause: String,
    },
    /// The store has hung, and is not asked now.
    #[error("the document store has not answered in time; it is asked again in {} s", after.as_secs())]
    Paused {
        /// When to come again.
        after: Duration,
    },
}

impl DocumentError {
    fn missing(document: &Document) -> Self {
        Self::Missing { object: document.object.clone() }
    }

    /// `cause` may hold a server's whole answer: it is cut to one line that can be stored and read.
    fn unavailable(document: &Document, cause: impl fmt::Display) -> Self {
        Self::Unavailable { object: document.object.clone(), cause: one_line(&cause.to_string()) }
    }
}

/// What a document is compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Its size in bytes.
    Size(u64),
    Digest(Sha256),
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(bytes) => write!(f, "{bytes} bytes"),
            Self::Digest(digest) => write!(f, "SHA-256 {digest}"),
        }
    }
}

impl DocumentStore {
    /// Opens the store at `file:FOLDER` or `s3://BUCKET/PREFIX`. Nothing is read yet: see [`DocumentStore::check`].
    ///
    /// # Errors
    /// [`InvalidStore`] if the URL, or the way to reach S3, cannot be right.
    pub fn open(url: &str, options: &Options) -> Result<Self, InvalidStore> {
        let place = if url.starts_with("file:") {
            Backend::Folder(Arc::new(file::Folder::open(url)?))
        } else if url.starts_with("s3:") {
            Backend::Bucket(Arc::new(s3::Bucket::open(url, options)?))
        } else {
            return Err(InvalidStore::new("must be file:FOLDER or s3://BUCKET/PREFIX"));
        };
        Ok(Self {
            place,
            deadline: options.deadline,
            pauses: Pauses::default(),
            presence: Arc::default(),
            proofs: Arc::default(),
        })
    }

    /// Reads one document and proves its size and digest.
    ///
    /// # Errors
    /// [`DocumentError`] if it is missing, another one, or out of reach.
    pub async fn load(&self, document: &Document) -> Result<LoadedDocument, DocumentError> {
        let loaded = self.load_all(std::slice::from_ref(document)).await?;
        Ok(loaded.into_iter().next().expect("one document in, one out"))
    }

    /// Reads the documents of one mail, in their order, and proves every size and digest.
    ///
    /// # Errors
    /// [`DocumentError`] of the first that is missing, another one, or out of reach: all or nothing.
    pub async fn load_all(&self, documents: &[Document]) -> Result<Vec<LoadedDocument>, DocumentError> {
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let loaded = self.read(documents, None).await;
        loaded.unwrap_or_else(|| Err(self.no_answer(documents, self.deadline)))
    }

    /// The right to load documents of a tenant now, for a lane of so many connections. Given up without a load, it has
    /// changed nothing.
    ///
    /// # Errors
    /// [`DocumentError::Paused`] while the store hangs for this tenant.
    pub fn ticket(&self, tenant: &str, clock: &Clock, connections: u32) -> Result<Ticket, DocumentError> {
        match self.pauses.turn(tenant, clock.monotonic(), connections) {
            LoadTurn::Load(ticket) => Ok(ticket),
            LoadTurn::Paused(after) => Err(DocumentError::Paused { after }),
        }
    }

    /// As [`DocumentStore::load_all`], for a mail of a lane: a store that hangs is given up soon.
    ///
    /// # Errors
    /// As [`DocumentStore::load_all`].
    pub async fn load_with(
        &self,
        ticket: Ticket,
        documents: &[Document],
        clock: &Clock,
    ) -> Result<Vec<LoadedDocument>, DocumentError> {
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let began = tokio::time::Instant::now();
        let silence = ticket.silence();
        let loaded = self.read(documents, silence).await;
        let (now, took) = (clock.monotonic(), began.elapsed());
        match &loaded {
            // A connection that cannot be made in time is no answer either.
            Some(Err(DocumentError::Unavailable { .. })) if took >= REFUSAL_MAX => ticket.hung(now),
            Some(_) => ticket.answered(took > progress::patience(pauses::SILENCE, bytes(documents))),
            None => ticket.hung(now),
        }
        loaded.unwrap_or_else(|| Err(self.no_answer(documents, silence.unwrap_or(self.deadline))))
    }

    /// Asks whether each document of a link is there in its size. Only what the store says for certain is an error:
    /// where it does not answer in time, or refuses us, the link may go.
    ///
    /// # Errors
    /// [`DocumentError::Missing`], or [`DocumentError::Mismatch`] of its size.
    pub async fn check_presence(&self, documents: &[Document], clock: &Clock) -> Result<(), DocumentError> {
        if documents.is_empty() || !self.presence.may_ask(clock.monotonic()) {
            return Ok(());
        }
        let asking = async {
            match &self.place {
                Backend::Folder(folder) => folder.find_all(documents).await,
                Backend::Bucket(bucket) => bucket.find_all(documents).await,
            }
        };
        let answer = tokio::time::timeout(presence::ANSWER_DEADLINE, asking).await;
        self.presence.asked(answer.is_ok(), clock.monotonic());
        answer.unwrap_or(Ok(()))
    }

    /// Reads documents; nothing if the deadline has passed, or nothing, or too little, has come for `silence`.
    async fn read(
        &self,
        documents: &[Document],
        silence: Option<Duration>,
    ) -> Option<Result<Vec<LoadedDocument>, DocumentError>> {
        let progress = LoadProgress::default();
        let reading = async {
            match &self.place {
                Backend::Folder(folder) => folder.load_all(documents, &progress, silence.is_none()).await,
                Backend::Bucket(bucket) => bucket.load_all(documents, &progress).await,
            }
        };
        let still = async {
            match silence {
                Some(silence) => progress.stands_still(silence, bytes(documents)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            loaded = tokio::time::timeout(self.deadline, reading) => loaded.ok(),
            () = still => None,
        }
    }

    fn no_answer(&self, documents: &[Document], within: Duration) -> DocumentError {
        let first = documents.first().expect("nothing is asked for no document");
        let seconds = within.min(self.deadline).as_secs_f32();
        DocumentError::unavailable(first, format_args!("no answer within {seconds} s"))
    }

    /// Whether the store answers and lets us in; for `doctor`.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub async fn check(&self) -> Result<(), String> {
        let checking = async {
            match &self.place {
                Backend::Folder(folder) => folder.check().await,
                Backend::Bucket(bucket) => bucket.check().await.map_err(|cause| one_line(&cause)),
            }
        };
        let seconds = self.deadline.as_secs_f32();
        tokio::time::timeout(self.deadline, checking)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {seconds} s")))
    }
}

impl fmt::Display for DocumentStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Backend::Folder(folder) => folder.fmt(f),
            Backend::Bucket(bucket) => bucket.fmt(f),
        }
    }
}

fn bytes(documents: &[Document]) -> u64 {
    documents.iter().map(|document| document.size).fold(0, u64::saturating_add)
}

fn prove_size(document: &Document, found: u64) -> Result<(), DocumentError> {
    prove(document, Measure::Size(document.size), Measure::Size(found))
}

fn prove_digest(document: &Document, bytes: &[u8]) -> Result<(), DocumentError> {
    prove(document, Measure::Digest(document.sha256), Measure::Digest(Sha256::of(bytes)))
}

fn prove(document: &Document, expected: Measure, found: Measure) -> Result<(), DocumentError> {
    if expected == found {
        return Ok(());
    }
    Err(DocumentError::Mismatch { object: document.object.clone(), expected, found })
}

fn loaded(document: &Document, bytes: impl Into<Bytes>) -> LoadedDocument {
    LoadedDocument { document: document.clone(), bytes: bytes.into() }
}

fn one_line(text: &str) -> String {
    const CHARACTERS_MAX: usize = 400;
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_cannot_be_right_are_refused() {
        let refused = |url: &str| DocumentStore::open(url, &Options::default()).expect_err(url).to_string();
        assert_eq!(refused("data/documents"), "DOCUMENTS_URL must be file:FOLDER or s3://BUCKET/PREFIX");
        assert_eq!(refused("file:"), "DOCUMENTS_URL names no folder");
        assert_eq!(refused("file://server/share"), "DOCUMENTS_URL names a folder of another host; write file:/folder");
        assert_eq!(refused("s3:bucket"), "DOCUMENTS_URL must be s3://BUCKET/PREFIX");
        assert_eq!(refused("s3://"), "DOCUMENTS_URL names no bucket");
        assert!(refused("s3://key:secret@bucket/").contains("AWS_SECRET_ACCESS_KEY"));
        assert!(!refused("s3://key:secret@bucket/").contains("key:secret"));
        assert!(refused("s3://bucket/a/../b").contains("prefix"));
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        let open = |endpoint: &str| {
            let s3 = S3Access { endpoint: Some(endpoint.to_owned()), ..S3Access::default() };
            DocumentStore::open("s3://bucket", &Options { s3, ..Options::default() }).map(|store| store.to_string())
        };
        for endpoint in ["http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000", "https://s3.example"] {
            assert_eq!(open(endpoint).as_deref(), Ok("s3://bucket"), "{endpoint}");
        }
        for endpoint in ["http://s3.example", "http://127.0.0.1.example", "http://10.0.0.1:9000", "ftp://a", "nonsense"]
        {
            assert!(open(endpoint).is_err(), "{endpoint}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let s3 = S3Access::from_environment(|name| Some(format!("value-of-{name}")));
        let shown = format!("{:?}", Options { s3, ..Options::default() });
        assert!(!shown.contains("value-of-AWS_SECRET_ACCESS_KEY"), "{shown}");
        assert!(!shown.contains("value-of-AWS_SESSION_TOKEN"), "{shown}");
    }

    #[test]
    fn a_servers_answer_is_cut_to_a_line() {
        assert_eq!(one_line("<a>\r\n\0 b</a>\n"), "<a> b</a>");
        assert_eq!(one_line(&"x".repeat(1000)).len(), 400);
    }
}
