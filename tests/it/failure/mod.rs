//! What breaks, by scenario.

mod a_delivery_cannot_be_loaded;
mod a_tenants_rows_are_locked;
mod deliveries_are_held_beside_workers;
mod events_wait_for_their_customers;
mod loops_turn;
mod suspects_of_two_relays;
mod the_database_falls_silent;
mod the_database_is_not_there_at_the_start;
mod the_document_store_hangs;
mod the_process_ends_in_time;
