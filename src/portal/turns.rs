//! A bound on the requests that ask the database at once, so that each gets an answer in time.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::language::LanguageWish;
use super::session::later;

/// Requests that ask the database at once. The API, which shares its connections with these pages, has the rest.
const AT_ONCE_MAX: usize = 2;
/// How long a request may wait for its turn.
const TURN_DEADLINE: Duration = Duration::from_secs(2);
/// How long a request may take, once it is its turn.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// The turns of one listener.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE_MAX)))
    }
}

impl Turns {
    /// A turn; none if too many wait. It ends when it is dropped.
    pub(super) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed: only the deadline ends this without a turn.
        tokio::time::timeout(TURN_DEADLINE, Arc::clone(&self.0).acquire_owned()).await.ok()?.ok()
    }

    /// Does what takes a turn, within the time that it has.
    pub(super) async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let _turn = self.take().await?;
        tokio::time::timeout(ANSWER_DEADLINE, work).await.ok()
    }
}

/// Whoever comes, in whatever numbers, gets an answer in time.
pub(super) async fn in_turn(State(turns): State<Turns>, request: Request, next: Next) -> Response {
    let language = LanguageWish::of(request.uri(), request.headers());
    turns.run(next.run(request)).await.unwrap_or_else(|| later(language))
}
