//! Deliveries: listed, explained, sent again, and what is kept of their messages.

pub(super) mod decide;
pub(super) mod erased;
pub(super) mod event_status;
pub(super) mod explain;
pub(super) mod identity;
pub(super) mod invoice_ref;
pub(super) mod kept_message;
pub(super) mod left_recipients;
pub(super) mod list;
pub(super) mod notes;
pub(super) mod past_deliveries;
pub(super) mod resend;
pub(super) mod row;
pub(super) mod terms;
pub(super) mod visitors;
