//! What breaks, by scenario.

mod a_delivery_cannot_be_loaded;
mod a_delivery_kills_its_worker;
mod a_panic_costs_one_delivery;
mod a_process_dies_before_it_answers;
mod a_process_stands_still;
mod a_tenants_rows_are_locked;
mod a_worker_dies;
mod a_worker_runs_for_months;
mod a_worker_stops;
mod chaos;
mod deliveries_are_held_beside_workers;
mod events_wait_for_their_customers;
mod killed_at_every_point;
pub(crate) mod loops_turn;
pub(crate) mod processes_are_killed;
mod servers_come_back;
mod suspects_of_two_relays;
mod the_answer_to_a_claim_is_lost;
mod the_database_falls_silent;
mod the_database_is_not_there_at_the_start;
mod the_database_stops_with_a_250_in_flight;
mod the_database_takes_no_writes;
mod the_disk_is_full;
mod the_document_store_hangs;
mod the_process_ends_in_time;
mod workers_disagree_about_the_time;
