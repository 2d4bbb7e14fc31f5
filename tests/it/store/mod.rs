//! What the database is asked and told, on both kinds of it.

mod catalogue;
mod claim;
mod dead_letters;
mod deliveries;
mod delivery_lists;
mod erasure;
mod event_fate;
mod held;
mod intake;
mod opening;
mod outcome;
mod people;
mod portal_links;
mod reconciliation;
mod record;
mod relay_state;
pub(crate) mod retention;
mod same_invoice;
pub(crate) mod samples;
mod scopes;
mod search;
mod sender_hold;
mod takeover;
mod two_at_once;
mod verification;
mod waiting_events;
mod what_if;
