//! Sends every invoice once, by mail: with its documents, or with a link to the customer portal, as the
//! tenant's policy says.
//!
//! The modules stand in the order in which an invoice passes through them:
//!
//! [`event`] → [`intake`] → [`lane`] → [`decision`] → [`documents`] → [`compose`] → [`relay`] → [`retry`] → [`store`]
//!
//! Each stage takes the type that the last one made; nothing looks back. [`decision`], [`policy`], [`compose`],
//! [`relay::outcome`] and [`retry`] are pure: they do no I/O and read no clock.

pub mod app;
pub mod backoff;
pub mod bench;
pub mod bisect;
pub mod broker;
pub mod catalogue;
pub mod class;
pub mod cli;
pub mod clock;
pub mod compose;
pub mod config;
pub mod console;
pub mod customer;
pub mod decision;
pub mod demo;
pub mod documents;
pub mod event;
pub mod failpoint;
pub mod http;
pub mod ids;
pub mod intake;
pub mod lane;
pub mod ledger;
pub mod lifecycle;
pub mod model;
pub mod operator;
pub mod policy;
pub mod portal;
pub mod private_file;
pub mod redrive;
pub mod relay;
pub mod resend;
pub mod retry;
pub mod secrets;
pub mod settings;
mod spelling;
pub mod store;
pub mod telemetry;
pub mod tenant;
pub mod web;
