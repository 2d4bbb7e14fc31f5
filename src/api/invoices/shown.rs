//! An invoice number with everything that is known of it, as JSON.

use serde::Serialize;
use utoipa::ToSchema;

use super::timeline::ListedStep;
use crate::api::document::schemas::DecisionReason;
use crate::clock::Timestamp;
use crate::compose::{Attachment, all_attached};
use crate::event::{Recipient, RecipientRole};
use crate::model::ids::{CustomerId, DeliveryId, RelayName, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::state::{Decision, DeliveryRole, DeliveryState};
use crate::operator::invoice::InvoiceStanding;
use crate::operator::invoice::history::{DocumentHistory, InvoiceHistory};
use crate::operator::invoice::timeline::timeline;
use crate::operator::masking::{Reader, customer_name};
use crate::policy::decision::Inputs;
use crate::store::{Delivery, ExplainedDelivery, ExplainedLink};

/// Everything that is known of one invoice number of a tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InvoiceAnswer {
    tenant_id: TenantId,
    invoice_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<CustomerId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_name: Option<String>,
    /// Whether names and addresses are masked: the role may not read personal data.
    masked: bool,
    /// The invoice, credit note and reminders that bear the number, the newest first.
    invoices: Vec<InvoiceOfNumber>,
    /// Until when the customer is locked out of the portal.
    #[serde(skip_serializing_if = "Option::is_none")]
    locked_until: Option<Timestamp>,
}

/// One invoice, credit note or reminder.
#[derive(Debug, Serialize, ToSchema)]
struct InvoiceOfNumber {
    #[schema(value_type = InvoiceKind)]
    kind: &'static str,
    /// The billing system's identifier; omitted of what could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reminder_level: Option<u8>,
    #[schema(value_type = InvoiceStanding)]
    state: &'static str,
    since: Timestamp,
    /// Why it stands there, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReasonCode>)]
    class: Option<&'static str>,
    /// The same for people: what holds it up, or what the relay or a check answered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// What to do about an open dead letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// When it is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_at: Option<Timestamp>,
    /// The delivery whose state this is; omitted where none was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_id: Option<DeliveryId>,
    /// Whether what it is made of is still there to be sent again.
    can_be_resent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    amounts: Option<ShownAmounts>,
    /// The documents of its event, while the event is kept.
    attachments: Vec<ShownAttachment>,
    /// Oldest first.
    deliveries: Vec<ShownDelivery>,
    /// What happened, in this order.
    timeline: Vec<ListedStep>,
}

/// What the event says of money and days, while it is kept.
#[derive(Debug, Serialize, ToSchema)]
struct ShownAmounts {
    #[schema(format = "date")]
    issue_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date")]
    due_date: Option<String>,
    /// ISO 4217.
    currency: String,
    #[schema(example = "1190.00")]
    total: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_due: Option<String>,
}

/// A document by its name in the email; its bytes stay in the document store.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownAttachment {
    name: String,
    media_type: String,
    /// In bytes.
    size: u64,
    sha256: String,
}

/// Whom an email goes to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownRecipient {
    #[schema(value_type = RecipientRole)]
    role: &'static str,
    /// Masked for those who may not read personal data.
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// One email to one envelope.
#[derive(Debug, Serialize, ToSchema)]
struct ShownDelivery {
    id: DeliveryId,
    #[schema(value_type = DeliveryRole)]
    role: &'static str,
    #[schema(value_type = DeliveryState)]
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReasonCode>)]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_at: Option<Timestamp>,
    /// Why it is not sent although its time has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay: Option<RelayName>,
    attempts: u32,
    recipients: Vec<ShownRecipient>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Decision>)]
    decision: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DecisionReason>)]
    decision_reason: Option<&'static str>,
    /// By which version of the tenant's settings it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    settings_version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    /// Of the message as it was sent; with it, `…/mail` shows the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_sha256: Option<String>,
    /// The delivery that a person sent again by this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    resend_of: Option<DeliveryId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resend_reason: Option<String>,
    links: Vec<DeliveryLink>,
}

/// A link of the portal, without its token.
#[derive(Debug, Serialize, ToSchema)]
struct DeliveryLink {
    generation: u32,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoke_reason: Option<String>,
}

impl InvoiceAnswer {
    pub(super) fn of(invoice: &InvoiceHistory, whole: bool) -> Self {
        let reader = invoice.reader(whole);
        let customer = invoice.customer.as_ref();
        Self {
            tenant_id: invoice.tenant.clone(),
            invoice_number: invoice.number.clone(),
            customer_id: invoice.customer_id.clone(),
            customer_name: customer.map(|customer| customer_name(&customer.name, customer.kind, whole)),
            masked: !whole,
            invoices: invoice
                .documents
                .iter()
                .map(|document| InvoiceOfNumber::of(invoice, document, &reader))
                .collect(),
            locked_until: invoice.locks.iter().map(|lock| lock.until).max(),
        }
    }
}

