//! What people do and look at, whoever asks: the command line or a page.

pub mod foresight;
pub mod sent_message;
