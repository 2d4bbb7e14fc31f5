//! The customer portal: its links, who proves to be which customer and how often that is tried, and tenants' logos.

pub(super) mod challenge;
pub(super) mod links;
pub(super) mod lockout;
pub(super) mod logo;
pub(super) mod sms_log;
