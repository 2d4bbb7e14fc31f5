//! `/api/v1/deliveries/{delivery_id}/resend`: first the plan, then the act.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::resend_plan::ResendPlanAnswer;
use super::{DeliveryPath, delivery, delivery_at};
use crate::api::act_refusal::ActRefusal;
use crate::api::actor::Asking;
use crate::api::document::parameters::{DeliveryInPath, IdempotencyKeyHeader};
use crate::api::document::problems::{BodyProblems, NotFound, ProblemBody, Problems};
use crate::api::refusal::ApiRefusal;
use crate::api::{ApiSettings, body};
use crate::event::Malformed;
use crate::event::bounds::ADDRESS_MAX;
use crate::event::bounds::text;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::state::{DeliveryRole, DeliveryState};
use crate::operator::resend::{ResendConfirmations, ResendError, ResendRequest, Resent};
use crate::store::{Delivery, NewAuditEntry};

/// The routes of a resend.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(plan)).routes(routes!(resend))
}

/// How an invoice is to be sent again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of the request")]
#[schema(example = json!({"reason": "moved", "to": "new@customer.example"}))]
pub(super) struct ResendBody {
    /// Why; one line that histories keep. Required by the act; the plan does without.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 500)]
    reason: Option<String>,
    /// To this address instead of the recipients of the event, or the customer's own.
    #[serde(default)]
    #[schema(min_length = 3, max_length = 320)]
    to: Option<String>,
    /// A link even if the settings would attach the documents.
    #[serde(default)]
    link_only: bool,
    /// Documents, if the settings attach them, although neither the event nor the customer's record has the address. Only
    /// beside `to`.
    #[serde(default)]
    attach: bool,
    /// Earlier links go on working although the invoice goes to a new address. Only beside `to`.
    #[serde(default)]
    keep_links: bool,
    /// Although it was sent again less than a minute ago.
    #[serde(default)]
    again: bool,
    /// The `plan` of the plan that was seen: if that does not hold any more, nothing is done.
    #[serde(default)]
    plan: Option<String>,
}

/// What was made, and what became of the earlier one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ResentAnswer {
    tenant_id: TenantId,
    invoice_number: String,
    #[schema(value_type = InvoiceKind)]
    kind: &'static str,
    /// The new delivery.
    delivery_id: DeliveryId,
    /// The one whose place it takes.
    original: DeliveryId,
    /// Where that one stood.
    #[schema(value_type = DeliveryState)]
    original_was: &'static str,
    /// Where it stands now.
    #[schema(value_type = DeliveryState)]
    original_is: &'static str,
    links_revoked: u64,
}

