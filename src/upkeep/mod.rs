//! What nobody waits for: the sweeper, deliveries whose relay nobody serves, reconciliation.

pub mod reconciliation;
pub(crate) mod sweeper;
pub(crate) mod unserved_relays;
