//! What stands in the lanes, and what keeps it there.

pub(super) mod claim;
pub(super) mod data_permit;
pub(super) mod held;
pub(super) mod hold;
pub(super) mod hold_mark;
pub(super) mod load;
pub(super) mod lost_deliveries;
pub(super) mod pause;
pub(super) mod record;
pub(super) mod relay;
pub(super) mod sender;
pub(super) mod takeover;
pub(super) mod worker;