impl InvoiceOfNumber {
    fn of(invoice: &InvoiceHistory, document: &DocumentHistory, reader: &Reader) -> Self {
        let (acknowledged_by, acknowledged_at) = document.acknowledged().unzip();
        let data = document.data.as_ref();
        Self {
            kind: document.kind.into_str(),
            invoice_id: document.invoice_id.clone(),
            reminder_level: document.reminder_level(),
            state: document.standing().into_str(),
            since: document.since(),
            class: document.class().map(|class| class.into_str()),
            detail: invoice.detail(document).map(|detail| reader.reply(&detail)),
            hint: document.open_letter().map(|letter| letter.hint.clone()).filter(|hint| !hint.is_empty()),
            due_at: document.next_at(),
            acknowledged_by: acknowledged_by.map(str::to_owned),
            acknowledged_at,
            delivery_id: document.newest().map(|newest| newest.delivery.id),
            can_be_resent: document.can_be_resent(),
            amounts: data.map(|data| ShownAmounts {
                issue_date: data.invoice.issue_date.to_string(),
                due_date: data.invoice.due_date.map(|due| due.to_string()),
                currency: data.invoice.currency.clone(),
                total: data.invoice.total.to_string(),
                amount_due: data.invoice.amount_due.map(|due| due.to_string()),
            }),
            attachments: data.map(|data| attachments(&all_attached(data))).unwrap_or_default(),
            deliveries: document.deliveries.iter().map(|explained| ShownDelivery::of(explained, reader)).collect(),
            timeline: timeline(document, reader).into_iter().map(|entry| ListedStep::of(entry, document)).collect(),
        }
    }
}

pub(super) fn attachments(attachments: &[Attachment]) -> Vec<ShownAttachment> {
    let shown = |one: &Attachment| ShownAttachment {
        name: one.name.clone(),
        media_type: one.media_type.to_string(),
        size: one.size,
        sha256: one.sha256.to_string(),
    };
    attachments.iter().map(shown).collect()
}

pub(super) fn recipients(recipients: &[Recipient], reader: &Reader) -> Vec<ShownRecipient> {
    let shown = |recipient: &Recipient| ShownRecipient {
        role: recipient.role.into_str(),
        address: reader.address(&recipient.address),
        name: recipient.name.clone().filter(|_| reader.whole),
    };
    recipients.iter().map(shown).collect()
}

impl ShownDelivery {
    fn of(explained: &ExplainedDelivery, reader: &Reader) -> Self {
        let delivery = &explained.delivery;
        Self {
            id: delivery.id,
            role: delivery.role.into_str(),
            state: delivery.state.into_str(),
            class: delivery.class.map(|class| class.into_str()),
            code: delivery.code.clone(),
            reason: delivery.reason.as_deref().map(|reason| reader.reply(reason)),
            created_at: delivery.created_at,
            due_at: delivery.due_at,
            settled_at: delivery.concluded_at,
            held: delivery.held.as_deref().map(|held| reader.text(held)),
            relay: delivery.relay.clone(),
            attempts: delivery.attempts,
            recipients: recipients(&delivery.recipients, reader),
            decision: delivery.decision.map(|decision| decision.into_str()),
            decision_reason: delivery.decision_reason.map(|reason| reason.into_str()),
            settings_version: settings_version(delivery),
            message_id: delivery.message_id.clone(),
            message_sha256: delivery.message_sha256.map(|digest| digest.to_string()),
            resend_of: delivery.resend_of,
            resend_reason: delivery.resend_reason.as_deref().map(|reason| reader.text(reason)),
            links: explained.links.iter().map(|link| DeliveryLink::of(link, reader)).collect(),
        }
    }
}

fn settings_version(delivery: &Delivery) -> Option<i64> {
    let inputs = serde_json::from_str::<Inputs>(delivery.decision_inputs.as_deref()?).ok()?;
    Some(inputs.settings_version)
}

impl DeliveryLink {
    fn of(link: &ExplainedLink, reader: &Reader) -> Self {
        Self {
            generation: link.generation,
            expires_at: link.expires_at,
            revoked_at: link.revoked_at,
            revoked_by: link.revoked_by.clone(),
            revoke_reason: link.revoke_reason.as_deref().map(|reason| reader.text(reason)),
        }
    }
}
