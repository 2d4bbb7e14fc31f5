//! Who works on what: heartbeats, takeover, isolation of suspects.

pub(super) mod heartbeat;
pub(super) mod in_flight;
pub(super) mod isolation;
pub(super) mod observer;
