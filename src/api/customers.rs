//! `/api/v1/tenants/{tenant_id}/customers/{customer_id}`: whom invoices are for.
//!
//! What a customer is verified by goes in and never comes out: an answer says only whether it is on record.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actor::Asking;
use super::caller::Caller;
use super::document::bodies::CustomerBody;
use super::document::parameters::{CustomerInPath, TenantInPath};
use super::document::problems::{BodyProblems, NotFound, Problems};
use super::path::{self, CustomerPath};
use super::refusal::ApiRefusal;
use super::upserted::Upserted;
use super::{ApiSettings, body};
use crate::event::MemberWarning;
use crate::event::catalogue::{parse_customer, warnings_of_customer};
use crate::model::audit::AuditAction;
use crate::model::customer::{Customer, CustomerType};
use crate::model::ids::{CustomerId, TenantId};
use crate::operator::masking::{Reader, customer_name};
use crate::policy::permission::Permission;
use crate::store::NewAuditEntry;

/// The routes of a customer.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(show, put))
}

/// What a PUT did to a customer.
#[derive(Debug, Serialize, ToSchema)]
struct CustomerAnswer {
    tenant_id: TenantId,
    id: CustomerId,
    result: Upserted,
    /// Dead letters that are put back, because the customer or the record was what they lacked.
    dead_letters_cured: usize,
    /// What of the body is ignored, or counts as unknown.
    warnings: Vec<MemberWarning>,
}

/// Creates a customer, or replaces all that is known of it.
///
/// `tenant_id` and `id` in the body may be left out, and must not differ.
#[utoipa::path(
    put,
    path = "/api/v1/tenants/{tenant_id}/customers/{customer_id}",
    operation_id = "put_customer",
    tag = "customers",
    params(TenantInPath, CustomerInPath),
    request_body = CustomerBody,
    responses(
        (status = 200, description = "It was known.", body = CustomerAnswer),
        (status = 201, description = "It is new.", body = CustomerAnswer),
        BodyProblems,
        NotFound,
        Problems
    )
)]
pub(super) async fn put(
    State(console): State<ApiSettings>,
    caller: Caller,
    Asking(who): Asking,
    path: CustomerPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiRefusal> {
    let (tenant_id, id) = path::customer(path)?;
    caller.expect_in_scope(&tenant_id)?;
    body::expect_json(&headers)?;
    let customer = parse_customer(&body, Some((&tenant_id, &id)))?;
    let done = console.store.upsert_customer(&customer, &who).await?;
    if !done.unknown_tenant.is_empty() {
        return Err(ApiRefusal::UnknownTenant(tenant_id));
    }
    let result = Upserted::of(done.created > 0, done.changed > 0);
    console.auto_redrive(&done.resolvable).await;
    let (dead_letters_cured, warnings) = (done.resolvable.len(), warnings_of_customer(&body));
    Ok((result.status(), Json(CustomerAnswer { tenant_id, id, result, dead_letters_cured, warnings })).into_response())
}

/// A customer as it may be shown.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownCustomer {
    tenant_id: TenantId,
    id: CustomerId,
    /// `private`, `business`, or null: unknown, which counts as private.
    r#type: Option<CustomerType>,
    name: String,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    on_record: OnRecord,
}

/// What the customer can be verified by, without what it is.
#[derive(Debug, Serialize, ToSchema)]
struct OnRecord {
    postcode: bool,
    house_number: bool,
    mobile: bool,
}

impl ShownCustomer {
    /// Name and address as they are, or masked.
    fn of(customer: Customer, whole: bool) -> Self {
        let Customer { tenant_id, id, kind, name, address, locale, postal, mobile } = customer;
        let on_record = OnRecord {
            postcode: postal.postcode.is_some(),
            house_number: postal.house_number.is_some(),
            mobile: mobile.is_some(),
        };
        let name = customer_name(&name, kind, whole);
        let address = Reader::of(whole, [address.as_str()]).address(&address);
        Self { tenant_id, id, r#type: kind, name, address, locale, country: postal.country, on_record }
    }
}

/// Shows a customer, but not what it is verified by.
///
/// Name and address are masked for whoever may not read personal data; else the look is an entry of the audit log.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant_id}/customers/{customer_id}",
    operation_id = "show_customer",
    tag = "customers",
    params(TenantInPath, CustomerInPath),
    responses(
        (status = 200, description = "The customer.", body = ShownCustomer),
        NotFound,
        Problems
    )
)]
pub(super) async fn show(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: CustomerPath,
) -> Result<Json<ShownCustomer>, ApiRefusal> {
    let (tenant_id, id) = path::customer(path)?;
    let customer = console.store.customer(&tenant_id, &id, &who.principal.scope).await?;
    let customer = customer.ok_or(ApiRefusal::UnknownCustomer)?;
    let whole = who.principal.may(Permission::ReadPersonalData);
    if whole {
        let entry = NewAuditEntry::new(AuditAction::CustomerViewed, &who).of_customer(&tenant_id, &id);
        console.store.audit_look(&entry.about(id.as_str())).await?;
    }
    Ok(Json(ShownCustomer::of(customer, whole)))
}
