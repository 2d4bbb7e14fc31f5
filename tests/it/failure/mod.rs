//! What breaks, by scenario.

mod the_document_store_hangs;
