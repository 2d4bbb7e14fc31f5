//! Deliveries, one by one.

pub(super) mod erased;
pub(super) mod identity;
