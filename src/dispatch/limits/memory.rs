//! Memory for messages in flight: each lane's share of a worker's, and what of it is for small messages alone.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::ids::RelayName;

/// Of the mails that are made or wait for a connection, a lane has so many bytes in memory, or one mail: enough that no
/// connection waits, and large mails do not pile up.
const AHEAD_BYTES_MAX: u64 = 4 << 20;
/// Large mails leave this part of a lane's memory to the small ones: a relay that does not answer them holds up no others.
const SMALL_PART: u64 = 8;
/// What an ordinary invoice needs, or less: it is a small mail, unless two of them are more than the small ones have.
const ORDINARY_BYTES: u64 = 1 << 20;

/// Each lane's share of a worker's memory for mails in flight.
///
/// Equal shares that no other lane can take: a relay that takes mails and does not answer holds its own lane's memory
/// for as long as it likes, and no other's.
#[derive(Debug)]
pub struct MemoryBudgets(HashMap<RelayName, LaneMemory>);

impl MemoryBudgets {
    /// So many bytes, divided among these relays.
    #[must_use]
    pub fn divided<'a>(bytes: u64, relays: impl ExactSizeIterator<Item = &'a RelayName>) -> Self {
        let share = bytes / u64::try_from(relays.len()).unwrap_or(u64::MAX).max(1);
        Self(relays.map(|relay| (relay.clone(), LaneMemory::new(share))).collect())
    }

    /// What the lane of this relay has.
    #[must_use]
    pub fn of(&self, relay: &RelayName) -> &LaneMemory {
        self.0.get(relay).expect("every lane's relay was given a share")
    }
}

/// One lane's memory.
#[derive(Debug)]
pub struct LaneMemory {
    large_from: u64,
    /// For all mails.
    in_flight: MemoryBudget,
    /// For small ones, beside that.
    small: MemoryBudget,
    ahead: MemoryBudget,
}

impl LaneMemory {
    fn new(share: u64) -> Self {
        let small = share / SMALL_PART;
        Self {
            // Of small ones there is memory for a few.
            large_from: (small / 4).max(ORDINARY_BYTES.min(small / 2)),
            in_flight: MemoryBudget::new(share - small),
            small: MemoryBudget::new(small),
            ahead: MemoryBudget::new(AHEAD_BYTES_MAX),
        }
    }

    /// Waits until the lane has so many bytes for a mail in flight, perhaps for minutes, and takes them.
    pub async fn take(&self, bytes: u64) -> MailMemory {
        let in_flight = if bytes <= self.large_from {
            tokio::select! {
                biased;
                taken = self.in_flight.take(bytes) => taken,
                taken = self.small.take(bytes) => taken,
            }
        } else {
            self.in_flight.take(bytes).await
        };
        MailMemory { bytes, _in_flight: Some(in_flight), ahead: None }
    }

    /// Waits until no more than a few of the mails that were made wait for a connection.
    pub async fn ahead(&self, memory: &mut MailMemory) {
        if memory.bytes > 0 {
            memory.ahead = Some(self.ahead.take(memory.bytes).await);
        }
    }
}

/// A mail's share of its lane's memory; free when this is dropped.
#[derive(Debug, Default)]
pub struct MailMemory {
    bytes: u64,
    _in_flight: Option<OwnedSemaphorePermit>,
    ahead: Option<OwnedSemaphorePermit>,
}

impl MailMemory {
    /// A connection has taken the mail: another one can be made in its place.
    pub fn no_longer_ahead(&mut self) {
        self.ahead = None;
    }
}

/// Memory for mails, given out in KiB.
#[derive(Debug)]
struct MemoryBudget {
    kibibytes: Arc<Semaphore>,
    all: u32,
}

impl MemoryBudget {
    fn new(bytes: u64) -> Self {
        let all = u32::try_from(bytes / 1024).unwrap_or(u32::MAX).clamp(1, u32::MAX >> 3);
        let permits = usize::try_from(all).expect("32 bits fit a usize");
        Self { kibibytes: Arc::new(Semaphore::new(permits)), all }
    }

    /// Waits until so many bytes are free, and takes them. One mail that needs more than there is takes all.
    async fn take(&self, bytes: u64) -> OwnedSemaphorePermit {
        let kibibytes = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).clamp(1, self.all);
        Arc::clone(&self.kibibytes).acquire_many_owned(kibibytes).await.expect("the budget is never closed")
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_lane_that_holds_all_of_its_share_leaves_the_others_theirs() {
        let [slow, other] = ["slow", "other"].map(RelayName::from);
        let budgets = MemoryBudgets::divided(2 << 20, [&slow, &other].into_iter());
        let _held = budgets.of(&slow).take(1 << 20).await;
        assert!(budgets.of(&slow).take(1 << 20).now_or_never().is_none());
        assert!(budgets.of(&other).take(1 << 20).now_or_never().is_some());
    }

    #[tokio::test]
    async fn small_mails_go_past_large_ones_and_the_other_way_they_do_not() {
        let memory = LaneMemory::new(64 << 20);
        let (large, small) = (8 << 20, 512 << 10);
        let mut in_flight: Vec<_> = std::iter::from_fn(|| memory.take(large).now_or_never()).collect();
        assert_eq!(in_flight.len(), 7);
        let mut queued = Box::pin(memory.take(large));
        assert!((&mut queued).now_or_never().is_none());
        let past: Vec<_> = std::iter::from_fn(|| memory.take(small).now_or_never()).collect();
        assert_eq!(past.len(), 16);
        assert!((&mut queued).now_or_never().is_none(), "what is for small ones is not for it");
        in_flight.pop();
        assert!(queued.now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_waits_for_a_connection_is_bounded_and_what_is_on_the_wire_is_not_counted() {
        let memory = LaneMemory::new(100 * AHEAD_BYTES_MAX);
        let [mut first, mut second] = [memory.take(AHEAD_BYTES_MAX).await, memory.take(2 * AHEAD_BYTES_MAX).await];
        memory.ahead(&mut first).await;
        assert!(memory.ahead(&mut second).now_or_never().is_none());
        first.no_longer_ahead();
        assert!(memory.ahead(&mut second).now_or_never().is_some(), "one of any size");
        assert!(memory.ahead(&mut MailMemory::default()).now_or_never().is_some(), "a link needs none");
    }

    #[tokio::test]
    async fn a_mail_larger_than_the_budget_waits_for_all_of_it() {
        let budget = MemoryBudget::new(10 * 1024);
        let small = budget.take(1).await;
        assert!(budget.take(1 << 40).now_or_never().is_none());
        drop(small);
        let large = budget.take(1 << 40).await;
        assert!(budget.take(1).now_or_never().is_none());
        drop(large);
        assert!(budget.take(1).now_or_never().is_some());
    }
}
