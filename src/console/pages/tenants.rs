//! The tenants, and one of them.

use crate::clock::Timestamp;
use crate::model::settings::Settings;
use crate::model::work::WorkKind;

use super::customer::CustomerInvoiceRow;

pub struct TenantsPage<'a> {
    pub rows: &'a [TenantRow],
    pub next: Option<&'a str>,
}

pub struct TenantRow {
    pub id: String,
    pub name: String,
    /// The address that its mails come from.
    pub sender: String,
    pub paused: Option<PausedTenant>,
    pub last_sent_at: Option<Timestamp>,
    /// Deliveries that are to be sent.
    pub due: u64,
    /// Entries of its work list.
    pub open_work: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PausedTenant {
    pub since: Timestamp,
    pub by: String,
    pub reason: String,
}

pub struct TenantPage<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub sender_name: &'a str,
    pub sender_address: &'a str,
    pub reply_to: Option<&'a str>,
    pub bounce_address: Option<&'a str>,
    pub locale: &'a str,
    pub time_zone: Option<&'a str>,
    pub relay: &'a str,
    pub paused: Option<PausedTenant>,
    /// The sender is held: the relay refuses it.
    pub sender_held: Option<&'a str>,
    pub settings: Settings,
    pub settings_version: i64,
    pub counts: &'a [(WorkKind, u64)],
    pub due: u64,
    /// The newest first.
    pub recent: &'a [CustomerInvoiceRow],
}