/// Shows what a resend would do. Nothing is done.
///
/// To whom, documents or a link and why, what differs from the last time, and what to know before. Of a copy's delivery (Bcc)
/// the invoice itself is meant, to To and Cc. That its addresses were shown is an entry of the audit log.
#[utoipa::path(
    post,
    path = "/api/v1/deliveries/{delivery_id}/resend/plan",
    operation_id = "plan_resend",
    tag = "invoices",
    params(DeliveryInPath),
    request_body = ResendBody,
    responses(
        (status = 200, description = "What would be done.", body = ResendPlanAnswer),
        (
            status = 409,
            description = "`sending`: wait until it has ended. `no-usable-recipient`: name another address as `to`.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        (
            status = 410,
            description = "`forgotten`: what it was made of has been deleted.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        BodyProblems,
        NotFound,
        Problems
    )
)]
pub(super) async fn plan(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: DeliveryPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<ResendPlanAnswer>, ApiRefusal> {
    let original = original(&console, &who, path).await?;
    let wanted = ResendBody::read(&headers, &body)?;
    let plan = console.resend.plan(&wanted.request(&original, &who, "")).await.map_err(refusal)?;
    let invoice = &original.invoice;
    let entry = NewAuditEntry::new(AuditAction::InvoiceViewed, &who).of_customer(&invoice.tenant, &invoice.customer);
    console.store.audit_look(&entry.about(invoice.number.as_str())).await?;
    Ok(Json(ResendPlanAnswer::of(&plan)))
}

/// Sends an invoice again, as a new email ahead of ordinary traffic.
///
/// Documents or a link are decided anew, by today's settings. An earlier delivery that still waits is cancelled. To an address
/// that neither the event nor the customer's record has goes a link, unless `attach` says that documents may go there;
/// earlier links of the invoice are then revoked, unless `keep_links`.
#[utoipa::path(
    post,
    path = "/api/v1/deliveries/{delivery_id}/resend",
    operation_id = "resend_invoice",
    tag = "invoices",
    params(DeliveryInPath, IdempotencyKeyHeader),
    request_body = ResendBody,
    responses(
        (status = 201, description = "The new delivery.", body = ResentAnswer),
        (
            status = 409,
            description = "`plan-changed`: `plan` is what holds now. `too-soon`: it was sent again less than a minute ago. \
                           `must-fail`: `class` says why. `sending`, `no-usable-recipient`: as of the plan.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        (
            status = 410,
            description = "`forgotten`: what it was made of has been deleted.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        BodyProblems,
        NotFound,
        Problems
    )
)]
pub(super) async fn resend(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: DeliveryPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiRefusal> {
    let original = original(&console, &who, path).await?;
    let wanted = ResendBody::read(&headers, &body)?;
    let reason = body::reason(wanted.reason.as_deref().unwrap_or_default())?;
    let request = ResendRequest { plan: wanted.plan.as_deref(), ..wanted.request(&original, &who, reason) };
    let resent = console.resend.resend(&request).await.map_err(refusal)?;
    // Whose place it takes may be another by now than the one that the address names.
    let now = delivery(&console, &who.principal.scope, resent.original).await?;
    let Resent { delivery: delivery_id, original, original_was, invoice_number, kind, links_revoked, link_cause: _ } =
        resent;
    let answer = ResentAnswer {
        tenant_id: now.invoice.tenant,
        invoice_number,
        kind: kind.into_str(),
        delivery_id,
        original,
        original_was: original_was.into_str(),
        original_is: now.state.into_str(),
        links_revoked,
    };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// What is sent again is the invoice, To and Cc: of a copy's delivery its main one.
async fn original(console: &ApiSettings, who: &Actor, path: DeliveryPath) -> Result<Delivery, ApiRefusal> {
    let scope = &who.principal.scope;
    let found = delivery_at(console, scope, path).await?;
    match found.role {
        DeliveryRole::Main => Ok(found),
        DeliveryRole::Bcc | DeliveryRole::Rest => delivery(console, scope, found.main).await,
    }
}

impl ResendBody {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, ApiRefusal> {
        let wanted: Self = body::read_json(headers, body)?;
        if let Some(to) = &wanted.to {
            text("to", to, ADDRESS_MAX)?;
        }
        for (name, given) in [("attach", wanted.attach), ("keep_links", wanted.keep_links)] {
            if given && wanted.to.is_none() {
                return Err(Malformed::at(name, "stands without `to`: it is about a new address").into());
            }
        }
        if wanted.attach && wanted.link_only {
            return Err(Malformed::at("attach", "may not stand beside link_only").into());
        }
        Ok(wanted)
    }

    fn request<'a>(&'a self, original: &'a Delivery, who: &'a Actor, reason: &'a str) -> ResendRequest<'a> {
        let invoice = &original.invoice;
        ResendRequest {
            tenant: &invoice.tenant,
            invoice: &invoice.id,
            invoice_id: Some(&invoice.id),
            kind: Some(invoice.kind),
            who,
            reason,
            to: self.to.as_deref().map(str::trim),
            link_only: self.link_only,
            confirmed: ResendConfirmations {
                attach_to_new_address: self.attach,
                keep_links: self.keep_links,
                soon: self.again,
            },
            plan: None,
        }
    }
}

fn refusal(error: ResendError) -> ApiRefusal {
    match error {
        ResendError::Store(error) => error.into(),
        ResendError::Address(why) => Malformed::at("to", why.to_string()).into(),
        ResendError::UnknownInvoice { .. } => ActRefusal::UnknownDelivery.into(),
        ResendError::UnknownCustomer(_) => ApiRefusal::UnknownCustomer,
        ResendError::Forgotten => ActRefusal::Forgotten.into(),
        ResendError::Sending(delivery) => ActRefusal::Sending(delivery).into(),
        ResendError::TooSoon { delivery, at } => ActRefusal::TooSoon { delivery, at }.into(),
        ResendError::PlanChanged(plan) => {
            let plan = serde_json::to_value(ResendPlanAnswer::of(&plan)).expect("plans have texts as keys");
            ActRefusal::PlanChanged(plan).into()
        }
        ResendError::Recipient(why) => ActRefusal::NoUsableRecipient(why).into(),
        ResendError::MustFail { class, reason } => ActRefusal::MustFail { class, reason }.into(),
        // A delivery names one invoice by its identifier and kind.
        error @ ResendError::Ambiguous { .. } => ApiRefusal::Internal(error.to_string()),
    }
}
