//! What is known of a content once its size and digest were proven: the digest of each of its chunks.
//!
//! A large document is not kept in memory. It is read through once, and each of its chunks is remembered by its digest, so
//! that whatever is read of it later is proven by itself before it is handed on: an object that changes at any moment gives
//! not one byte of its own, whatever its store says of it.

use std::ops::Range;
use std::sync::Arc;

use crate::event::Document;
use crate::sha256::{Sha256, Sha256Hasher};

use super::{DocumentError, Measure, prove, prove_size};

/// Bytes that are proven, and sent, in one piece.
pub(super) const CHUNK_BYTES: u64 = 256 << 10;
/// The first bytes of a content, by which its type is told.
const HEAD_BYTES: usize = 16;

/// What is known of a content whose size and digest were proven. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentProof {
    size: u64,
    crc32: u32,
    /// Its first bytes.
    head: Vec<u8>,
    chunks: Arc<[Sha256]>,
}

impl ContentProof {
    /// CRC-32 (ISO 3309), as zip archives have it.
    #[must_use]
    pub const fn crc32(&self) -> u32 {
        self.crc32
    }

    /// Its first 16 bytes, or all of fewer.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// What it takes in memory, roughly.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + HEAD_BYTES + self.chunks.len() * size_of::<Sha256>()
    }

    /// The bytes of the chunk at this place.
    pub(super) fn chunk_range(&self, index: u64) -> Range<u64> {
        let start = index * CHUNK_BYTES;
        start..self.size.min(start + CHUNK_BYTES)
    }

    /// Whether these are the bytes of the chunk at this place.
    pub(super) fn is_chunk(&self, index: u64, bytes: &[u8]) -> bool {
        let chunk = usize::try_from(index).ok().and_then(|index| self.chunks.get(index));
        chunk.is_some_and(|digest| *digest == Sha256::of(bytes))
    }
}

/// Proves a content that comes in parts, each of whole chunks but for the last.
pub(super) struct ProofBuilder {
    whole: Sha256Hasher,
    crc32: crc32fast::Hasher,
    head: Vec<u8>,
    chunks: Vec<Sha256>,
    size: u64,
}

impl ProofBuilder {
    pub(super) fn new() -> Self {
        Self {
            whole: Sha256Hasher::new(),
            crc32: crc32fast::Hasher::new(),
            head: Vec::new(),
            chunks: Vec::new(),
            size: 0,
        }
    }

    pub(super) fn add(&mut self, part: &[u8]) {
        let missing = HEAD_BYTES - self.head.len();
        self.head.extend(part.iter().take(missing));
        let chunk_bytes = usize::try_from(CHUNK_BYTES).expect("256 KiB");
        for chunk in part.chunks(chunk_bytes) {
            self.whole.update(chunk);
            self.crc32.update(chunk);
            self.chunks.push(Sha256::of(chunk));
        }
        self.size += part.len() as u64;
    }

    /// The proof, if this was the document's content.
    pub(super) fn finish(self, document: &Document) -> Result<ContentProof, DocumentError> {
        prove_size(document, self.size)?;
        prove(document, Measure::Digest(document.sha256), Measure::Digest(self.whole.finish()))?;
        let crc32 = self.crc32.finalize();
        Ok(ContentProof { size: self.size, crc32, head: self.head, chunks: self.chunks.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{DocumentRole, MediaType};

    fn document(bytes: &[u8]) -> Document {
        Document {
            id: "d1".to_owned(),
            role: DocumentRole::InvoicePdf,
            name: None,
            media_type: MediaType::Pdf,
            size: bytes.len() as u64,
            sha256: Sha256::of(bytes),
            object: "acme/d1.pdf".to_owned(),
        }
    }

    fn proof_of(bytes: &[u8], document: &Document) -> Result<ContentProof, DocumentError> {
        let mut builder = ProofBuilder::new();
        for part in bytes.chunks(2 * usize::try_from(CHUNK_BYTES).expect("small")) {
            builder.add(part);
        }
        builder.finish(document)
    }

    #[test]
    fn each_chunk_is_known_by_itself() {
        let bytes: Vec<u8> = (0..CHUNK_BYTES * 3 + 5).map(|n| u8::try_from(n % 251).expect("small")).collect();
        let proof = proof_of(&bytes, &document(&bytes)).expect("it is this document");
        assert_eq!(proof.head(), &bytes[..16]);
        let chunk = |index: u64| {
            let range = proof.chunk_range(index);
            &bytes[usize::try_from(range.start).expect("small")..usize::try_from(range.end).expect("small")]
        };
        assert_eq!(chunk(3).len(), 5);
        for index in 0..4 {
            assert!(proof.is_chunk(index, chunk(index)), "{index}");
            assert!(!proof.is_chunk(index, chunk((index + 1) % 4)), "{index}");
            assert!(!proof.is_chunk(index, &chunk(index)[1..]), "{index}");
        }
        assert!(!proof.is_chunk(4, b""));
        // Computed independently (Python's zlib).
        assert_eq!(proof_of(b"123456789", &document(b"123456789")).expect("proven").crc32(), 0xcbf4_3926);
    }

    #[test]
    fn another_content_has_no_proof() {
        let bytes = vec![7; 1000];
        let document = document(&bytes);
        let mut other = bytes.clone();
        other[999] = 8;
        for wrong in [&other[..], &bytes[..999], b""] {
            assert!(matches!(proof_of(wrong, &document), Err(DocumentError::Mismatch { .. })));
        }
        let empty = Document { size: 0, sha256: Sha256::of(b""), ..document };
        assert_eq!(proof_of(b"", &empty).expect("it is empty").head(), b"");
    }
}
