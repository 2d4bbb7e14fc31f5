//! The plan of a resend: what would be sent, to whom, and what is different, before anything is.

use crate::clock::Timestamp;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::state::{Decision, DeliveryState};
use crate::policy::decision::{PortalAccess, Reason};

use super::TenantName;
use super::invoice::{DocumentFact, RecipientFact};

pub struct ResendPage<'a> {
    pub tenant: &'a TenantName,
    pub number: &'a str,
    pub kind: InvoiceKind,
    /// The delivery whose invoice is to be sent again.
    pub delivery: &'a str,
    pub form: ResendForm<'a>,
    pub plan: Result<PlannedResend, ResendRefusal>,
    /// What the server answered to the form: it lacks a reason or a confirmation.
    pub is_incomplete: bool,
}

/// What was chosen.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResendForm<'a> {
    /// Another address; empty: those of the event or the customer.
    pub to: &'a str,
    pub link_only: bool,
    /// Earlier links go on working.
    pub keep_links: bool,
    pub reason: &'a str,
    pub idempotency_key: &'a str,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PlannedResend {
    pub recipients: Vec<RecipientFact>,
    pub decision: Decision,
    pub reason: Reason,
    /// Of a link: what the portal asks.
    pub access: Option<PortalAccess>,
    /// What is attached, or what the link leads to.
    pub documents: Vec<DocumentFact>,
    pub differences: Vec<PlanDifference>,
    pub warnings: Vec<PlanWarning>,
    /// How many links stop working.
    pub links_revoked: u64,
    /// Where the delivery stands whose place it takes.
    pub original: DeliveryState,
    /// Documents would go to an address that neither the event nor the record knows.
    pub needs_attach_confirmation: bool,
    /// It was sent less than a minute ago.
    pub needs_soon_confirmation: bool,
}

/// What is not as it was the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanDifference {
    Recipients { was: Vec<String> },
    Decision { was: Decision },
    Access { was: PortalAccess },
    SettingsVersion { was: i64, is: i64 },
    Sender { was: String, is: String },
    Template,
    Relay { was: String, is: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanWarning {
    SentAt { at: Timestamp },
    /// The earlier one may have arrived: what the relay did with it is not known.
    EarlierUncertain,
    /// The earlier one is cancelled so that it is not sent as well.
    EarlierCancelled,
    UnknownAddress,
    /// `expires_at` of the event has passed.
    Expired { at: Timestamp },
    /// The customer can reach the documents nowhere.
    DocumentsNowhere,
    TenantPaused,
    /// The relay does not work now: it goes when it does.
    RelayPaused,
    Overdue,
}

/// Why it cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResendRefusal {
    /// A worker has it: the page asks again until it has ended.
    Sending,
    /// The event's bytes are deleted.
    Forgotten,
    UnknownCustomer,
    /// The address that was entered; why, as a clause.
    Address(String),
    /// The event's or the customer's address.
    Recipient(String),
    MustFail { class: ReasonCode, reason: String },
    /// Other deliveries of this number have to be told apart first.
    Ambiguous,
}
