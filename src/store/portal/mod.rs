//! The customer portal: its links, who proves to be which customer, and how often that is tried.

pub(super) mod challenge;
pub(super) mod links;
pub(super) mod lockout;
pub(super) mod sms_log;
