//! What became of an event, as its publisher sees it: states and reasons, no addresses.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::document::schemas::DecisionReason;
use crate::clock::Timestamp;
use crate::compose::Attachment;
use crate::model::ids::{DeadLetterId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::portal_event::PortalEventKind;
use crate::model::reason::ReasonCode;
use crate::model::state::{DeadLetterState, Decision, DeliveryRole, DeliveryState, EventState};
use crate::sha256::Sha256;
use crate::store::{DeadLetter, Delivery, EventReport, PortalEvent};

/// What became of an event.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventStatus {
    source: String,
    id: String,
    #[schema(value_type = EventState)]
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_at: Option<Timestamp>,
    /// Until when its customer is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_until: Option<Timestamp>,
    deliveries: Vec<ReportedDelivery>,
    dead_letters: Vec<ReportedDeadLetter>,
}

/// One email to one envelope.
#[derive(Debug, Serialize, ToSchema)]
struct ReportedDelivery {
    id: DeliveryId,
    #[schema(value_type = DeliveryRole)]
    role: &'static str,
    #[schema(value_type = DeliveryState)]
    state: &'static str,
    /// SMTP transactions that began.
    attempts: u32,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "settled_at")]
    concluded_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReasonCode>)]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Decision>)]
    decision: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DecisionReason>)]
    decision_reason: Option<&'static str>,
    /// What was attached, as compose recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Attachment>>)]
    attachments: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Sha256>)]
    message_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resend_of: Option<DeliveryId>,
    /// What visitors of the portal did with its link, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    portal: Vec<ReportedPortalEvent>,
}

/// What a visitor of the portal did.
#[derive(Debug, Serialize, ToSchema)]
struct ReportedPortalEvent {
    at: Timestamp,
    #[schema(value_type = PortalEventKind)]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What no delivery could be made of.
#[derive(Debug, Serialize, ToSchema)]
struct ReportedDeadLetter {
    id: DeadLetterId,
    #[schema(value_type = DeadLetterState)]
    state: &'static str,
    /// If the event could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<InvoiceKind>)]
    kind: Option<&'static str>,
    #[schema(value_type = ReasonCode)]
    class: &'static str,
    /// For people.
    reason: String,
    /// What to do about it.
    hint: String,
    attempts: u32,
    first_failed_at: Timestamp,
    last_failed_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_id: Option<DeliveryId>,
}

impl EventStatus {
    /// Puts together what is known of the event `id` of `source`.
    pub(super) fn of(
        source: String,
        id: String,
        report: EventReport,
        deliveries: Vec<Delivery>,
        portal: &[PortalEvent],
    ) -> Self {
        let EventReport { event, dead_letters, .. } = report;
        // Bytes that were never a readable event leave a dead letter alone.
        let state = event.as_ref().map_or("dead", |event| event.state.into_str());
        let wait_until = event.as_ref().and_then(|event| event.wait_until);
        let received_at = event.as_ref().map(|event| event.received_at);
        let (tenant_id, invoice_number) = event.map(|event| (event.tenant, event.invoice_number)).unzip();
        Self {
            source,
            id,
            state,
            tenant_id,
            invoice_number,
            received_at,
            wait_until,
            deliveries: deliveries.into_iter().map(|delivery| ReportedDelivery::of(delivery, portal)).collect(),
            dead_letters: dead_letters.into_iter().map(ReportedDeadLetter::of).collect(),
        }
    }
}

impl ReportedDelivery {
    fn of(delivery: Delivery, portal: &[PortalEvent]) -> Self {
        let portal = portal.iter().filter(|event| event.root == delivery.id).map(ReportedPortalEvent::of).collect();
        Self {
            portal,
            id: delivery.id,
            role: delivery.role.into_str(),
            state: delivery.state.into_str(),
            attempts: delivery.attempts,
            created_at: delivery.created_at,
            due_at: delivery.due_at,
            concluded_at: delivery.concluded_at,
            class: delivery.class.map(|class| class.into_str()),
            reason: delivery.reason,
            code: delivery.code,
            decision: delivery.decision.map(|decision| decision.into_str()),
            decision_reason: delivery.decision_reason.map(|reason| reason.into_str()),
            attachments: delivery.attachments.and_then(|json| RawValue::from_string(json).ok()),
            message_id: delivery.message_id,
            message_sha256: delivery.message_sha256.map(|digest| digest.to_string()),
            resend_of: delivery.resend_of,
        }
    }
}

impl ReportedPortalEvent {
    fn of(event: &PortalEvent) -> Self {
        Self { at: event.at, kind: event.kind.into_str(), detail: event.detail.clone() }
    }
}

impl ReportedDeadLetter {
    fn of(letter: DeadLetter) -> Self {
        Self {
            id: letter.id,
            state: letter.state.into_str(),
            kind: letter.kind.map(|kind| kind.into_str()),
            class: letter.class.into_str(),
            reason: letter.reason,
            hint: letter.hint,
            attempts: letter.attempts,
            first_failed_at: letter.first_failed_at,
            last_failed_at: letter.last_failed_at,
            delivery_id: letter.delivery,
        }
    }
}
