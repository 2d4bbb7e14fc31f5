//! How much at once: slots, rate, memory.

pub(super) mod buffers;
pub(super) mod claims_ahead;
pub(super) mod connection_share;
pub(super) mod express_turns;
pub(super) mod idle;
pub(super) mod memory;
pub(super) mod parked;
pub(super) mod rate;
pub(super) mod slots;
