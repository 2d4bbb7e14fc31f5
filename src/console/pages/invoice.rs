//! The page of one invoice number: each document under it, where it stands, what happened, what can be done.

use rust_decimal::Decimal;

use crate::clock::Timestamp;
use crate::event::RecipientRole;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::state::DeliveryState;

use super::TenantName;
use super::timeline::TimelineEntry;
use super::work_list::Acknowledgement;

pub struct InvoiceNumberPage<'a> {
    pub tenant: &'a TenantName,
    pub number: &'a str,
    pub customer_id: Option<&'a str>,
    /// As the reader may see it.
    pub customer_name: Option<&'a str>,
    /// Invoice, reminders, credit note: the newest first. Empty where only events claim the number.
    pub sections: &'a [InvoiceSection],
}

/// One document under the number.
pub struct InvoiceSection {
    /// The newest delivery of it; none if there is only an event.
    pub delivery: Option<String>,
    pub kind: InvoiceKind,
    pub reminder_level: Option<u8>,
    pub standing: InvoiceStanding,
    pub class: Option<ReasonCode>,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
    /// When its last state began.
    pub since: Timestamp,
    /// What the relay or the check answered, for people.
    pub detail: Option<String>,
    pub acknowledged: Option<Acknowledgement>,
    /// Whether its bytes are still there to be sent again.
    pub can_be_resent: bool,
    /// In the order in which it happened.
    pub timeline: Vec<TimelineEntry>,
    pub facts: InvoiceFacts,
}

/// Where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvoiceStanding {
    Delivery(DeliveryState),
    /// An event that waits for its tenant, customer or documents.
    EventWaiting,
    /// An event that became a dead letter.
    EventDead,
}

/// What somebody can do with it; which are offered follows from its state and the person's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvoiceAction {
    Resend,
    SendNow,
    Cancel,
    MarkSent,
    Acknowledge,
    RevokeLinks,
    LiftLock,
}

/// What stands beside the timeline.
pub struct InvoiceFacts {
    pub issue_date: Option<jiff::civil::Date>,
    pub due_date: Option<jiff::civil::Date>,
    pub total: Option<Decimal>,
    pub amount_due: Option<Decimal>,
    pub currency: String,
    pub recipients: Vec<RecipientFact>,
    pub documents: Vec<DocumentFact>,
    pub links: Vec<LinkFact>,
    /// Until when verification is locked.
    pub locked_until: Option<Timestamp>,
    pub relay: Option<String>,
    pub attempts: u32,
    pub message_id: Option<String>,
    /// Whether there is a message to look at.
    pub has_message: bool,
    pub settings_version: Option<i64>,
    pub event_id: Option<String>,
    pub event_source: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientFact {
    pub role: RecipientRole,
    /// As the reader may see it.
    pub address: String,
    pub name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFact {
    pub name: String,
    pub media_type: String,
    pub size_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkFact {
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub opened: u64,
}
