//! The way of a delivery, and fairness between tenants.

mod a_tenant_has_a_hundred_thousand_due;
mod a_tenant_has_much_to_send;
mod a_worker_cannot_look_at_the_shares;
pub(crate) mod an_event_waits_behind_thousands_in_the_queue;
mod an_invoice_goes_out;
mod large_emails_hold_all_memory;
mod policy_changes_while_a_delivery_waits;
mod workers_share_a_relays_connections;
