//! The bytes of documents. They are read with a [`DocumentGrant`] only, which the guard makes.
//!
//! A document of up to 8 MiB is read, proven and answered from memory, as long as all such answers together stay within a
//! budget. A larger one, or one that finds the budget used up by slow readers, is read through once to prove it and then
//! sent in chunks that are each proven again: it takes one chunk of memory, however slow its reader is.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::guard::DocumentGrant;
use super::stored_zip::{ARCHIVE_BYTES_MAX, StoredZip, ZipEntry, archive_size};
use crate::documents::{ContentProof, DocumentError, DocumentStore};
use crate::event::Document;

/// The largest document that is answered from memory.
const IN_MEMORY_BYTES_MAX: u64 = 8 << 20;
/// What all answers from memory may hold together, in KiB.
const BUDGET_KIB: usize = 64 << 10;
/// What of an answer from memory is handed on at once.
const PIECE_BYTES: usize = 64 << 10;
/// Documents of one archive that are proven at once.
const PROVEN_AT_ONCE: usize = 4;
/// How long a reader waits until its documents are proven. The proof goes on after that.
const PROOF_PATIENCE: Duration = Duration::from_mins(1);

/// Reads documents for visitors. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct DocumentBytes {
    store: DocumentStore,
    budget: Arc<Semaphore>,
}

/// Why a visitor does not get a document.
#[derive(Debug, thiserror::Error)]
pub(super) enum BytesError {
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// It is large, and still being proven.
    #[error("the documents are still being proven")]
    StillProving,
    #[error("the documents are too large for one archive")]
    TooLarge,
}

/// A document whose size and digest are proven.
pub(super) enum ProvenBytes {
    InMemory(Bytes, OwnedSemaphorePermit),
    InChunks(Box<(DocumentStore, Document, ContentProof)>),
}

/// All documents of an invoice, proven, as an archive.
pub(super) struct ProvenArchive {
    store: DocumentStore,
    documents: Vec<(Document, ContentProof)>,
    zip: StoredZip,
}

impl DocumentBytes {
    pub(super) fn new(store: DocumentStore) -> Self {
        Self { store, budget: Arc::new(Semaphore::new(BUDGET_KIB)) }
    }

    /// Proves the document at this place, counted from 1; none if there is none.
    pub(super) async fn prove(&self, grant: &DocumentGrant, number: usize) -> Result<Option<ProvenBytes>, BytesError> {
        let Some(document) = grant.document(number) else { return Ok(None) };
        if let Some(permit) = self.room_for(document.size) {
            let loaded = self.store.load(document).await?;
            return Ok(Some(ProvenBytes::InMemory(loaded.bytes, permit)));
        }
        let proof = in_time(self.store.prove(document)).await??;
        Ok(Some(ProvenBytes::InChunks(Box::new((self.store.clone(), document.clone(), proof)))))
    }

    /// Proves all documents, for an archive that names them so.
    pub(super) async fn prove_all(&self, grant: &DocumentGrant, names: &[String]) -> Result<ProvenArchive, BytesError> {
        let data = grant.data();
        // A proof reads every byte: what the declared sizes rule out is not read.
        let files = names.iter().zip(&data.documents).map(|(name, document)| (name.as_str(), document.size));
        if archive_size(files) > ARCHIVE_BYTES_MAX {
            return Err(BytesError::TooLarge);
        }
        let proving = data.documents.iter().map(async |document| {
            let proof = self.store.prove(document).await?;
            Ok::<_, DocumentError>((document.clone(), proof))
        });
        let proving = stream::iter(proving.collect::<Vec<_>>()).buffered(PROVEN_AT_ONCE);
        let documents: Vec<_> = in_time(proving.try_collect()).await??;
        let entry = |(name, (document, proof)): (&String, &(Document, ContentProof))| ZipEntry {
            name: name.clone(),
            size: document.size,
            crc32: proof.crc32(),
        };
        let entries = names.iter().zip(&documents).map(entry).collect();
        let zip = StoredZip::new(entries, data.invoice.issue_date).ok_or(BytesError::TooLarge)?;
        Ok(ProvenArchive { store: self.store.clone(), documents, zip })
    }

    /// Room in memory for so many bytes, if there is any now.
    fn room_for(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes.div_ceil(1 << 10)).ok().filter(|_| bytes <= IN_MEMORY_BYTES_MAX)?;
        Arc::clone(&self.budget).try_acquire_many_owned(kib).ok()
    }
}

async fn in_time<T>(proving: impl Future<Output = T>) -> Result<T, BytesError> {
    timeout(PROOF_PATIENCE, proving).await.map_err(|_| BytesError::StillProving)
}

impl ProvenBytes {
    /// Its first bytes.
    pub(super) fn head(&self) -> &[u8] {
        match self {
            Self::InMemory(bytes, _) => bytes,
            Self::InChunks(chunks) => chunks.2.head(),
        }
    }

    /// The bytes in `range`, of that length exactly, or broken off.
    pub(super) fn into_body(self, range: Range<u64>) -> Body {
        match self {
            Self::InMemory(bytes, permit) => {
                let place = |at: u64| usize::try_from(at).expect("within memory");
                Body::from_stream(in_pieces(bytes.slice(place(range.start)..place(range.end)), permit))
            }
            Self::InChunks(chunks) => {
                let (store, document, proof) = *chunks;
                Body::from_stream(proven_stream(&store, document, proof, range))
            }
        }
    }
}

/// Piece after piece; the room in memory is given back once the last of them was taken.
fn in_pieces(bytes: Bytes, permit: OwnedSemaphorePermit) -> impl Stream<Item = Result<Bytes, DocumentError>> + Send {
    stream::unfold((bytes, permit), async |(mut rest, permit)| {
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        (!piece.is_empty()).then_some((Ok(piece), (rest, permit)))
    })
}

/// What is wrong with a document in the middle of an answer can only break it off; so it is logged here.
fn proven_stream(
    store: &DocumentStore,
    document: Document,
    proof: ContentProof,
    range: Range<u64>,
) -> impl Stream<Item = Result<Bytes, DocumentError>> + Send + use<> {
    let stream = store.stream(document, proof, range);
    stream.inspect_err(|error| tracing::error!("broke off the download of a document in the portal: {error}"))
}

impl ProvenArchive {
    /// Of the whole archive.
    pub(super) fn size(&self) -> u64 {
        self.zip.size()
    }

    pub(super) fn into_body(self) -> Body {
        let Self { store, documents, zip } = self;
        let directory = Ok(Bytes::from(zip.directory()));
        let files = documents.into_iter().enumerate().map(move |(at, (document, proof))| {
            let header = Ok(Bytes::from(zip.local_header(at)));
            let size = document.size;
            stream::iter([header]).chain(proven_stream(&store, document, proof, 0..size))
        });
        Body::from_stream(stream::iter(files).flatten().chain(stream::iter([directory])))
    }
}
