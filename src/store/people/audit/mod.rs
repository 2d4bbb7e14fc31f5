//! The audit log: what people did. Append-only, chained, and provable ([`chain`]).
//!
//! An entry is written in the transaction of the change that it is about: neither is there without the other. All
//! appending transactions wait for each other at the row `audit_head`. It is locked last, right before the commit, so
//! that no two transactions wait for each other in a ring.

pub(in crate::store) mod append;
mod chain;
pub(in crate::store) mod erase;
pub(in crate::store) mod head;
mod look;
pub(in crate::store) mod proof;
pub(in crate::store) mod prune;
pub(in crate::store) mod search;
