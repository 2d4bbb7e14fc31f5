//! The customers' pages.

mod visitors_hold_their_connections;
