//! A row that this worker owns.

use tokio::sync::OwnedSemaphorePermit;

use super::limits::parked::WithoutPlace;
use super::liveness::in_flight::InFlightGuard;
use super::liveness::isolation::Isolated;
use crate::store::Claimed;

/// What a delivery in flight holds of its lane.
#[derive(Debug)]
pub enum Place {
    /// One of the lane's places.
    Taken { _place: OwnedSemaphorePermit },
    /// None, while it waits long for memory.
    Parked,
    /// None any more: it has waited long for memory, which bounds how many there are.
    Without { _count: WithoutPlace },
}

/// A row that this worker owns.
#[derive(Debug)]
pub struct Owned {
    /// The row.
    pub claimed: Claimed,
    /// Free when the row has been recorded or given back.
    pub place: Place,
    /// Until the row has been recorded or given back, and what follows from that is written.
    _in_flight: InFlightGuard,
    /// Of a delivery that a worker died with: the lane claims no other meanwhile.
    _alone: Option<Isolated>,
}

impl Owned {
    /// A row that was just claimed, with a place.
    #[must_use]
    pub fn new(
        claimed: Claimed,
        place: OwnedSemaphorePermit,
        in_flight: InFlightGuard,
        alone: Option<Isolated>,
    ) -> Self {
        Self { claimed, place: Place::Taken { _place: place }, _in_flight: in_flight, _alone: alone }
    }
}
