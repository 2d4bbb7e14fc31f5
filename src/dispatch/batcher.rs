//! Many small writes, one commit.
//!
//! Slots hand their writes to a batcher and wait. While one batch is being committed the next one gathers. A lone write
//! goes at once; when writes come in numbers, a batch waits a moment for the others ([`Gathering`]), since a commit
//! costs as much for one as for many.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use metrics::counter;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::error;

use crate::lifecycle::Pulse;
use crate::telemetry::metric;

/// How a batch gathers.
#[derive(Debug, Clone, Copy)]
pub struct Gathering {
    /// With so many items a batch goes at once.
    pub enough: usize,
    /// With fewer it goes after this time.
    pub pause: Duration,
    /// No batch has more.
    pub most: usize,
}

/// Hands items to the task that writes them. Cheap to clone; the task ends when the last clone is gone.
#[derive(Debug)]
pub struct Batcher<T, R> {
    queue: mpsc::UnboundedSender<(T, oneshot::Sender<R>)>,
}

impl<T, R> Clone for Batcher<T, R> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<T, R> Batcher<T, R>
where
    T: Send + 'static,
    R: Send + 'static,
{
    /// Starts the task. `write` gets 1 to `gathering.most` items and returns one result for each, in their order.
    ///
    /// The queue has no bound of its own: who hands over waits for the answer, so it holds no more than there are
    /// slots.
    ///
    /// `pulse` beats while it waits for items; a `write` that takes its time beats by itself. A panic in `write` leaves
    /// its items without an answer, and the task goes on.
    pub fn start<F, W>(gathering: Gathering, pulse: Arc<Pulse>, write: W) -> (Self, JoinHandle<()>)
    where
        W: Fn(Vec<T>) -> F + Send + 'static,
        F: Future<Output = Vec<R>> + Send,
    {
        let (queue, mut waiting) = mpsc::unbounded_channel::<(T, oneshot::Sender<R>)>();
        let task = tokio::spawn(async move {
            let mut gathered = Vec::new();
            let mut alone = true;
            while pulse.during(waiting.recv_many(&mut gathered, gathering.most)).await > 0 {
                if !alone || gathered.len() > 1 {
                    gather(&mut waiting, &mut gathered, gathering).await;
                }
                alone = gathered.len() == 1;
                let (items, callers): (Vec<_>, Vec<_>) = gathered.drain(..).unzip();
                let written = AssertUnwindSafe(write(items)).catch_unwind().await;
                let Ok(results) = written else {
                    error!("failed to write a batch of {}: the dispatcher panicked", callers.len());
                    counter!(metric::PANICS, "loop" => "batcher").increment(1);
                    continue;
                };
                for (caller, result) in callers.into_iter().zip(results) {
                    // A caller that went away does not need the answer; the write stands.
                    let _ = caller.send(result);
                }
            }
            // It may hold the pulse, too.
            drop(write);
            if let Some(pulse) = Arc::into_inner(pulse) {
                pulse.done();
            }
        });
        (Self { queue }, task)
    }

    /// Hands `item` over and waits until it is written. `None` if the writing task is gone, or panicked over it.
    pub async fn write(&self, item: T) -> Option<R> {
        let (caller, answer) = oneshot::channel();
        self.queue.send((item, caller)).ok()?;
        answer.await.ok()
    }
}

/// Waits until there are enough items, or their time is over.
async fn gather<T>(waiting: &mut mpsc::UnboundedReceiver<T>, gathered: &mut Vec<T>, gathering: Gathering) {
    let enough = async {
        while gathered.len() < gathering.enough {
            if waiting.recv_many(gathered, gathering.most - gathered.len()).await == 0 {
                return;
            }
        }
    };
    // Received items stay in `gathered` however this ends.
    let _ = tokio::time::timeout(gathering.pause, enough).await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;
    use crate::lifecycle::Liveness;

    fn pulse() -> Arc<Pulse> {
        Arc::new(Liveness::default().pulse("a test"))
    }

    const GATHERING: Gathering = Gathering { enough: 1, pause: Duration::from_mins(1), most: 100 };

    #[tokio::test]
    async fn what_gathers_during_a_commit_is_the_next_commit() {
        let (commits, first_goes) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (batcher, task) = Batcher::start(GATHERING, pulse(), {
            let (commits, first_goes) = (commits.clone(), first_goes.clone());
            move |items: Vec<u32>| {
                let (commits, first_goes) = (commits.clone(), first_goes.clone());
                async move {
                    if commits.fetch_add(1, Ordering::SeqCst) == 0 {
                        first_goes.notified().await;
                    }
                    items.into_iter().map(|item| item * 2).collect()
                }
            }
        });
        let write = |item| {
            let batcher = batcher.clone();
            tokio::spawn(async move { batcher.write(item).await })
        };
        let first = write(0);
        while commits.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let others: Vec<_> = (1..50).map(write).collect();
        tokio::task::yield_now().await;
        first_goes.notify_one();
        assert_eq!(first.await.expect("the writer ends"), Some(0));
        for (item, other) in (1..50).zip(others) {
            assert_eq!(other.await.expect("the writer ends"), Some(item * 2));
        }
        assert_eq!(commits.load(Ordering::SeqCst), 2);
        drop(batcher);
        task.await.expect("the task ends with its last user");
    }

    #[tokio::test]
    async fn a_panic_costs_its_own_batch_an_answer_and_no_other() {
        let (batcher, task) = Batcher::start(GATHERING, pulse(), |items: Vec<u32>| async move {
            assert!(!items.contains(&13), "thirteen panics");
            items
        });
        assert_eq!(batcher.write(13).await, None);
        assert_eq!(batcher.write(14).await, Some(14));
        drop(batcher);
        task.await.expect("the task ends with its last user");
    }

    #[tokio::test]
    async fn a_lone_write_goes_at_once_and_a_crowd_waits_for_the_others() {
        let (begun, first_goes) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (batcher, _task) = Batcher::start(Gathering { enough: 3, ..GATHERING }, pulse(), {
            let (begun, first_goes) = (begun.clone(), first_goes.clone());
            move |items: Vec<u32>| {
                let (begun, first_goes) = (begun.clone(), first_goes.clone());
                async move {
                    begun.notify_one();
                    if items == [0] {
                        first_goes.notified().await;
                    }
                    vec![items.len(); items.len()]
                }
            }
        });
        let write = |item| {
            let batcher = batcher.clone();
            tokio::spawn(async move { batcher.write(item).await })
        };
        let lone = write(0);
        begun.notified().await;
        let mut crowd = vec![write(1), write(2)];
        tokio::task::yield_now().await;
        first_goes.notify_one();
        assert_eq!(lone.await.expect("the writer ends"), Some(1), "it went alone");
        tokio::task::yield_now().await;
        crowd.push(write(3));
        for write in crowd {
            assert_eq!(write.await.expect("the writer ends"), Some(3), "the two waited for the third");
        }
    }
}
