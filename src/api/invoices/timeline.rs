//! What happened to an invoice, step by step, as JSON.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::document::schemas::DecisionReason;
use crate::clock::Timestamp;
use crate::model::ids::DeliveryId;
use crate::model::portal_event::PortalEventKind;
use crate::model::reason::ReasonCode;
use crate::model::settings::VerificationMethod;
use crate::model::state::{Concluded, Decision, DeliveryRole};
use crate::operator::invoice::history::DocumentHistory;
use crate::operator::invoice::timeline::{TimelineEntry, TimelineEvent};
use crate::operator::resend::LinkCause;
use crate::policy::decision::PortalAccess;

/// One step of what happened.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ListedStep {
    at: Timestamp,
    /// Which delivery it is about; omitted where there is one only.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_id: Option<DeliveryId>,
    #[serde(flatten)]
    what: StepKind,
}

/// What it was.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
enum StepKind {
    /// The event came in; `forgotten`: its bytes have been deleted since.
    Received { source: String, via: String, event_id: String, forgotten: bool },
    /// The event waits for what its invoice needs.
    Waiting {
        #[schema(value_type = ReasonCode)]
        class: &'static str,
    },
    /// A delivery was made of it.
    Made {
        #[schema(value_type = DeliveryRole)]
        role: &'static str,
        to: Vec<String>,
    },
    /// A person sent the invoice again.
    Resent {
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        reason: String,
        to: Vec<String>,
        /// The address stands neither in the event nor on record.
        to_unknown_address: bool,
    },
    /// Documents or a link were decided upon.
    Decided {
        #[schema(value_type = Decision)]
        decision: &'static str,
        #[schema(value_type = DecisionReason)]
        decision_reason: &'static str,
        /// Of `link_only`: a person asked for it, or it is the default for an address that is not known.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<LinkCause>)]
        link_cause: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        settings_version: Option<i64>,
        /// Of a link: what the portal asks.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<PortalAccess>)]
        access: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<VerificationMethod>)]
        method: Option<&'static str>,
    },
    /// An SMTP transaction ended.
    Attempted {
        number: u32,
        relay: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<String>,
        #[schema(value_type = ReasonCode)]
        class: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reply: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        took_ms: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_at: Option<Timestamp>,
    },
    /// An attempt whose end is not known.
    AttemptUnended { number: u32 },
    /// Nothing automatic happens to the delivery any more.
    Concluded {
        #[schema(value_type = Concluded)]
        state: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<ReasonCode>)]
        class: Option<&'static str>,
    },
    /// By a person or by the program.
    Noted { by: String, text: String },
    /// Somebody took it off the work list.
    Acknowledged { by: String },
    /// What a visitor did in the portal.
    Portal {
        #[schema(value_type = PortalEventKind)]
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        network: Option<String>,
    },
    LinkRevoked {
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// No delivery could be made of the event.
    DeadLetter {
        #[schema(value_type = ReasonCode)]
        class: &'static str,
        reason: String,
    },
    /// A dead letter was put back, or discarded.
    DeadLetterConcluded {
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        redriven: bool,
    },
}

impl ListedStep {
    pub(super) fn of(entry: TimelineEntry, document: &DocumentHistory) -> Self {
        let TimelineEntry { at, delivery, event } = entry;
        let delivery = delivery.and_then(|number| document.deliveries.get(number.checked_sub(1)?));
        Self { at, delivery_id: delivery.map(|explained| explained.delivery.id), what: StepKind::of(event) }
    }
}

impl StepKind {
    fn of(event: TimelineEvent) -> Self {
        match event {
            TimelineEvent::Received { source, via, event_id, forgotten } => {
                Self::Received { source, via, event_id, forgotten }
            }
            TimelineEvent::Waiting { class } => Self::Waiting { class: class.into_str() },
            TimelineEvent::Made { role, to } => Self::Made { role: role.into_str(), to },
            TimelineEvent::Resent { by, reason, to, to_unknown_address } => {
                Self::Resent { by, reason, to, to_unknown_address }
            }
            TimelineEvent::Decided { decision, reason, link_cause, settings_version, access, method } => {
                Self::Decided {
                    decision: decision.into_str(),
                    decision_reason: reason.into_str(),
                    link_cause: link_cause.map(|cause| cause.into_str()),
                    settings_version,
                    access: access.map(|access| access.into_str()),
                    method: method.map(|method| method.into_str()),
                }
            }
            TimelineEvent::Attempted { number, relay, phase, class, code, reply, took, next_at } => Self::Attempted {
                number,
                relay,
                phase,
                class: class.into_str(),
                code,
                reply,
                took_ms: took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
                next_at,
            },
            TimelineEvent::AttemptUnended { number } => Self::AttemptUnended { number },
            TimelineEvent::Concluded { state, class } => {
                Self::Concluded { state: state.into_str(), class: class.map(|class| class.into_str()) }
            }
            TimelineEvent::Noted { by, text, .. } => Self::Noted { by, text },
            TimelineEvent::Acknowledged { by } => Self::Acknowledged { by },
            TimelineEvent::Portal { kind, detail, network } => Self::Portal { kind: kind.into_str(), detail, network },
            TimelineEvent::LinkRevoked { by, reason } => Self::LinkRevoked { by, reason },
            TimelineEvent::DeadLetter { class, reason } => Self::DeadLetter { class: class.into_str(), reason },
            TimelineEvent::DeadLetterConcluded { by, note, redriven } => {
                Self::DeadLetterConcluded { by, note, redriven }
            }
        }
    }
}
