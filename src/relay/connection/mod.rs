//! A connection to the relay, from its address to the login.

pub(super) mod connector;
pub(super) mod first_login;
pub(super) mod helo;
pub(super) mod stream;
pub(super) mod tls;
