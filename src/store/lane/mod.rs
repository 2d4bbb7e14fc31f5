//! What stands in the lanes, and what keeps it there.

pub(super) mod attempt_record;
pub(super) mod claim;
pub(super) mod conclude;
pub(super) mod data_permit;
pub(super) mod fair_queue;
pub(super) mod fair_share;
pub(super) mod hold;
pub(super) mod load;
pub(super) mod lost_deliveries;
pub(super) mod record;
pub(super) mod refused_credentials;
pub(super) mod refusing_relay;
pub(super) mod relay_changes;
pub(super) mod relay_state;
pub(super) mod resent;
pub(super) mod sender_history;
pub(super) mod sender_hold;
pub(super) mod sender_trial;
pub(super) mod takeover;
pub(super) mod worker;
