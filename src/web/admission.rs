//! Who gets a place among the connections of a listener.
//!
//! Every connection is an open file, of which a process has few: a storm of visitors must not take those away that send
//! mail and reach the database. A listener that is full closes the connection that has waited longest without a whole
//! request, and takes the new one: slow clients hold places only as long as no other request needs them. Where all are
//! at work, a few more places serve probes, and refuse other requests until later.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use ipnet::IpNet;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::deadlines::ExchangeProgress;
use super::limits::Limits;

/// How soon it is looked again for a connection that may be closed.
const LOOK: Duration = Duration::from_millis(20);

/// What a connection may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Everything.
    Any,
    /// Probes; everything else is refused until later.
    Probes,
}

/// The connections of one listener; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    pub(super) limits: Arc<Limits>,
    table: Arc<Mutex<PeerTable>>,
}

#[derive(Debug, Default)]
struct PeerTable {
    entries: HashMap<u64, PeerEntry>,
    last: u64,
}

#[derive(Debug)]
struct PeerEntry {
    peer: Option<IpNet>,
    usable_for: Use,
    progress: Arc<ExchangeProgress>,
    evicted: CancellationToken,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    admission: Admission,
    number: u64,
    pub(super) usable_for: Use,
    pub(super) progress: Arc<ExchangeProgress>,
    /// Another connection has the place now.
    pub(super) evicted: CancellationToken,
    /// What is answered where the place is for probes alone.
    pub(super) refusal: fn(&Uri, &HeaderMap) -> Response,
}

impl Admission {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits: Arc::new(limits), table: Arc::default() }
    }

    /// A place for a connection of `peer`, as soon as there is one; none if the peer has as many as it may.
    pub(super) async fn admit(&self, peer: IpAddr) -> Option<ConnectionSlot> {
        let peer = self.limits.bounded_peer(peer);
        loop {
            match self.try_admit(peer) {
                Ok(place) => return place,
                Err(Full) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    fn try_admit(&self, peer: Option<IpNet>) -> Result<Option<ConnectionSlot>, Full> {
        let limits = &self.limits;
        let mut table = self.table();
        if peer.is_some() && table.count(|entry| entry.peer == peer) >= limits.per_peer_max {
            // One peer's slow connections make room for its others, never for another peer's.
            if !table.evict(Duration::ZERO, |entry| entry.peer == peer) {
                return Ok(None);
            }
        }
        let any = |entry: &PeerEntry| entry.usable_for == Use::Any;
        let probes = |entry: &PeerEntry| entry.usable_for == Use::Probes;
        if table.count(any) < limits.connections_max || table.evict(limits.evicted_after, any) {
            return Ok(Some(self.place(&mut table, peer, Use::Any)));
        }
        if table.count(probes) < limits.probes_max || table.evict(limits.probe_evicted_after, probes) {
            return Ok(Some(self.place(&mut table, peer, Use::Probes)));
        }
        Err(Full)
    }

    fn place(&self, table: &mut PeerTable, peer: Option<IpNet>, usable_for: Use) -> ConnectionSlot {
        table.last += 1;
        let (progress, evicted) = (Arc::new(ExchangeProgress::new()), CancellationToken::new());
        let entry = PeerEntry { peer, usable_for, progress: Arc::clone(&progress), evicted: evicted.clone() };
        table.entries.insert(table.last, entry);
        let refusal = self.limits.refusal;
        ConnectionSlot { admission: self.clone(), number: table.last, usable_for, progress, evicted, refusal }
    }

    fn table(&self) -> MutexGuard<'_, PeerTable> {
        self.table.lock()
    }
}

/// All places are taken by connections that work, or have only just come.
#[derive(Debug)]
struct Full;

impl PeerTable {
    fn count(&self, counts: impl Fn(&PeerEntry) -> bool) -> usize {
        self.entries.values().filter(|entry| counts(entry)).count()
    }

    /// Closes the connection that has waited longest for a request, if it has for so long; says whether there was one.
    fn evict(&mut self, waited_min: Duration, may_be: impl Fn(&PeerEntry) -> bool) -> bool {
        let waiting = self.entries.iter().filter(|(_, entry)| may_be(entry));
        let longest = waiting.filter_map(|(number, entry)| Some((entry.progress.waiting_since()?, *number))).min();
        let Some((since, number)) = longest else { return false };
        if Instant::now().saturating_duration_since(since) < waited_min {
            return false;
        }
        let entry = self.entries.remove(&number).expect("it was just found");
        entry.evicted.cancel();
        true
    }
}

impl ConnectionSlot {
    /// Whether others may want the place when the answer is given.
    pub(super) fn is_wanted(&self) -> bool {
        self.usable_for == Use::Probes || self.admission.table().entries.len() >= self.admission.limits.crowded_from
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.admission.table().entries.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: [u8; 4] = [203, 0, 113, 9];

    fn admission() -> Admission {
        let limits = Limits {
            connections_max: 3,
            probes_max: 1,
            per_peer_max: 2,
            evicted_after: Duration::ZERO,
            probe_evicted_after: Duration::ZERO,
            ..Limits::default()
        };
        Admission::new(limits)
    }

    fn admit(admission: &Admission, peer: [u8; 4]) -> Option<ConnectionSlot> {
        admission.try_admit(admission.limits.bounded_peer(peer.into())).expect("a place, or none for this peer")
    }

    #[test]
    fn a_peer_gets_no_more_than_its_share_and_loses_its_own_slowest() {
        let admission = admission();
        let first = admit(&admission, OTHER).expect("a place");
        let second = admit(&admission, OTHER).expect("a place");
        let local = admit(&admission, [127, 0, 0, 1]).expect("loopback is not bounded");
        second.progress.head_received(false);
        let third = admit(&admission, OTHER).expect("the place of its first");
        assert!(first.evicted.is_cancelled() && !second.evicted.is_cancelled() && !local.evicted.is_cancelled());
        third.progress.head_received(true);
        assert!(admit(&admission, OTHER).is_none(), "both are at work");
        drop(second);
        assert!(admit(&admission, OTHER).is_some());
    }

    #[test]
    fn who_waits_makes_room_and_who_works_does_not() {
        let admission = admission();
        let waiting = admit(&admission, [127, 0, 0, 1]).expect("a place");
        let working: Vec<_> = (0..2).map(|_| admit(&admission, [127, 0, 0, 1]).expect("a place")).collect();
        for place in &working {
            place.progress.head_received(true);
        }
        let new = admit(&admission, [127, 0, 0, 1]).expect("the place of the one that waits");
        assert!(waiting.evicted.is_cancelled() && new.usable_for == Use::Any);
        new.progress.head_received(true);
        // All work: what comes now may only ask how we are.
        let probe = admit(&admission, [127, 0, 0, 1]).expect("a place for probes");
        assert_eq!(probe.usable_for, Use::Probes);
        let next = admit(&admission, [127, 0, 0, 1]).expect("the place of the probe that says nothing");
        assert!(probe.evicted.is_cancelled() && next.usable_for == Use::Probes);
        next.progress.head_received(false);
        assert!(matches!(admission.try_admit(None), Err(Full)));
        drop(working);
        assert_eq!(admit(&admission, [127, 0, 0, 1]).expect("a place").usable_for, Use::Any);
    }
}
