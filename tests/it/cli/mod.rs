//! The command line as people and their machines meet it.

mod files_are_private;
