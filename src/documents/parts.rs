//! Documents that are too large for memory: proven once, then read in chunks that are each proven again.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::try_unfold;
use tokio::time::timeout;

use super::proof::{CHUNK_BYTES, ContentProof, ProofBuilder};
use super::validator::Validator;
use super::{Backend, DocumentError, DocumentStore};
use crate::event::Document;

/// What is read at once of a document that is read through: whole chunks.
const PART_BYTES: u64 = CHUNK_BYTES * 16;
/// How long one part may take.
const PART_DEADLINE: Duration = Duration::from_secs(20);

/// A part of an object, and what told it from others when it was read.
#[derive(Debug)]
pub(super) struct ObjectPart {
    pub(super) bytes: Bytes,
    pub(super) validator: Option<Validator>,
}

impl DocumentStore {
    /// Proves size and digest of a document without keeping it: reads it through, or knows it by its validator.
    ///
    /// # Errors
    /// [`DocumentError`] if it is missing, another one, or out of reach.
    pub async fn prove(&self, document: &Document) -> Result<ContentProof, DocumentError> {
        let validator = self.in_time(document, self.validator(document)).await?;
        if let Some(proof) = self.proofs.kept(document, validator.as_ref()) {
            return Ok(proof);
        }
        let (store, own) = (self.clone(), document.clone());
        self.proofs.make(document, async move { store.read_through(&own).await }).await
    }

    /// The bytes of a proven document in `range`, chunk by chunk; each was proven before it comes out.
    ///
    /// An error ends it: also if the object has changed since it was proven.
    pub fn stream(
        &self,
        document: Document,
        proof: ContentProof,
        range: Range<u64>,
    ) -> impl Stream<Item = Result<Bytes, DocumentError>> + Send + use<> {
        let store = self.clone();
        try_unfold(range, move |rest| {
            let (store, document, proof) = (store.clone(), document.clone(), proof.clone());
            async move {
                if rest.is_empty() {
                    return Ok(None);
                }
                let index = rest.start / CHUNK_BYTES;
                let chunk = proof.chunk_range(index);
                let part = store.in_time(&document, store.part(&document, chunk.clone())).await?;
                if !proof.is_chunk(index, &part.bytes) {
                    return Err(DocumentError::unavailable(&document, "it has changed since it was proven"));
                }
                let wanted = rest.start - chunk.start..rest.end.min(chunk.end) - chunk.start;
                let place = |at: u64| usize::try_from(at).expect("within a chunk");
                let bytes = part.bytes.slice(place(wanted.start)..place(wanted.end));
                Ok(Some((bytes, chunk.end.min(rest.end)..rest.end)))
            }
        })
    }

    async fn read_through(&self, document: &Document) -> Result<ContentProof, DocumentError> {
        let mut builder = ProofBuilder::new();
        let mut validators: Vec<Option<Validator>> = Vec::new();
        let mut start = 0;
        while start < document.size {
            let end = document.size.min(start + PART_BYTES);
            let part = self.in_time(document, self.part(document, start..end)).await?;
            validators.push(part.validator);
            validators.dedup();
            let unavailable = |_| DocumentError::unavailable(document, "the reading was given up");
            // Megabytes take milliseconds: not on a thread that others wait for.
            let adding = tokio::task::spawn_blocking(move || {
                builder.add(&part.bytes);
                builder
            });
            builder = adding.await.map_err(unavailable)?;
            start = end;
        }
        let proof = builder.finish(document)?;
        // An object that was replaced meanwhile by the same bytes is read through once more, the next time.
        let validator = if let [one] = &mut validators[..] { one.take() } else { None };
        self.proofs.keep(document, validator, &proof);
        Ok(proof)
    }

    async fn validator(&self, document: &Document) -> Result<Option<Validator>, DocumentError> {
        match &self.place {
            Backend::Folder(folder) => folder.validator(document).await,
            Backend::Bucket(bucket) => bucket.validator(document).await,
        }
    }

    /// A part of the object, which has the document's size.
    async fn part(&self, document: &Document, range: Range<u64>) -> Result<ObjectPart, DocumentError> {
        match &self.place {
            Backend::Folder(folder) => folder.part(document, range).await,
            Backend::Bucket(bucket) => bucket.part(document, range).await,
        }
    }

    async fn in_time<T>(
        &self,
        document: &Document,
        reading: impl Future<Output = Result<T, DocumentError>>,
    ) -> Result<T, DocumentError> {
        let deadline = self.deadline.min(PART_DEADLINE);
        timeout(deadline, reading).await.unwrap_or_else(|_| {
            let seconds = deadline.as_secs_f32();
            Err(DocumentError::unavailable(document, format_args!("no answer within {seconds} s")))
        })
    }
}
