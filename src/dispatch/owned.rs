//! A row that this worker owns.

use tokio::sync::OwnedSemaphorePermit;

use super::liveness::in_flight::InFlightGuard;
use super::liveness::isolation::Isolated;
use crate::store::Claimed;

/// A row that this worker owns, and its place, if it has one, among those that the lane has in flight.
#[derive(Debug)]
pub struct Owned {
    /// The row.
    pub claimed: Claimed,
    /// Free when the row has been recorded or given back; none while it waits long for memory.
    pub place: Option<OwnedSemaphorePermit>,
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
        Self { claimed, place: Some(place), _in_flight: in_flight, _alone: alone }
    }
}
