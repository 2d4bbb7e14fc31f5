//! Background work: the sweeper, deliveries whose relay no worker serves, reconciliation.

pub mod reconciliation;
pub(crate) mod sweeper;
pub(crate) mod unserved_relays;
