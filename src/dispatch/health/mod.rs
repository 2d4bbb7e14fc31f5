//! What a relay takes: its breaker, its credentials, held senders.

mod breaker_row;
pub(super) mod credentials;
pub(super) mod held_sender;
mod known_holds;
pub(super) mod refusing;
pub(super) mod relay_gate;
mod relay_trial;
pub(super) mod sender_hold;
