//! The JSON API.

mod an_answer_is_lost;
mod desk;
mod idempotency;
mod invoices_are_found_and_shown;
mod links;
mod people_act_upon_deliveries;
mod people_are_managed_by_programs;
mod portal_locks;
mod roles_stop_at_the_new_routes;
mod schemas;
pub(crate) mod support;
mod tenants_and_settings_are_looked_after;
mod the_api_answers_only_who_may_ask;
mod the_api_does_what_its_documents_say;
mod the_api_keeps_logos;
mod the_api_keeps_the_catalogue;
mod the_api_refuses_bad_events;
mod the_api_shows_the_audit_log;
mod the_api_stands_a_storm;
mod the_api_takes_events;
mod the_document_says_what_the_api_does;
