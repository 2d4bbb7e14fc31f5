//! What people do: redrive and resend; and customers, who ask for a fresh link.

mod an_invoice_is_found_once;
mod every_act_is_audited;
mod fresh_link;
mod invoice_history;
mod redrive;
mod resend;
mod resend_plan;
pub(crate) mod samples;
