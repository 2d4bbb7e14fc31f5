//! What the database knows of a relay: its state, its connections, its refused credentials, its changes.

pub(in crate::store) mod connection_share;
pub(in crate::store) mod refused_credentials;
pub(in crate::store) mod refusing_relay;
pub(in crate::store) mod relay_changes;
pub(in crate::store) mod relay_state;
