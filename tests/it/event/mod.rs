//! What billing systems publish, and what becomes of it.

mod an_event_cannot_be_sent;
mod an_event_comes_again;
mod an_event_is_written_its_own_way;
mod examples;
mod examples_ubl;
mod the_fuzz_corpus_is_replayed;
