//! Words that several stages share.

pub mod mail_address;
