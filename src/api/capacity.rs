//! A bound on the requests that are worked on at once.
//!
//! Each holds a body in memory and a connection to the database; a storm of them must not take both away from those
//! who send mail. A few more may come in and wait their turn; the rest is refused until later, with its body unread.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::body;
use super::refusal::ApiRefusal;

/// How long one may wait for its turn.
const TURN_DEADLINE: Duration = Duration::from_secs(2);

/// How many a room holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct CapacityLimits {
    /// Worked on at once, each with a connection to the database.
    at_once: usize,
    /// Sending their bodies or waiting for their turn, each with up to 1 MiB.
    waiting: usize,
}

impl CapacityLimits {
    /// More at once would only wait for the same disk: speed comes from batches.
    pub(super) const EVENTS: Self = Self { at_once: 4, waiting: 28 };
    pub(super) const CATALOGUE: Self = Self { at_once: 2, waiting: 14 };
    /// Some read thousands of rows, or documents from their store.
    pub(super) const SUPPORT: Self = Self { at_once: 4, waiting: 12 };
}

/// Where requests are worked on.
#[derive(Debug, Clone)]
pub(super) struct Capacity(Arc<Seats>);

#[derive(Debug)]
struct Seats {
    /// Worked on or waiting.
    inside: Semaphore,
    /// Worked on.
    at_once: Arc<Semaphore>,
}

/// A place among what is worked on, until it is dropped. Found among a request's extensions by whoever works on when the
/// request itself has ended.
pub(super) type Turn = Arc<OwnedSemaphorePermit>;

impl Capacity {
    pub(super) fn new(size: CapacityLimits) -> Self {
        let inside = Semaphore::new(size.at_once + size.waiting);
        Self(Arc::new(Seats { inside, at_once: Arc::new(Semaphore::new(size.at_once)) }))
    }

    fn come_in(&self) -> Result<SemaphorePermit<'_>, ApiRefusal> {
        self.0.inside.try_acquire().map_err(|_| ApiRefusal::TooMany)
    }

    async fn turn(&self) -> Result<Turn, ApiRefusal> {
        let turn = tokio::time::timeout(TURN_DEADLINE, Arc::clone(&self.0.at_once).acquire_owned()).await;
        // The semaphore is never closed: only the deadline can end this without a turn.
        turn.map_err(|_| ApiRefusal::TooMany)?.map(Arc::new).map_err(|_| ApiRefusal::TooMany)
    }
}

/// Reads the request's body, and works on it when it is its turn: a slow client keeps no other from the database.
pub(super) async fn enter(State(room): State<Capacity>, request: Request, next: Next) -> Result<Response, ApiRefusal> {
    let _inside = room.come_in()?;
    let mut request = body::received(request, body::BODY_DEADLINE).await?;
    let turn = room.turn().await?;
    request.extensions_mut().insert(Arc::clone(&turn));
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::poll;

    use super::*;

    fn room() -> Capacity {
        Capacity::new(CapacityLimits { at_once: 2, waiting: 1 })
    }

    #[test]
    fn who_finds_no_place_goes_at_once() {
        let room = room();
        let inside: Vec<_> = (0..3).map(|_| room.come_in().expect("a place")).collect();
        assert!(matches!(room.come_in(), Err(ApiRefusal::TooMany)));
        drop(inside);
        assert!(room.come_in().is_ok());
    }

    #[tokio::test]
    async fn who_waits_gets_the_next_turn() {
        let room = room();
        let first = room.turn().await.expect("a turn");
        let _second = room.turn().await.expect("a turn");
        let mut waiting = Box::pin(room.turn());
        assert!(matches!(poll!(&mut waiting), Poll::Pending));
        drop(first);
        assert!(matches!(poll!(&mut waiting), Poll::Ready(Ok(_))));
    }
}
