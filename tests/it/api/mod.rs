//! The JSON API.

mod idempotency;
mod links;
mod portal_locks;
mod schemas;
pub(crate) mod support;
mod the_api_answers_only_who_may_ask;
mod the_api_does_what_its_documents_say;
mod the_api_keeps_logos;
mod the_api_keeps_the_catalogue;
mod the_api_refuses_bad_events;
mod the_api_shows_the_audit_log;
mod the_api_stands_a_storm;
mod the_api_takes_events;
mod the_document_says_what_the_api_does;
