//! Delivers each invoice by email, once: with its documents attached, or with a link to the customer portal, as the
//! tenant's policy says.
//!
//! An invoice passes through the modules in this order:
//!
//! [`event`] → [`intake`] → [`dispatch`] ([`policy::decision`] → [`documents`] → [`compose`] → [`relay`] → record) →
//! [`store`]
//!
//! Each stage takes the type that the last one made. [`policy`], [`compose`] and [`relay::outcome`] are pure: they do no
//! I/O and read no clock.
//!
//! The modules below stand in layers, the highest first: each may use what stands below it, never what stands above
//! (`tests/it/house` reads the imports and fails otherwise).

pub mod cli;

pub mod demo;

pub mod app;

pub mod api;
pub mod console;
pub mod portal;

pub mod web;

pub mod dispatch;

pub mod upkeep;

pub mod operator;

pub mod intake;

pub mod broker;

pub mod store;

pub mod config;

pub mod compose;
pub mod documents;

pub mod relay;
pub mod sms;

pub mod event;

pub mod policy;

pub mod model;

pub mod secrets;
pub mod telemetry;

pub mod backoff;
pub mod bisect;
pub mod failpoint;
pub mod lifecycle;
pub mod private_file;
pub mod wake;

pub mod clean;
pub mod clock;
pub mod sha256;
