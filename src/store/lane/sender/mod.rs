//! Senders that a relay refuses: their holds, trials and history.

pub(in crate::store) mod sender_history;
pub(in crate::store) mod sender_hold;
pub(in crate::store) mod sender_trial;
