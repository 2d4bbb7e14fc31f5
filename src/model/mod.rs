//! Types that every room uses: ids, states, reason codes, replies, and the ports of broker and intake.

pub mod access;
pub mod actor;
pub mod audit;
pub mod claimed_key;
pub mod customer;
pub mod customer_group;
pub mod ids;
pub mod incoming;
pub mod invoice_kind;
pub mod invoice_ref;
pub mod logo;
pub mod mail_address;
pub mod nearest_name;
pub mod outbox;
pub mod portal_event;
pub mod private_address;
pub mod reason;
pub mod reply;
pub mod settings;
pub mod state;
pub mod tenant;
pub mod verification;
pub mod verification_key;
pub mod work;
