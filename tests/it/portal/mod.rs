//! The customers' pages.

mod codes_are_entered;
mod customers_read_while_a_batch_is_sent;
mod documents_are_guarded;
mod documents_are_sent_whole;
mod fresh_links;
mod links_open_sessions;
pub(crate) mod pages_load_what_they_name;
pub(crate) mod support;
mod text_messages_are_sent;
mod visitors_are_forgotten;
mod visitors_attack;
mod visitors_hold_their_connections;
mod visitors_prove_who_they_are;
mod wrong_answers_lock;
