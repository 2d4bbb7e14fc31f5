//! Threads that read files: as few as keep up, and never more than a few.
//!
//! To wake a thread costs as much as reading a document that is in memory. So a reader goes on with what waits before it
//! rests, and another one joins it only when more waits than it soon gets to, or something waits for long.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Readers at work at once. Each takes a thread, and threads their memory; a disk gives no more by more.
const READERS_MAX: usize = 4;
/// What may wait for each reader before another one joins.
const WAITING_EACH: usize = 4;
/// After so long another reader joins whatever waits: those at work may be stuck in a file.
const LONG: Duration = Duration::from_millis(20);

type Work = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(super) struct Readers(Arc<Mutex<Room>>);

#[derive(Default)]
struct Room {
    waiting: VecDeque<Work>,
    at_work: usize,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readers").field("at_work", &room(&self.0).at_work).finish_non_exhaustive()
    }
}

impl Readers {
    /// Has `work` done on a reader's thread. `None` if it panicked.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (sender, mut receiver) = oneshot::channel();
        room(&self.0).waiting.push_back(Box::new(move || {
            // Who gave up waiting does not need it.
            if !sender.is_closed() {
                let _ = sender.send(work());
            }
        }));
        self.join(|room| room.waiting.len() > room.at_work * WAITING_EACH);
        loop {
            match tokio::time::timeout(LONG, &mut receiver).await {
                Ok(done) => return done.ok(),
                Err(_) => self.join(|room| !room.waiting.is_empty()),
            }
        }
    }

    /// Another reader begins, if it is needed and there may be one more.
    fn join(&self, is_needed: impl FnOnce(&Room) -> bool) {
        let mut room = room(&self.0);
        if room.at_work < READERS_MAX && is_needed(&room) {
            room.at_work += 1;
            let shared = Arc::clone(&self.0);
            tokio::task::spawn_blocking(move || read(&shared));
        }
    }
}

/// Does what waits, until nothing does.
fn read(shared: &Mutex<Room>) {
    while let Some(work) = next(shared) {
        // What panics is not done, and its caller hears that; what waits behind it is.
        let _ = catch_unwind(AssertUnwindSafe(work));
    }
}

fn next(shared: &Mutex<Room>) -> Option<Work> {
    let mut room = room(shared);
    let work = room.waiting.pop_front();
    // Under the same lock: whoever comes next must not count on a reader that leaves.
    room.at_work -= usize::from(work.is_none());
    work
}

fn room(room: &Mutex<Room>) -> MutexGuard<'_, Room> {
    room.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everything_is_read_by_a_few_whatever_panics() {
        let (readers, most) = (Readers::default(), Arc::new(Mutex::new((0, 0))));
        let all = (0..200).map(|n| {
            let most = Arc::clone(&most);
            readers.run(move || {
                let now = {
                    let mut counts = most.lock().expect("nobody panics with it");
                    counts.0 += 1;
                    counts.1 = counts.1.max(counts.0);
                    counts.0
                };
                std::thread::yield_now();
                most.lock().expect("nobody panics with it").0 -= 1;
                assert!(n % 50 != 7, "{now} at work");
                n
            })
        });
        let read: Vec<_> = futures_util::future::join_all(all).await;
        let expected: Vec<_> = (0..200).map(|n| (n % 50 != 7).then_some(n)).collect();
        assert_eq!(read, expected);
        assert!((1..=READERS_MAX).contains(&most.lock().expect("nobody panics with it").1));
        assert_eq!(readers.run(|| "later").await, Some("later"), "and again after a rest");
    }
    #[tokio::test]
    async fn nobody_waits_behind_one_that_is_stuck() {
        let readers = Readers::default();
        let (release, stuck) = std::sync::mpsc::channel::<()>();
        let stuck = readers.run(move || stuck.recv().is_ok());
        let others = async {
            assert_eq!(readers.run(|| "read").await, Some("read"));
            let _ = release.send(());
        };
        let both = futures_util::future::join(stuck, others);
        let (stuck, ()) = tokio::time::timeout(Duration::from_secs(30), both).await.expect("the other is not held up");
        assert_eq!(stuck, Some(true));
    }
}
