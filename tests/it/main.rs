//! Every scenario that needs real parts: one binary, one file per scenario.

mod broker_events_are_taken_in;
mod compose_is_not_injectable;
mod compose_looks_as_before;
mod compose_reads_back;
mod compose_sample;
mod compose_with_own_templates;
mod demo_catcher;
mod demo_catcher_page;
mod documents_file;
mod documents_s3;
mod event_examples;
mod event_examples_ubl;
mod harness;
mod relay_accepts;
mod relay_cannot_be_used;
mod relay_falls_silent;
mod relay_refuses;
mod relay_support;
mod servers_come_back;
mod store_claim;
mod store_intake;
mod store_opening;
mod store_record;
mod store_relay_state;
mod store_samples;
mod store_takeover;
