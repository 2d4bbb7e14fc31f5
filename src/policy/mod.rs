//! Rules that decide: pure, without I/O, clock or configuration.
//!
//! Where an SMTP phase counts, it is a type parameter that is ordered as the conversation goes: SMTP itself is known to
//! the relay's room only.

pub(crate) mod breaker;
pub mod connection_share;
pub mod consequences;
pub mod decision;
pub mod history_comparison;
pub mod invoice_route;
pub mod lockout;
pub mod password_rule;
pub mod permission;
pub mod portal;
pub mod refusal_words;
pub mod retry;
mod schedule;
pub mod sender_key;
pub mod sender_trial;
pub mod sender_trip;
pub mod sign_in;
pub mod sms_limits;
