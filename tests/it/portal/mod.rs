//! The customers' pages.

mod codes_are_entered;
mod text_messages_are_sent;
mod links_open_sessions;
pub(crate) mod support;
mod visitors_hold_their_connections;
mod wrong_answers_lock;
