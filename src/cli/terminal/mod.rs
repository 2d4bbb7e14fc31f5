//! What people read on a terminal: tables, reports, words, questions.

pub(super) mod confirm;
pub mod output;
pub(super) mod report;
pub(super) mod table;
pub(super) mod words;
