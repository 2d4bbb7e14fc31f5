//! What people do: redrive and resend; and customers, who ask for a fresh link.

mod every_act_is_audited;
mod fresh_link;
mod redrive;
mod resend;
pub(crate) mod samples;
