//! Retention, counts and reconciliation.

pub(super) mod checkup;
pub(super) mod concluded_count;
pub(super) mod counts;
pub(super) mod reconciliation;
pub(super) mod retention;
