//! `/api/v1/deliveries/{delivery_id}` and `/api/v1/tenants/{tenant_id}/invoices/{number}`: one invoice number, whole.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shown::InvoiceAnswer;
use super::{DeliveryPath, delivery_at};
use crate::api::ApiSettings;
use crate::api::act_refusal::ActRefusal;
use crate::api::actor::Asking;
use crate::api::conditional::json_unless_known;
use crate::api::document::parameters::{DeliveryInPath, IfNoneMatchHeader, NumberInPath, TenantInPath};
use crate::api::document::problems::{NotFound, Problems};
use crate::api::refusal::ApiRefusal;
use crate::event::Malformed;
use crate::event::bounds::{KEY_MAX, identifier, text};
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::TenantId;
use crate::operator::invoice::history::InvoiceHistory;
use crate::policy::permission::Permission;
use crate::store::NewAuditEntry;

/// The routes of one invoice.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(of_delivery)).routes(routes!(of_number))
}

/// Shows everything that is known of a delivery's invoice.
///
/// Every invoice, credit note and reminder under its number: where each stands and why, its deliveries, and what happened,
/// step by step. Names and addresses are whole for those who may read personal data, and masked for others; that one was
/// shown whole is an entry of the audit log. `If-None-Match` with the `ETag` of an earlier answer: 304 while nothing changes.
#[utoipa::path(
    get,
    path = "/api/v1/deliveries/{delivery_id}",
    operation_id = "show_delivery",
    tag = "invoices",
    params(DeliveryInPath, IfNoneMatchHeader),
    responses(
        (status = 200, description = "The invoice.", body = InvoiceAnswer, headers(("ETag" = String))),
        (status = 304, description = "It is as the request's `If-None-Match` says."),
        NotFound,
        Problems
    )
)]
pub(super) async fn of_delivery(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: DeliveryPath,
    headers: HeaderMap,
) -> Result<Response, ApiRefusal> {
    let delivery = delivery_at(&console, &who.principal.scope, path).await?;
    answer(&console, &who, &headers, &delivery.invoice.tenant, &delivery.invoice.number).await
}

/// Shows everything that is known of an invoice number, as `GET /api/v1/deliveries/{delivery_id}` does.
///
/// Case and blanks of the number do not count; the billing system's identifier is understood, too. It is found also where
/// only events claim it.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant_id}/invoices/{number}",
    operation_id = "show_invoice",
    tag = "invoices",
    params(TenantInPath, NumberInPath, IfNoneMatchHeader),
    responses(
        (status = 200, description = "The invoice.", body = InvoiceAnswer, headers(("ETag" = String))),
        (status = 304, description = "It is as the request's `If-None-Match` says."),
        NotFound,
        Problems
    )
)]
pub(super) async fn of_number(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiRefusal> {
    let Path((tenant, number)) = path.map_err(|_| Malformed::at("number", "is not UTF-8 behind its % escapes"))?;
    identifier("tenant_id", &tenant, KEY_MAX)?;
    text("number", &number, KEY_MAX)?;
    answer(&console, &who, &headers, &TenantId::from(tenant), &number).await
}

async fn answer(
    console: &ApiSettings,
    who: &Actor,
    headers: &HeaderMap,
    tenant: &TenantId,
    number: &str,
) -> Result<Response, ApiRefusal> {
    let found = InvoiceHistory::read(&console.store, tenant, number, &who.principal.scope).await?;
    let invoice = found.ok_or(ActRefusal::UnknownInvoice)?;
    let whole = who.principal.may(Permission::ReadPersonalData);
    if whole {
        // Asked for again and again, it is one look.
        audit_look(console, who, &invoice).await?;
    }
    Ok(json_unless_known(headers, &InvoiceAnswer::of(&invoice, whole)))
}

async fn audit_look(console: &ApiSettings, who: &Actor, invoice: &InvoiceHistory) -> Result<(), ApiRefusal> {
    let entry = NewAuditEntry::new(AuditAction::InvoiceViewed, who).of_tenant(&invoice.tenant);
    let entry = NewAuditEntry { customer: invoice.customer_id.as_ref(), ..entry };
    Ok(console.store.audit_look(&entry.about(invoice.number.as_str())).await?)
}
