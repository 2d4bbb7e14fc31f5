//! A bound on the requests that ask the database at once, so that each gets an answer in time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::Semaphore;

use super::language::ConsoleLanguage;
use super::pages::{self, SignedOutLayout};

/// Pages that ask the database at once: fewer than it has connections for them.
const PAGES_AT_ONCE_MAX: usize = 6;
/// Sign-ins and what else hashes passwords. They have turns of their own: a storm of guesses holds up no page of those who
/// are signed in.
const SIGN_INS_AT_ONCE_MAX: usize = 20;
/// Forms have a few short fields, and one has a list of tenants.
pub(super) const FORM_BYTES_MAX: usize = 64 << 10;
/// How soon somebody may try again what has no capacity now.
pub(super) const TRY_AGAIN: Duration = Duration::from_secs(10);
/// How long a form may take to arrive.
const FORM_DEADLINE: Duration = Duration::from_secs(5);
/// How long a request may wait for its turn.
const TURN_DEADLINE: Duration = Duration::from_secs(2);
/// How long it may take, once it is its turn.
const PAGE_DEADLINE: Duration = Duration::from_secs(15);

/// The turns of one kind of request.
#[derive(Debug, Clone)]
pub(super) struct PageTurns(Arc<Semaphore>);

impl PageTurns {
    pub(super) fn of_pages() -> Self {
        Self(Arc::new(Semaphore::new(PAGES_AT_ONCE_MAX)))
    }

    pub(super) fn of_sign_ins() -> Self {
        Self(Arc::new(Semaphore::new(SIGN_INS_AT_ONCE_MAX)))
    }
}

/// Whoever comes, in whatever numbers, gets an answer in time.
///
/// A form is read whole before the turn: forms that never arrive hold up their senders alone.
pub(super) async fn in_turn(State(turns): State<PageTurns>, request: Request, next: Next) -> Response {
    let language = ConsoleLanguage::of(request.headers());
    let later = || pages::unavailable(&SignedOutLayout { language, path: None }, TRY_AGAIN);
    let (head, body) = request.into_parts();
    let Ok(read) = tokio::time::timeout(FORM_DEADLINE, to_bytes(body, FORM_BYTES_MAX)).await else { return later() };
    // One that is too large is no form of these pages, and refused as one without a token.
    let request = Request::from_parts(head, Body::from(read.unwrap_or_default()));
    let turn = tokio::time::timeout(TURN_DEADLINE, turns.0.acquire()).await;
    // The semaphore is never closed: only the deadline ends this without a turn.
    let Ok(Ok(_turn)) = turn else { return later() };
    tokio::time::timeout(PAGE_DEADLINE, next.run(request)).await.unwrap_or_else(|_| later())
}
