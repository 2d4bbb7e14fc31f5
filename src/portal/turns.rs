//! A bound on the requests that ask the database at once, so that each gets an answer in time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::language::LanguageWish;
use super::session::later;

/// Pages that ask the database at once: fewer than it has connections for them, so that verifications find one.
const PAGES_AT_ONCE_MAX: usize = 6;
/// Verifications at once. They have turns of their own, since one may wait for the SMS provider: a slow provider holds up no
/// page.
const VERIFICATIONS_AT_ONCE_MAX: usize = 20;
/// Forms have a few short fields.
pub(super) const FORM_BYTES_MAX: usize = 16 << 10;
/// How long a form may take to arrive.
const FORM_DEADLINE: Duration = Duration::from_secs(5);
/// How long a request may wait for its turn.
const TURN_DEADLINE: Duration = Duration::from_secs(2);
/// How long a page may take, once it is its turn.
const PAGE_DEADLINE: Duration = Duration::from_secs(10);
/// The same for a verification: longer than the SMS provider's deadline, so that what became of the message is shown.
const VERIFICATION_DEADLINE: Duration = Duration::from_secs(20);

/// The turns of one kind of request.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    places: Arc<Semaphore>,
    deadline: Duration,
}

impl Turns {
    pub(super) fn of_pages() -> Self {
        Self { places: Arc::new(Semaphore::new(PAGES_AT_ONCE_MAX)), deadline: PAGE_DEADLINE }
    }

    pub(super) fn of_verifications() -> Self {
        Self { places: Arc::new(Semaphore::new(VERIFICATIONS_AT_ONCE_MAX)), deadline: VERIFICATION_DEADLINE }
    }

    /// A turn; none if too many wait. It ends when it is dropped.
    pub(super) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed: only the deadline ends this without a turn.
        tokio::time::timeout(TURN_DEADLINE, Arc::clone(&self.places).acquire_owned()).await.ok()?.ok()
    }

    /// Does what takes a turn, within the time that it has.
    pub(super) async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let _turn = self.take().await?;
        tokio::time::timeout(self.deadline, work).await.ok()
    }
}

/// Whoever comes, in whatever numbers, gets an answer in time.
///
/// A form is read whole before the turn: forms that never arrive hold up their senders alone.
pub(super) async fn in_turn(State(turns): State<Turns>, request: Request, next: Next) -> Response {
    let language = LanguageWish::of(request.uri(), request.headers());
    let Some(request) = with_whole_form(request).await else { return later(language) };
    turns.run(next.run(request)).await.unwrap_or_else(|| later(language))
}

/// The request with its whole body; none if that takes too long.
async fn with_whole_form(request: Request) -> Option<Request> {
    let (head, body) = request.into_parts();
    let read = tokio::time::timeout(FORM_DEADLINE, to_bytes(body, FORM_BYTES_MAX)).await.ok()?;
    // One that is too large is no form of these pages, and refused as one without a token.
    Some(Request::from_parts(head, Body::from(read.unwrap_or_default())))
}
