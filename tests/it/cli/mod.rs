//! The command line as people and their machines meet it.

mod a_customer_calls;
mod a_mail_is_shown_as_it_was_sent;
mod an_installation_from_nothing;
mod attempts_are_counted_in_one_way;
mod composition_is_configured;
mod dead_letters;
mod deliveries;
mod doctor;
mod doctor_compares_the_broker;
mod doctor_hints_at_relays;
mod doctor_leaves_resting_credentials_alone;
mod doctor_tries_senders;
mod errors_are_json_for_machines;
mod explain;
mod files_are_private;
mod ids_are_shortened;
mod import;
mod links;
mod prompts;
mod publish;
mod recommendations_are_accepted;
mod relays_that_do_not_send;
mod settings;
pub(crate) mod support;
mod tables_fit_the_terminal;
mod the_command_line_is_wrong;
mod what_must_fail_is_refused;
