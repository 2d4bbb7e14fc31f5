//! Tenants, customers and settings.

pub(super) mod catalogue;
mod catalogue_audit;
pub(super) mod customer_groups;
pub(super) mod erase;
pub(super) mod person;
mod reasons;
pub(super) mod settings;
pub(super) mod template_version;
pub(super) mod verification;
