//! The customer portal: its links and tenants' logos, who opened which link, who proves to be which customer and how
//! often that is tried, and what it may show.

pub(super) mod challenge;
pub(super) mod event;
pub(super) mod fresh_link;
pub(super) mod invoices;
pub(super) mod links;
pub(super) mod lock_list;
pub(super) mod lockout;
pub(super) mod logo;
pub(super) mod proxy;
pub(super) mod session;
pub(super) mod sms_log;
pub(super) mod timeline;
pub(super) mod visit;
