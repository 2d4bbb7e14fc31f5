//! What waits to be published to the broker.

pub(super) mod dead_letters;
pub(super) mod outcomes;
