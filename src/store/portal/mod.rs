//! The customer portal: its links.

pub(super) mod links;
