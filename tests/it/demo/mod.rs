//! The demo and its mail catcher.

pub(crate) mod catcher;
mod catcher_page;
