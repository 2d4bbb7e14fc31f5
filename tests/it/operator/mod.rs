//! What people do: redrive and resend.

mod redrive;
mod resend;
pub(crate) mod samples;
