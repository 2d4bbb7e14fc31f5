//! Which invoice something is about.

use crate::model::ids::{CustomerId, TenantId};
use crate::model::invoice_kind::InvoiceKind;

/// Whose invoice it is, and by which names it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceRef {
    pub tenant: TenantId,
    pub customer: CustomerId,
    /// The billing system's identifier.
    pub id: String,
    /// The number that people know; not unique: a reminder bears its invoice's.
    pub number: String,
    pub kind: InvoiceKind,
}
