//! What stands in the lanes, and what keeps it there.

pub(super) mod fair_share;
pub(super) mod lost_deliveries;
pub(super) mod refused_credentials;
pub(super) mod refusing_relay;
pub(super) mod resent;
pub(super) mod sender_history;
pub(super) mod sender_trial;
