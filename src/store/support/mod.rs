//! What support looks at: what waits for a person, customers and tenants at a glance.

pub(super) mod acknowledge;
pub(super) mod last_relay;
pub(super) mod links_opened;
pub(super) mod tenant_names;
pub(super) mod tenant_overview;
pub(super) mod work_list;
