//! `/resend`: first the plan, then the act.

use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::Console;
use super::answers::{HandlerAnswer, OrFailed, reason};
use super::facts::{Reader, documents, tenant_name};
use super::invoice::{delivery, path_of};
use super::pages::{
    self, ActionDone, PlanDifference, PlanWarning, PlannedResend, ResendForm, ResendPage, ResendProblem, ResendRefusal,
};
use super::signed::{Signed, SignedForm, see_other};
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::state::DeliveryRole;
use crate::operator::resend::plan::{ResendDifference, ResendPlan, ResendWarning};
use crate::operator::resend::{ResendConfirmations, ResendError, ResendRequest};
use crate::policy::decision::Plan;
use crate::policy::permission::Permission;
use crate::store::{Delivery, NewAuditEntry};

/// What was chosen; the same fields in the address of the plan and in the form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResendFields {
    delivery: String,
    to: String,
    link_only: String,
    keep_links: String,
    reason: String,
    confirm_attach: String,
    confirm_soon: String,
    /// The plan that was seen: the same form a second time names a plan that does not hold any more.
    idempotency_key: String,
}

impl ResendFields {
    fn to(&self) -> Option<&str> {
        Some(self.to.trim()).filter(|to| !to.is_empty())
    }

    fn confirmed(&self) -> ResendConfirmations {
        ResendConfirmations {
            attach_to_new_address: self.confirm_attach == "1",
            keep_links: self.keep_links == "1",
            soon: self.confirm_soon == "1",
        }
    }
}

/// The plan.
pub(super) async fn plan(
    State(console): State<Console>,
    signed: Signed,
    Query(fields): Query<ResendFields>,
) -> HandlerAnswer {
    signed.require(Permission::Resend)?;
    let original = original(&console, &signed, &fields.delivery).await?;
    let actor = signed.actor();
    let request = request(&original, &fields, &actor, "");
    let planned = console.resend.plan(&request).await;
    page(&console, &signed, &original, &fields, planned, None).await
}

/// The act.
pub(super) async fn act(
    State(console): State<Console>,
    SignedForm { signed, form: fields }: SignedForm<ResendFields>,
) -> HandlerAnswer {
    signed.require(Permission::Resend)?;
    let original = original(&console, &signed, &fields.delivery).await?;
    let actor = signed.actor();
    let request = request(&original, &fields, &actor, reason(&fields.reason).unwrap_or_default());
    if request.reason.is_empty() {
        let planned = console.resend.plan(&request).await;
        return page(&console, &signed, &original, &fields, planned, Some(ResendProblem::Incomplete)).await;
    }
    let request = ResendRequest { plan: Some(&fields.idempotency_key), ..request };
    match console.resend.resend(&request).await {
        Ok(_) => Ok(see_other(&path_of(&original, Some(ActionDone::Resent)))),
        // The same form a second time, or somebody was a moment faster. Whoever has been shown that confirms it.
        Err(ResendError::TooSoon { .. }) => {
            let planned = console.resend.plan(&request).await;
            match planned {
                Ok(plan) if plan.digest == fields.idempotency_key => {
                    page(&console, &signed, &original, &fields, Ok(plan), Some(ResendProblem::Incomplete)).await
                }
                _ => Ok(see_other(&path_of(&original, Some(ActionDone::ResentBefore)))),
            }
        }
        Err(ResendError::PlanChanged(plan)) => {
            page(&console, &signed, &original, &fields, Ok(*plan), Some(ResendProblem::PlanChanged)).await
        }
        Err(error) => page(&console, &signed, &original, &fields, Err(error), None).await,
    }
}

/// What is sent again is the invoice, To and Cc: of a copy's delivery its main one.
async fn original(console: &Console, signed: &Signed, id: &str) -> Result<Delivery, Response> {
    let found = delivery(console, signed, id).await?;
    match found.role {
        DeliveryRole::Main => Ok(found),
        DeliveryRole::Bcc | DeliveryRole::Rest => delivery(console, signed, &found.main.to_string()).await,
    }
}

fn request<'a>(original: &'a Delivery, fields: &'a ResendFields, who: &'a Actor, reason: &'a str) -> ResendRequest<'a> {
    let invoice = &original.invoice;
    ResendRequest {
        tenant: &invoice.tenant,
        invoice: &invoice.id,
        invoice_id: Some(&invoice.id),
        kind: Some(invoice.kind),
        who,
        reason,
        to: fields.to(),
        link_only: fields.link_only == "1",
        confirmed: fields.confirmed(),
        plan: None,
    }
}

