//! What people read on a terminal: tables, reports, words, questions.

pub(super) mod confirm;
pub(super) mod format;
mod line_breaks;
pub mod output;
pub(super) mod report;
pub(super) mod table;
