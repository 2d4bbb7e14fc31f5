//! A bound on the requests that are worked on at once.
//!
//! Each holds a body in memory and a connection to the database; a storm of them must not take both away from those
//! who send mail. A few more may wait their turn, with their bodies unread; the rest is told to come again.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::refusal::Refusal;

/// How long one may wait for its turn.
const TURN_DEADLINE: Duration = Duration::from_secs(2);

/// How many a room holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoomSize {
    /// Worked on at once.
    at_once: usize,
    /// Waiting for their turn.
    waiting: usize,
}

impl RoomSize {
    /// Batches are what brings speed; single events only wait for the same disk.
    pub(super) const EVENTS: Self = Self { at_once: 4, waiting: 60 };
    pub(super) const CATALOGUE: Self = Self { at_once: 2, waiting: 30 };
}

/// Where requests are worked on.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Seats>);

#[derive(Debug)]
struct Seats {
    /// Worked on or waiting.
    inside: Semaphore,
    /// Worked on.
    at_once: Semaphore,
}

/// The right to be worked on, until it is dropped.
#[derive(Debug)]
struct Turn<'room> {
    _inside: SemaphorePermit<'room>,
    _at_once: SemaphorePermit<'room>,
}

impl Room {
    pub(super) fn new(size: RoomSize) -> Self {
        let inside = Semaphore::new(size.at_once + size.waiting);
        Self(Arc::new(Seats { inside, at_once: Semaphore::new(size.at_once) }))
    }

    async fn turn(&self) -> Result<Turn<'_>, Refusal> {
        let inside = self.0.inside.try_acquire().map_err(|_| Refusal::TooMany)?;
        let at_once = tokio::time::timeout(TURN_DEADLINE, self.0.at_once.acquire()).await;
        // The semaphore is never closed: only the deadline can end this without a turn.
        let at_once = at_once.map_err(|_| Refusal::TooMany)?.map_err(|_| Refusal::TooMany)?;
        Ok(Turn { _inside: inside, _at_once: at_once })
    }
}

/// Works on the request when it is its turn.
pub(super) async fn enter(State(room): State<Room>, request: Request, next: Next) -> Result<Response, Refusal> {
    let _turn = room.turn().await?;
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::poll;

    use super::*;

    fn room() -> Room {
        Room::new(RoomSize { at_once: 2, waiting: 1 })
    }

    #[tokio::test]
    async fn who_waits_gets_the_next_turn_and_who_finds_no_place_to_wait_goes() {
        let room = room();
        let first = room.turn().await.expect("a turn");
        let _second = room.turn().await.expect("a turn");
        let mut waiting = Box::pin(room.turn());
        assert!(matches!(poll!(&mut waiting), Poll::Pending));
        assert!(matches!(room.turn().await, Err(Refusal::TooMany)));
        drop(first);
        assert!(matches!(poll!(&mut waiting), Poll::Ready(Ok(_))));
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_its_place() {
        let room = room();
        let _turns = (room.turn().await.expect("a turn"), room.turn().await.expect("a turn"));
        for _ in 0..3 {
            let mut waiting = Box::pin(room.turn());
            assert!(matches!(poll!(&mut waiting), Poll::Pending));
        }
    }
}
