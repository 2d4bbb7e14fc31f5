//! What stands in the lanes.

pub(super) mod fair_share;
pub(super) mod refused_credentials;
pub(super) mod resent;
