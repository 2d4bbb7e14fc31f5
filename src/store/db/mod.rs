//! The database itself: connections that are closed once an answer is overdue.

pub(super) mod connection;
pub(super) mod deadlock;
pub(super) mod first_contact;
