//! What support searches by: numbers, recipients, customers' names, events' ids.
//!
//! Each way of searching has an index of its own and a bound on what it reads, so that an answer takes no longer where
//! there are millions. What is written for it (`recipients`, `words`) is written with the rows that it finds.

pub(super) mod catalogue;
pub(super) mod cursor;
pub(super) mod find;
pub(super) mod find_invoices;
mod find_named;
mod find_numbered;
pub(super) mod numbered;
pub(super) mod plans;
pub(super) mod recipients;
mod siblings;
pub(super) mod text;
pub(super) mod words;
