//! Proofs at full size; `scripts/prove load` runs them.

mod a_hundred_thousand_dead_letters;
mod a_storm_of_connections;
mod an_event_behind_a_hundred_thousand;
mod many_events_in_the_queue;
mod the_database_is_away;
