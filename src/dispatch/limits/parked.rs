//! Deliveries that wait for memory, perhaps for minutes, beside the lane's places.
//!
//! A relay that does not answer holds the memory of what is on the wire. If what waits for that memory kept its place in
//! the lane, emails that need none would not even be claimed.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::model::ids::TenantId;

/// So many of a lane in one worker, at most: each is a claimed row that no other worker can send.
const PARKED_MAX: usize = 64;

/// The parked deliveries of one lane in one worker.
#[derive(Debug)]
pub struct Parked {
    /// How many each tenant has; none is in it with 0.
    counts: Mutex<HashMap<TenantId, usize>>,
    /// Wakes the lane's claims.
    wake: Arc<Notify>,
}

/// One parked delivery, until this is dropped.
#[derive(Debug)]
pub struct ParkedDelivery<'a> {
    all: &'a Parked,
    tenant: &'a TenantId,
}

impl Parked {
    /// None yet. `wake` is notified when a tenant has none any more: its deliveries can be claimed again.
    #[must_use]
    pub fn new(wake: Arc<Notify>) -> Self {
        Self { counts: Mutex::default(), wake }
    }

    /// Parks a delivery of `tenant`, if there is room.
    #[must_use]
    pub fn park<'a>(&'a self, tenant: &'a TenantId) -> Option<ParkedDelivery<'a>> {
        let mut counts = self.counts.lock();
        if counts.values().sum::<usize>() >= PARKED_MAX {
            return None;
        }
        *counts.entry(tenant.clone()).or_default() += 1;
        Some(ParkedDelivery { all: self, tenant })
    }

    /// Whether any delivery of `tenant` is parked.
    #[must_use]
    pub fn has(&self, tenant: &TenantId) -> bool {
        self.counts.lock().contains_key(tenant)
    }

    /// Whose deliveries are parked.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantId> {
        self.counts.lock().keys().cloned().collect()
    }
}

impl Drop for ParkedDelivery<'_> {
    fn drop(&mut self) {
        let mut counts = self.all.counts.lock();
        let Some(count) = counts.get_mut(self.tenant) else { return };
        *count -= 1;
        if *count == 0 {
            counts.remove(self.tenant);
            self.all.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_tenant_is_named_until_its_last_delivery_leaves() {
        let (wake, [a, b]) = (Arc::new(Notify::new()), ["a", "b"].map(TenantId::from));
        let parked = Parked::new(Arc::clone(&wake));
        assert!(parked.tenants().is_empty());
        let (first, second) = (parked.park(&a), parked.park(&a));
        assert!(first.is_some() && second.is_some());
        assert_eq!((parked.tenants(), parked.has(&a), parked.has(&b)), (vec![a.clone()], true, false));
        drop(first);
        assert_eq!(parked.tenants(), std::slice::from_ref(&a));
        assert!(wake.notified().now_or_never().is_none(), "nothing more can be claimed");
        drop(second);
        assert!(parked.tenants().is_empty());
        assert!(wake.notified().now_or_never().is_some());
    }

    #[test]
    fn there_is_room_for_so_many_of_all_tenants() {
        let [a, b] = ["a", "b"].map(TenantId::from);
        let parked = Parked::new(Arc::new(Notify::new()));
        let mut all: Vec<_> = (0..PARKED_MAX).map(|_| parked.park(&a).expect("there is room")).collect();
        assert!(parked.park(&b).is_none());
        all.pop();
        let _last = parked.park(&b).expect("one has left");
        assert!(parked.park(&a).is_none());
    }
}
