//! What is read once and kept: templates and tenants' profiles.

pub(super) mod profiles;
pub(super) mod templates;
