//! Connections, statements, values, errors and migrations: what the other rooms of the store are built with.

mod batch_rows;
pub(super) mod connect;
pub(super) mod connection;
pub(super) mod deadlock;
pub(super) mod error;
pub(super) mod first_contact;
pub(super) mod migrations;
pub(super) mod page;
pub(super) mod patience;
pub(super) mod schema;
pub(super) mod scope;
pub(super) mod statement;
pub(super) mod unreachable;
pub(super) mod value;
