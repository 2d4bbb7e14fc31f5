//! Words that several stages share.

pub mod customer;
pub mod ids;
pub mod incoming;
pub mod invoice_kind;
pub mod mail_address;
pub mod nearest_name;
pub mod outbox;
pub mod reason;
pub mod reply;
pub mod settings;
pub mod state;
pub mod tenant;
