//! Words that several stages share.

pub mod mail_address;
pub mod nearest_name;
