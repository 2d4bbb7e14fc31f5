//! Threads that read files: as few as keep up, and never more than a few.
//!
//! To wake a thread costs as much as reading a document that is in memory. So a reader goes on with what waits before
//! it rests, and another one joins it only when more waits than it soon gets to, or something waits for long.

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

/// Readers at work at once. Each takes a thread, and threads their memory; a disk gives no more by more.
const READERS_MAX: usize = 4;
/// What may wait for each reader before another one joins.
const WAITING_EACH: usize = 4;
/// After so long another reader joins whatever waits: those at work may be stuck in a file.
const LONG: Duration = Duration::from_millis(20);
/// Threads that are stuck in a file whose caller has given up: so many others take the place of. A thread in a system
/// call cannot be ended.
const STUCK_MAX: usize = 32;

struct ReaderWork {
    number: u64,
    work: Box<dyn FnOnce() + Send>,
}

#[derive(Default)]
pub(super) struct Readers(Arc<Mutex<ReaderPool>>);

#[derive(Default)]
struct ReaderPool {
    waiting: VecDeque<ReaderWork>,
    /// What the readers at work do.
    under_way: HashSet<u64>,
    at_work: usize,
    /// Readers whose work was given up: they count no more until they come back.
    stuck: usize,
    last_number: u64,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let room = room(&self.0);
        f.debug_struct("Readers").field("at_work", &room.at_work).field("stuck", &room.stuck).finish_non_exhaustive()
    }
}

impl Readers {
    /// Has `work` done on a reader's thread. `None` if it panicked. Dropped before it is done, it frees its reader's
    /// place: another reader goes on with what waits.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (sender, mut receiver) = oneshot::channel();
        let mut waiting = Waiting::begin(
            &self.0,
            Box::new(move || {
                let _ = sender.send(work());
            }),
        );
        self.join(|room| room.waiting.len() > room.at_work * WAITING_EACH);
        loop {
            match tokio::time::timeout(LONG, &mut receiver).await {
                Ok(done) => {
                    waiting.is_over = true;
                    return done.ok();
                }
                Err(_) => self.join(|room| !room.waiting.is_empty()),
            }
        }
    }

    /// Another reader begins, if it is needed and there may be one more.
    fn join(&self, is_needed: impl FnOnce(&ReaderPool) -> bool) {
        let mut room = room(&self.0);
        if room.at_work < READERS_MAX && is_needed(&room) {
            room.at_work += 1;
            let shared = Arc::clone(&self.0);
            tokio::task::spawn_blocking(move || read(&shared));
        }
    }
}

/// A caller waits for a piece of work.
struct Waiting<'readers> {
    shared: &'readers Mutex<ReaderPool>,
    number: u64,
    is_over: bool,
}

impl<'readers> Waiting<'readers> {
    fn begin(shared: &'readers Mutex<ReaderPool>, work: Box<dyn FnOnce() + Send>) -> Self {
        let mut room = room(shared);
        room.last_number += 1;
        let number = room.last_number;
        room.waiting.push_back(ReaderWork { number, work });
        Self { shared, number, is_over: false }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut room = room(self.shared);
        if room.under_way.contains(&self.number) {
            if room.stuck < STUCK_MAX {
                room.under_way.remove(&self.number);
                (room.at_work, room.stuck) = (room.at_work - 1, room.stuck + 1);
            }
        } else {
            // It has not begun, or has just ended.
            room.waiting.retain(|work| work.number != self.number);
        }
    }
}

/// Does what waits, until nothing does.
fn read(shared: &Mutex<ReaderPool>) {
    while let Some(ReaderWork { number, work }) = next(shared) {
        // What panics is not done, and its caller hears that; what waits behind it is.
        let _ = catch_unwind(AssertUnwindSafe(work));
        if !may_go_on(shared, number) {
            return;
        }
    }
}

fn next(shared: &Mutex<ReaderPool>) -> Option<ReaderWork> {
    let mut room = room(shared);
    let work = room.waiting.pop_front();
    match &work {
        Some(work) => {
            room.under_way.insert(work.number);
        }
        // Under the same lock: the next caller must not count on a reader that leaves.
        None => room.at_work -= 1,
    }
    work
}

/// Whether the reader still has its place, or another one is free.
fn may_go_on(shared: &Mutex<ReaderPool>, number: u64) -> bool {
    let mut room = room(shared);
    if room.under_way.remove(&number) {
        return true;
    }
    // Its work was given up meanwhile, and another reader may have taken its place.
    room.stuck -= 1;
    let is_place = room.at_work < READERS_MAX;
    room.at_work += usize::from(is_place);
    is_place
}

fn room(room: &Mutex<ReaderPool>) -> MutexGuard<'_, ReaderPool> {
    room.lock()
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
                    let mut counts = most.lock();
                    counts.0 += 1;
                    counts.1 = counts.1.max(counts.0);
                    counts.0
                };
                std::thread::yield_now();
                most.lock().0 -= 1;
                assert!(n % 50 != 7, "{now} at work");
                n
            })
        });
        let read: Vec<_> = futures_util::future::join_all(all).await;
        let expected: Vec<_> = (0..200).map(|n| (n % 50 != 7).then_some(n)).collect();
        assert_eq!(read, expected);
        assert!((1..=READERS_MAX).contains(&most.lock().1));
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

    #[tokio::test]
    async fn readers_that_are_stuck_for_good_are_replaced_and_come_back() {
        let readers = Readers::default();
        let (release, stuck) = std::sync::mpsc::channel::<()>();
        let stuck = Arc::new(Mutex::new(stuck));
        for _ in 0..READERS_MAX + 2 {
            let stuck = Arc::clone(&stuck);
            // They wait for each other's lock, or for the channel.
            let hanging = readers.run(move || stuck.lock().recv().is_ok());
            assert!(tokio::time::timeout(LONG * 3, hanging).await.is_err());
        }
        let read = tokio::time::timeout(Duration::from_secs(30), readers.run(|| "read")).await;
        assert_eq!(read.expect("the stuck ones hold nobody up"), Some("read"));
        drop(release);
        while room(&readers.0).stuck > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(readers.run(|| "again").await, Some("again"));
        assert!(room(&readers.0).at_work <= READERS_MAX);
    }
}
