//! The command line as people and their machines meet it.

mod files_are_private;
mod relays_that_do_not_send;
