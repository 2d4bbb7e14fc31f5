//! What a resend would do, as JSON.

use serde::Serialize;
use utoipa::ToSchema;

use super::shown::{ShownAttachment, ShownRecipient, attachments, recipients};
use crate::api::document::schemas::DecisionReason;
use crate::clock::Timestamp;
use crate::model::ids::{DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::settings::VerificationMethod;
use crate::model::state::{Decision, DeliveryState};
use crate::operator::masking::Reader;
use crate::operator::resend::plan::{PlannedContent, ResendDifference, ResendPlan, ResendWarning};
use crate::operator::resend::{AddressOrigin, LinkCause};
use crate::policy::decision::{Plan, PortalAccess};

/// What a resend would do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ResendPlanAnswer {
    /// Names this plan: as `plan` of the act, it is done as planned or not at all.
    plan: String,
    tenant_id: TenantId,
    invoice_number: String,
    #[schema(value_type = InvoiceKind)]
    kind: &'static str,
    /// The delivery whose place the new one would take.
    original: DeliveryId,
    #[schema(value_type = DeliveryState)]
    original_is: &'static str,
    recipients: Vec<ShownRecipient>,
    /// Who of the event gets none, and why.
    left_out: Vec<String>,
    /// Where the address comes from: `as_recorded`, `named_and_known`, or `new`, which neither the event nor the customer's
    /// record has.
    address: &'static str,
    /// Omitted where it cannot be seen from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<PlannedContentAnswer>,
    /// Why it would fail, if that is certain: the act is refused then.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<PlanFault>,
    /// Earlier links that would be revoked.
    links_to_revoke: u64,
    /// What would not be as it was the last time.
    differences: Vec<PlanDifferenceAnswer>,
    warnings: Vec<PlanWarningAnswer>,
    /// It was sent again less than a minute ago: the act needs `again`.
    needs_again: bool,
}

/// What the mail would hold.
#[derive(Debug, Serialize, ToSchema)]
struct PlannedContentAnswer {
    #[schema(value_type = Decision)]
    decision: &'static str,
    #[schema(value_type = DecisionReason)]
    decision_reason: &'static str,
    /// Of `link_only`: a person asked for it, or it is the default for an address that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<LinkCause>)]
    link_cause: Option<&'static str>,
    /// Of a link: what the portal asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PortalAccess>)]
    access: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<VerificationMethod>)]
    method: Option<&'static str>,
    settings_version: i64,
    /// What is attached, or what the link leads to.
    attachments: Vec<ShownAttachment>,
    /// The settings would attach them, and a link goes because the address is new: attaching needs `attach`.
    needs_attach: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct PlanFault {
    #[schema(value_type = ReasonCode)]
    class: &'static str,
    reason: String,
}

/// What is not as it was the last time.
#[derive(Debug, Serialize, ToSchema)]
struct PlanDifferenceAnswer {
    /// `recipients`, `decision`, `access`, `settings_version`, `sender`, `template` or `relay`.
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is: Option<String>,
}

/// What to know before.
#[derive(Debug, Serialize, ToSchema)]
struct PlanWarningAnswer {
    /// `sent_lately`, `earlier_uncertain`, `earlier_cancelled`, `rejected_before`, `new_address`, `expired`, `overdue`,
    /// `documents_nowhere`, `tenant_paused` or `relay_unusable`.
    code: &'static str,
    /// When it was sent, or expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    /// Why the tenant is paused, or which relay cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl ResendPlanAnswer {
    /// For those who may resend: they may read personal data, too.
    pub(super) fn of(plan: &ResendPlan) -> Self {
        let reader = Reader::of(true, []);
        Self {
            plan: plan.digest.clone(),
            tenant_id: plan.invoice.tenant.clone(),
            invoice_number: plan.invoice.number.clone(),
            kind: plan.invoice.kind.into_str(),
            original: plan.original,
            original_is: plan.original_is.into_str(),
            recipients: recipients(&plan.recipients, &reader),
            left_out: plan.left_out.clone(),
            address: match plan.address {
                AddressOrigin::AsRecorded => "as_recorded",
                AddressOrigin::NamedAndKnown => "named_and_known",
                AddressOrigin::New => "new",
            },
            content: plan.content.as_ref().map(PlannedContentAnswer::of),
            fault: plan
                .fault
                .as_ref()
                .map(|fault| PlanFault { class: fault.class.into_str(), reason: fault.reason.clone() }),
            links_to_revoke: plan.links_to_revoke,
            differences: plan.differences.iter().map(PlanDifferenceAnswer::of).collect(),
            warnings: plan.warnings.iter().map(PlanWarningAnswer::of).collect(),
            needs_again: plan.resent_just_now.is_some(),
        }
    }
}

impl PlannedContentAnswer {
    fn of(content: &PlannedContent) -> Self {
        let access = match content.plan {
            Plan::Attach => None,
            Plan::Link { access } => Some(access.into_str()),
        };
        Self {
            decision: content.plan.decision().into_str(),
            decision_reason: content.reason.into_str(),
            link_cause: content.link_cause.map(|cause| cause.into_str()),
            access,
            method: content.method.map(|method| method.into_str()),
            settings_version: content.settings_version,
            attachments: attachments(&content.documents),
            needs_attach: content.attaching_needs_confirmation,
        }
    }
}

impl PlanDifferenceAnswer {
    fn of(difference: &ResendDifference) -> Self {
        let (what, was, is) = match difference {
            ResendDifference::Recipients { was } => {
                let addresses: Vec<&str> = was.iter().map(|recipient| recipient.address.as_str()).collect();
                ("recipients", Some(addresses.join(", ")), None)
            }
            ResendDifference::Decision { was } => ("decision", Some(was.to_string()), None),
            ResendDifference::Access { was } => ("access", Some(was.to_string()), None),
            ResendDifference::SettingsVersion { was, is } => {
                ("settings_version", Some(was.to_string()), Some(is.to_string()))
            }
            ResendDifference::Sender { was, is } => ("sender", Some(was.clone()), Some(is.clone())),
            ResendDifference::Template => ("template", None, None),
            ResendDifference::Relay { was, is } => ("relay", Some(was.to_string()), Some(is.to_string())),
        };
        Self { what, was, is }
    }
}

impl PlanWarningAnswer {
    fn of(warning: &ResendWarning) -> Self {
        let bare = |code| Self { code, at: None, detail: None };
        match warning {
            ResendWarning::SentAt(at) => Self { at: Some(*at), ..bare("sent_lately") },
            ResendWarning::EarlierUncertain => bare("earlier_uncertain"),
            ResendWarning::EarlierCancelled => bare("earlier_cancelled"),
            ResendWarning::RejectedBefore => bare("rejected_before"),
            ResendWarning::NewAddress => bare("new_address"),
            ResendWarning::Expired(at) => Self { at: Some(*at), ..bare("expired") },
            ResendWarning::Overdue => bare("overdue"),
            ResendWarning::DocumentsNowhere => bare("documents_nowhere"),
            ResendWarning::TenantPaused(reason) => Self { detail: Some(reason.clone()), ..bare("tenant_paused") },
            ResendWarning::RelayUnusable(relay) => Self { detail: Some(relay.to_string()), ..bare("relay_unusable") },
        }
    }
}
