//! What breaks, by scenario.

mod the_database_falls_silent;
mod the_document_store_hangs;
