//! Deliveries that wait for memory, perhaps for minutes, beside the lane's places.
//!
//! A relay that does not answer holds the memory of what is on the wire. If what waits for that memory kept its place in
//! the lane, emails that need none would not even be claimed. While deliveries of a tenant are parked, claims leave its
//! other ones out.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::model::ids::TenantId;

/// So many of a lane in one worker, at most: each is a claimed row that no other worker can send.
const PARKED_MAX: usize = 16;

/// The parked deliveries of one lane in one worker.
#[derive(Debug)]
pub struct Parked {
    state: Mutex<ParkedState>,
    /// Those that were parked, have their memory now, and have no place.
    without_place: watch::Sender<u32>,
    /// Wakes the lane's claims.
    wake: Arc<Notify>,
}

#[derive(Debug, Default)]
struct ParkedState {
    /// How many each tenant has; none is in it with 0.
    counts: HashMap<TenantId, usize>,
    /// Tenants whose deliveries were given back, since too many were parked.
    refused: HashSet<TenantId>,
}

/// One parked delivery, until this is dropped.
#[derive(Debug)]
pub struct ParkedDelivery<'a> {
    all: &'a Parked,
    tenant: &'a TenantId,
}

/// A delivery in flight that has no place in the lane, until this is dropped.
#[derive(Debug)]
pub struct WithoutPlace(watch::Sender<u32>);

impl Parked {
    /// None yet. `wake` is notified when a tenant is not left out any more.
    #[must_use]
    pub fn new(wake: Arc<Notify>) -> Self {
        Self { state: Mutex::default(), without_place: watch::Sender::new(0), wake }
    }

    /// Parks a delivery of `tenant`. If too many are, it is to be given back, and `tenant` is left out until half of
    /// them have gone on. Express ones, which are never left out, may be as many again.
    #[must_use]
    pub fn park<'a>(&'a self, tenant: &'a TenantId, express: bool) -> Option<ParkedDelivery<'a>> {
        let mut state = self.state.lock();
        if state.count() >= if express { 2 * PARKED_MAX } else { PARKED_MAX } {
            state.refused.insert(tenant.clone());
            return None;
        }
        *state.counts.entry(tenant.clone()).or_default() += 1;
        Some(ParkedDelivery { all: self, tenant })
    }

    /// Whether any delivery is parked.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.state.lock().counts.is_empty()
    }

    /// Whether any delivery of `tenant` is parked.
    #[must_use]
    pub fn has(&self, tenant: &TenantId) -> bool {
        self.state.lock().counts.contains_key(tenant)
    }

    /// Whose deliveries are not to be claimed.
    #[must_use]
    pub fn left_out(&self) -> Vec<TenantId> {
        let state = self.state.lock();
        state
            .counts
            .keys()
            .chain(state.refused.iter().filter(|tenant| !state.counts.contains_key(*tenant)))
            .cloned()
            .collect()
    }

    /// A delivery goes on that was parked: it takes no place, and counts as in flight until the guard is dropped.
    #[must_use]
    pub fn goes_on(&self) -> WithoutPlace {
        self.without_place.send_modify(|count| *count += 1);
        WithoutPlace(self.without_place.clone())
    }

    /// How many are in flight without a place.
    #[must_use]
    pub fn without_place(&self) -> watch::Receiver<u32> {
        self.without_place.subscribe()
    }
}

impl ParkedState {
    fn count(&self) -> usize {
        self.counts.values().sum()
    }
}

impl Drop for ParkedDelivery<'_> {
    fn drop(&mut self) {
        let mut state = self.all.state.lock();
        let Some(count) = state.counts.get_mut(self.tenant) else { return };
        *count -= 1;
        let mut is_wanted = *count == 0;
        if is_wanted {
            state.counts.remove(self.tenant);
        }
        if state.count() <= PARKED_MAX / 2 && !state.refused.is_empty() {
            state.refused.clear();
            is_wanted = true;
        }
        if is_wanted {
            self.all.wake.notify_one();
        }
    }
}

impl Drop for WithoutPlace {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_tenant_is_left_out_until_its_last_delivery_goes_on() {
        let (wake, [a, b]) = (Arc::new(Notify::new()), ["a", "b"].map(TenantId::from));
        let parked = Parked::new(Arc::clone(&wake));
        assert!(parked.left_out().is_empty() && !parked.any());
        let (first, second) = (parked.park(&a, false), parked.park(&a, false));
        assert!(first.is_some() && second.is_some() && parked.any());
        assert_eq!((parked.left_out(), parked.has(&a), parked.has(&b)), (vec![a.clone()], true, false));
        drop(first);
        assert_eq!(parked.left_out(), std::slice::from_ref(&a));
        assert!(wake.notified().now_or_never().is_none(), "nothing more can be claimed");
        drop(second);
        assert!(parked.left_out().is_empty());
        assert!(wake.notified().now_or_never().is_some());
    }

    #[test]
    fn who_finds_too_many_parked_is_left_out_until_half_of_them_go_on() {
        let (wake, [a, b]) = (Arc::new(Notify::new()), ["a", "b"].map(TenantId::from));
        let parked = Parked::new(Arc::clone(&wake));
        let mut all: Vec<_> = (0..PARKED_MAX).map(|_| parked.park(&a, false).expect("not too many")).collect();
        assert!(parked.park(&b, false).is_none());
        drop(parked.park(&b, true).expect("a person waits for it"));
        while all.len() > PARKED_MAX / 2 {
            assert!(parked.left_out().contains(&b) && !parked.has(&b));
            all.pop();
        }
        assert_eq!(parked.left_out(), std::slice::from_ref(&a));
        assert!(wake.notified().now_or_never().is_some());
        assert!(parked.park(&b, false).is_some());
    }

    #[test]
    fn what_goes_on_counts_until_it_has_ended() {
        let parked = Parked::new(Arc::new(Notify::new()));
        let first = parked.goes_on();
        let second = parked.goes_on();
        assert_eq!(*parked.without_place().borrow(), 2);
        drop((first, second));
        assert_eq!(*parked.without_place().borrow(), 0);
    }
}