async fn page(
    console: &Console,
    signed: &Signed,
    original: &Delivery,
    fields: &ResendFields,
    planned: Result<ResendPlan, ResendError>,
    problem: Option<ResendProblem>,
) -> HandlerAnswer {
    // The plan names its recipients whole, and is asked for without the invoice's page.
    let (invoice, actor) = (&original.invoice, signed.actor());
    let entry = NewAuditEntry::new(AuditAction::InvoiceViewed, &actor).of_customer(&invoice.tenant, &invoice.customer);
    console.store.audit_look(&entry.about(invoice.number.as_str())).await.or_failed(signed)?;
    let reader = Reader::of(true, []);
    let digest = planned.as_ref().map(|plan| plan.digest.clone()).unwrap_or_default();
    let plan = match planned {
        Ok(plan) => shown(&plan, &reader),
        Err(error) => Err(refusal(signed, error)?),
    };
    let names = console.store.tenant_names([&original.invoice.tenant]).await.or_failed(signed)?;
    let tenant = tenant_name(&original.invoice.tenant, names.get(&original.invoice.tenant));
    let id = original.id.to_string();
    let view = ResendPage {
        tenant: &tenant,
        number: &original.invoice.number,
        kind: original.invoice.kind,
        delivery: &id,
        form: ResendForm {
            to: fields.to().unwrap_or_default(),
            link_only: fields.link_only == "1",
            keep_links: fields.keep_links == "1",
            reason: &fields.reason,
            idempotency_key: &digest,
        },
        plan,
        problem,
    };
    Ok(pages::resend(&signed.layout(), &view))
}

/// The plan as the page shows it; what would fail for certain is no plan.
fn shown(plan: &ResendPlan, reader: &Reader) -> Result<PlannedResend, ResendRefusal> {
    if let Some(fault) = &plan.fault {
        return Err(ResendRefusal::MustFail { class: fault.class, reason: fault.reason.clone() });
    }
    let Some(content) = &plan.content else { return Err(ResendRefusal::UnknownCustomer) };
    Ok(PlannedResend {
        recipients: reader.recipients(&plan.recipients),
        decision: content.plan.decision(),
        reason: content.reason,
        link_cause: content.link_cause,
        access: match content.plan {
            Plan::Attach => None,
            Plan::Link { access } => Some(access),
        },
        documents: documents(&content.documents),
        differences: plan.differences.iter().map(|one| difference(one, reader)).collect(),
        warnings: plan.warnings.iter().map(warning).collect(),
        links_revoked: plan.links_to_revoke,
        original: plan.original_is,
        needs_attach_confirmation: content.attaching_needs_confirmation,
        needs_soon_confirmation: plan.resent_just_now.is_some(),
    })
}

fn difference(difference: &ResendDifference, reader: &Reader) -> PlanDifference {
    match difference {
        ResendDifference::Recipients { was } => PlanDifference::Recipients { was: reader.addresses(was) },
        ResendDifference::Decision { was } => PlanDifference::Decision { was: *was },
        ResendDifference::Access { was } => PlanDifference::Access { was: *was },
        ResendDifference::SettingsVersion { was, is } => PlanDifference::SettingsVersion { was: *was, is: *is },
        ResendDifference::Sender { was, is } => PlanDifference::Sender { was: was.clone(), is: is.clone() },
        ResendDifference::Template => PlanDifference::Template,
        ResendDifference::Relay { was, is } => PlanDifference::Relay { was: was.to_string(), is: is.to_string() },
    }
}

fn warning(warning: &ResendWarning) -> PlanWarning {
    match warning {
        ResendWarning::SentAt(at) => PlanWarning::SentAt { at: *at },
        ResendWarning::EarlierUncertain => PlanWarning::EarlierUncertain,
        ResendWarning::EarlierCancelled => PlanWarning::EarlierCancelled,
        ResendWarning::RejectedBefore => PlanWarning::RejectedBefore,
        ResendWarning::NewAddress => PlanWarning::UnknownAddress,
        ResendWarning::Expired(at) => PlanWarning::Expired { at: *at },
        ResendWarning::Overdue => PlanWarning::Overdue,
        ResendWarning::DocumentsNowhere => PlanWarning::DocumentsNowhere,
        ResendWarning::TenantPaused(_) => PlanWarning::TenantPaused,
        ResendWarning::RelayUnusable(_) => PlanWarning::RelayPaused,
    }
}

/// Why it cannot be sent; the database's failure is no answer of a plan.
fn refusal(signed: &Signed, error: ResendError) -> Result<ResendRefusal, Response> {
    Ok(match error {
        ResendError::Sending(_) => ResendRefusal::Sending,
        ResendError::Forgotten => ResendRefusal::Forgotten,
        ResendError::UnknownCustomer(_) => ResendRefusal::UnknownCustomer,
        ResendError::Address(why) => ResendRefusal::Address(why.to_string()),
        ResendError::Recipient(why) => ResendRefusal::Recipient(why),
        ResendError::MustFail { class, reason } => ResendRefusal::MustFail { class, reason },
        ResendError::Ambiguous { .. } => ResendRefusal::Ambiguous,
        ResendError::UnknownInvoice { .. } => return Err(signed.not_found()),
        ResendError::TooSoon { .. } | ResendError::PlanChanged(_) => return Err(pages::conflict(&signed.front())),
        ResendError::Store(error) => return Err(signed.failed(&error)),
    })
}
