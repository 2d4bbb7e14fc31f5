//! What people do and look at, by the command line or a page.

pub mod audit_export;
pub mod audit_view;
pub mod foresight;
pub mod fresh_link;
pub mod invoice;
pub mod masking;
pub mod password_hashing;
pub mod people;
pub mod portal_settings;
pub mod redrive;
mod redrive_batch;
pub mod redriven;
pub mod resend;
mod resnapshot;
pub mod search;
pub mod sent_message;
pub mod settings_sample;
pub mod sign_in;
pub mod test_mail;
