//! Senders that a relay refuses: their holds, trials, releases and history.

pub(in crate::store) mod sender_history;
pub(in crate::store) mod sender_hold;
mod sender_release;
pub(in crate::store) mod sender_trial;
