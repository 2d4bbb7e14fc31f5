//! What people read on a terminal: tables, reports, words, questions.

pub(super) mod confirm;
pub(super) mod format;
pub mod output;
pub(super) mod report;
pub(super) mod table;
