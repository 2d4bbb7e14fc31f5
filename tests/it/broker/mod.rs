//! What the broker, or a publisher, can do to us.

mod a_backlog_waits;
mod a_dead_letter_is_moved_in_the_broker;
mod a_message_is_built_to_kill;
mod a_message_makes_the_connection_fail;
mod a_queue_has_no_leader;
mod bodies_are_far_too_large;
mod dead_letters_are_mirrored;
mod events_are_taken_in;
mod many_bodies_cannot_be_read;
mod messages_are_published;
mod rabbitmq_facts_dead_lettering;
mod rabbitmq_facts_publishing;
mod the_billing_system_hears_what_became_of_its_invoices;
mod the_broker_falls_silent;
mod the_broker_goes_away_and_comes_back;
mod the_broker_is_away_while_mails_are_due;
mod the_broker_is_reached_by_tls;
mod the_broker_is_short_of_memory;
mod the_database_refuses_events;
