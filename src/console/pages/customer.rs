//! One customer: what is on record (masked), how they can be verified, links and invoices.

use crate::clock::Timestamp;
use crate::model::customer::CustomerType;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::settings::VerificationMethod;
use crate::policy::decision::PortalAccess;

use super::TenantName;
use super::invoice::InvoiceStanding;

pub struct CustomerPage<'a> {
    pub tenant: &'a TenantName,
    pub id: &'a str,
    /// As the reader may see it, as are address, postcode and mobile.
    pub name: &'a str,
    pub kind: Option<CustomerType>,
    pub address: &'a str,
    pub locale: Option<&'a str>,
    pub country: Option<&'a str>,
    /// `•••• 12`, or that there is one.
    pub postcode: Option<&'a str>,
    pub mobile: Option<&'a str>,
    /// The SMS provider has refused the number for good.
    pub is_mobile_refused: bool,
    /// What the portal asks of this customer today.
    pub access: PortalAccess,
    /// What the tenant chose, in its order, and whether the record can do it.
    pub methods: &'a [(VerificationMethod, bool)],
    pub lock: Option<PortalLock>,
    pub links: &'a [CustomerLinkRow],
    /// The newest first.
    pub invoices: &'a [CustomerInvoiceRow],
    pub next: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortalLock {
    pub until: Timestamp,
}

pub struct CustomerLinkRow {
    /// The delivery that it came with.
    pub delivery: String,
    pub number: String,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub last_opened_at: Option<Timestamp>,
}

pub struct CustomerInvoiceRow {
    pub number: String,
    pub kind: InvoiceKind,
    pub standing: InvoiceStanding,
    pub at: Timestamp,
}
