//! The start page: what waits for a person.

use crate::clock::Timestamp;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::work::WorkKind;

use super::TenantName;

pub struct WorkListPage<'a> {
    pub filter: WorkFilter<'a>,
    /// How many are open of each kind, in the tenant that is chosen.
    pub counts: &'a [(WorkKind, u64)],
    /// The tenants to choose from; with one there is nothing to choose.
    pub tenants: &'a [TenantName],
    /// The oldest first.
    pub rows: &'a [WorkRow],
    /// The value of `after` for the next page.
    pub next: Option<&'a str>,
}

/// What the query asked for: `kind`, `tenant`, `acknowledged=1`.
#[derive(Debug, Clone, Copy, Default)]
pub struct WorkFilter<'a> {
    pub kind: Option<WorkKind>,
    pub tenant: Option<&'a str>,
    /// Those that somebody has acknowledged, instead of those that wait.
    pub acknowledged: bool,
}

pub struct WorkRow {
    /// A delivery's id.
    pub id: String,
    pub kind: WorkKind,
    pub tenant: TenantName,
    pub number: String,
    pub invoice_kind: InvoiceKind,
    /// As lists show it.
    pub customer: String,
    /// The relay's code, or what is missing; addresses masked.
    pub detail: Option<String>,
    pub since: Timestamp,
    pub acknowledged: Option<Acknowledgement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    pub by: String,
    pub at: Timestamp,
}
