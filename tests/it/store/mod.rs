//! What the database is asked and told, on both kinds of it.

mod delivery_lists;
mod erasure;
mod event_fate;
mod held;
mod reconciliation;
mod same_invoice;
mod search;
mod two_at_once;
mod waiting_events;
