//! Proofs that were made, and those that are being made: a large document is read through once, however many ask for it.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::validator::Validator;
use super::{ContentProof, DocumentError};
use crate::event::Document;
use crate::sha256::Sha256;

/// What all proofs that are kept may take together: those of 30 documents of 1 GiB, or of 5,000 of 5 MiB.
const MEMORY_BYTES_MAX: usize = 4 << 20;
/// Documents that are read through at once.
const AT_ONCE_MAX: usize = 2;

/// A content under one key.
type ProofKey = (String, Sha256);

/// A proof that is being made; everybody who asks for it waits for the same.
pub(super) type Proving = Shared<BoxFuture<'static, Result<ContentProof, DocumentError>>>;

#[derive(Debug)]
pub(super) struct Proofs {
    state: Mutex<ProofsState>,
    places: Arc<Semaphore>,
}

#[derive(Default)]
struct ProofsState {
    kept: HashMap<ProofKey, KeptProof>,
    memory_bytes: usize,
    /// Counts what is asked for, so that the one that was not asked for longest is known.
    asked: u64,
    under_way: HashMap<ProofKey, Proving>,
}

struct KeptProof {
    proof: ContentProof,
    /// Of the object that it was made of.
    validator: Option<Validator>,
    last_asked: u64,
}

impl std::fmt::Debug for ProofsState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProofsState").field("kept", &self.kept.len()).finish_non_exhaustive()
    }
}

impl Default for Proofs {
    fn default() -> Self {
        Self { state: Mutex::default(), places: Arc::new(Semaphore::new(AT_ONCE_MAX)) }
    }
}

impl Proofs {
    /// The proof of the document, if it was made of the object that has this validator. Without a validator it counts as
    /// the same: its chunks are proven as they are read.
    pub(super) fn kept(&self, document: &Document, validator: Option<&Validator>) -> Option<ContentProof> {
        let mut state = self.state.lock();
        state.asked += 1;
        let asked = state.asked;
        let kept = state.kept.get_mut(&key(document))?;
        kept.last_asked = asked;
        (kept.validator.as_ref() == validator).then(|| kept.proof.clone())
    }

    pub(super) fn keep(&self, document: &Document, validator: Option<Validator>, proof: &ContentProof) {
        let mut state = self.state.lock();
        state.asked += 1;
        let kept = KeptProof { proof: proof.clone(), validator, last_asked: state.asked };
        state.memory_bytes += proof.memory_bytes();
        if let Some(before) = state.kept.insert(key(document), kept) {
            state.memory_bytes -= before.proof.memory_bytes();
        }
        while state.memory_bytes > MEMORY_BYTES_MAX {
            let oldest = state.kept.iter().min_by_key(|(_, kept)| kept.last_asked).map(|(key, _)| key.clone());
            let Some(dropped) = oldest.and_then(|oldest| state.kept.remove(&oldest)) else { break };
            state.memory_bytes -= dropped.proof.memory_bytes();
        }
    }

    /// Has the proof made by `prove`, or joins who has it made already. It goes on without whoever asked for it: a browser
    /// that gave up and comes again finds it made.
    pub(super) fn make(
        self: &Arc<Self>,
        document: &Document,
        prove: impl Future<Output = Result<ContentProof, DocumentError>> + Send + 'static,
    ) -> Proving {
        let mut state = self.state.lock();
        if let Some(proving) = state.under_way.get(&key(document)) {
            return proving.clone();
        }
        let (proofs, own, key) = (Arc::clone(self), document.clone(), key(document));
        let proving = async move {
            // The semaphore is never closed.
            let _place = proofs.places.acquire().await;
            let proven = prove.await;
            proofs.state.lock().under_way.remove(&(own.object, own.sha256));
            proven
        };
        let proving = proving.boxed().shared();
        state.under_way.insert(key, proving.clone());
        tokio::spawn(proving.clone());
        proving
    }
}

fn key(document: &Document) -> ProofKey {
    (document.object.clone(), document.sha256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::proof::ProofBuilder;
    use crate::event::{DocumentRole, MediaType};

    fn document(n: u32) -> (Document, ContentProof) {
        let bytes = vec![u8::try_from(n % 256).expect("a byte"); 64 << 20];
        let document = Document {
            id: "d1".to_owned(),
            role: DocumentRole::InvoicePdf,
            name: None,
            media_type: MediaType::Pdf,
            size: bytes.len() as u64,
            sha256: Sha256::of(&bytes),
            object: format!("acme/{n}.pdf"),
        };
        let mut builder = ProofBuilder::new();
        builder.add(&bytes);
        let proof = builder.finish(&document).expect("it is this document");
        (document, proof)
    }

    #[test]
    fn memory_is_bounded_and_what_was_asked_for_stays() {
        let proofs = Proofs::default();
        let (document, proof) = document(1);
        let named = |n: usize| Document { object: format!("acme/{n}.pdf"), ..document.clone() };
        let room = MEMORY_BYTES_MAX / proof.memory_bytes();
        for n in 0..room * 2 {
            proofs.keep(&named(n), None, &proof);
            assert!(proofs.kept(&named(0), None).is_some(), "the first is asked for again and again");
        }
        assert!(proofs.state.lock().memory_bytes <= MEMORY_BYTES_MAX);
        assert!(proofs.kept(&named(1), None).is_none());
        assert!(proofs.kept(&named(room * 2 - 1), None).is_some());
        proofs.keep(&named(0), Some(Validator::ETag("b".to_owned())), &proof);
        assert!(proofs.kept(&named(0), None).is_none(), "another object");
        assert_eq!(proofs.state.lock().kept.len(), room);
    }

    #[tokio::test]
    async fn everybody_waits_for_the_same_proof_and_it_goes_on_alone() {
        let proofs = Arc::new(Proofs::default());
        let (document, proof) = document(2);
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let made = proof.clone();
        let first = proofs.make(&document, async move {
            let _ = wait.await;
            Ok(made)
        });
        let second = proofs.make(&document, async { unreachable!("one is being made") });
        drop(first);
        go.send(()).expect("it waits");
        assert_eq!(second.await.expect("made"), proof);
        assert!(proofs.state.lock().under_way.is_empty());
    }
}
