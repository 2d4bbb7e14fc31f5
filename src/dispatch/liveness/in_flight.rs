//! Which deliveries this worker has in flight.
//!
//! The database says what a worker owns; this says what it knows of. The two differ when the answer to a claim is lost
//! (the connection breaks after the commit): then a row is `sending`, its worker lives, and no task works on it. The
//! heartbeat looks for such rows ([`Unknown`]) and gives them back.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use crate::store::{Fence, HeldRow};

/// The deliveries in flight, each by its claim; cheap to clone.
///
/// By the claim, since two of one delivery overlap: the next one may be on the wire while what followed from the record
/// of the last one, a held sender perhaps, is still being written.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Mutex<HashSet<Fence>>>);

/// One delivery in flight, until this is dropped.
#[derive(Debug)]
pub struct InFlightGuard {
    fence: Fence,
    in_flight: InFlight,
}

impl InFlight {
    /// Takes a delivery in flight, once its claim is known.
    #[must_use]
    pub fn guard(&self, fence: Fence) -> InFlightGuard {
        self.set().insert(fence);
        InFlightGuard { fence, in_flight: self.clone() }
    }

    fn holds(&self, fence: &Fence) -> bool {
        self.set().contains(fence)
    }

    fn set(&self) -> MutexGuard<'_, HashSet<Fence>> {
        self.0.lock()
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.in_flight.set().remove(&self.fence);
    }
}

/// Finds rows that are this worker's and that it does not know of.
#[derive(Debug, Default)]
pub struct Unknown {
    isolation: HashSet<Fence>,
}

impl Unknown {
    /// Takes in what the database says this worker holds; returns what it did not know of at two looks in a row.
    ///
    /// Two, since a claim stands in the database a moment before its worker knows, and a record a moment before it
    /// lets go.
    pub fn look(&mut self, held: Vec<HeldRow>, in_flight: &InFlight) -> Vec<HeldRow> {
        let unknown: Vec<HeldRow> = held.into_iter().filter(|row| !in_flight.holds(&row.fence)).collect();
        let before = std::mem::replace(&mut self.isolation, unknown.iter().map(|row| row.fence).collect());
        unknown.into_iter().filter(|row| before.contains(&row.fence)).collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::ids::{DeliveryId, WorkerId};

    fn row(n: u128, claim: u32) -> HeldRow {
        let fence = Fence { delivery: DeliveryId(Uuid::from_u128(n)), claim, worker: WorkerId(Uuid::from_u128(99)) };
        HeldRow { fence, data_started: false }
    }

    #[test]
    fn only_what_stays_unknown_is_given_back() {
        let (in_flight, mut unknown) = (InFlight::default(), Unknown::default());
        let known = in_flight.guard(row(1, 1).fence);
        assert_eq!(unknown.look(vec![row(1, 1), row(2, 1), row(3, 1)], &in_flight), []);
        // 2 was claimed anew meanwhile: another claim, another suspicion. 3 is in no task's hands.
        assert_eq!(unknown.look(vec![row(1, 1), row(2, 2), row(3, 1)], &in_flight), [row(3, 1)]);
        drop(known);
        assert_eq!(unknown.look(vec![row(1, 1)], &in_flight), []);
        assert_eq!(unknown.look(vec![row(1, 1)], &in_flight), [row(1, 1)]);
    }

    #[test]
    fn the_end_of_one_claim_is_not_that_of_the_next() {
        let (in_flight, mut unknown) = (InFlight::default(), Unknown::default());
        let last = in_flight.guard(row(1, 1).fence);
        let _next = in_flight.guard(row(1, 2).fence);
        drop(last);
        for _ in 0..2 {
            assert_eq!(unknown.look(vec![row(1, 2)], &in_flight), []);
        }
    }
}
