//! Finding an invoice.

use crate::clock::Timestamp;
use crate::model::invoice_kind::InvoiceKind;

use super::TenantName;
use super::invoice::InvoiceStanding;

pub struct SearchPage<'a> {
    /// As it was entered.
    pub query: &'a str,
    /// The newest first; one row for each invoice.
    pub hits: &'a [SearchHit],
    /// The value of `after` for the next page.
    pub next: Option<&'a str>,
}

pub struct SearchHit {
    pub tenant: TenantName,
    pub number: String,
    pub invoice_kind: Option<InvoiceKind>,
    /// As lists show it: the id, and the name.
    pub customer: String,
    /// The first recipient, masked.
    pub recipient: Option<String>,
    pub standing: InvoiceStanding,
    /// When it was made.
    pub at: Timestamp,
    pub matched: MatchedBy,
}

/// What of it the query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchedBy {
    Number,
    NumberPrefix,
    Customer,
    CustomerName,
    Recipient,
    MessageId,
    Delivery,
    Event,
}
