//! `/api/v1/portal-locks`: customers and links that have failed verification too often.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actor::Asking;
use super::caller::Caller;
use super::document::parameters::IdempotencyKeyHeader;
use super::document::problems::{BodyProblems, IdempotencyProblems, NotFound, Problems};
use super::refusal::ApiRefusal;
use super::{ApiSettings, body, paging};
use crate::clock::Timestamp;
use crate::event::bounds::{KEY_MAX, identifier};
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::store::{LockCursor, LockPage, PortalLock};

/// The routes of locks.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(lift))
}

/// Whose locks.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LockQuery {
    /// Of this tenant alone.
    #[serde(default)]
    tenant_id: Option<TenantId>,
    /// The most locks of the answer; 100 without it.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of an earlier answer.
    #[serde(default)]
    after: Option<String>,
}

/// The customer whose locks are lifted, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LiftRequest {
    tenant_id: TenantId,
    customer_id: CustomerId,
    /// What histories show.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    reason: String,
}

/// The locks that hold now, customer by customer; of each first the one of all links.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LocksAnswer {
    locks: Vec<ListedLock>,
    /// Where the list goes on, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A customer, or one link of theirs, that failed verification too often.
#[derive(Debug, Serialize, ToSchema)]
struct ListedLock {
    tenant_id: TenantId,
    customer_id: CustomerId,
    /// The delivery whose link is locked; omitted if the customer is, with all links.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_id: Option<DeliveryId>,
    until: Timestamp,
    last_failure_at: Timestamp,
    /// The deliveries whose links were used.
    caused_by: Vec<DeliveryId>,
}

/// Whether there was something to lift.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LiftedAnswer {
    lifted: bool,
}

/// Lists the locks that hold now.
#[utoipa::path(
    get,
    path = "/api/v1/portal-locks",
    operation_id = "list_portal_locks",
    tag = "portal",
    params(LockQuery),
    responses((status = 200, description = "The locks.", body = LocksAnswer), Problems)
)]
pub(super) async fn list(
    State(console): State<ApiSettings>,
    caller: Caller,
    query: Result<Query<LockQuery>, QueryRejection>,
) -> Result<Json<LocksAnswer>, ApiRefusal> {
    let Query(LockQuery { tenant_id, limit, after }) =
        query.map_err(|refused| paging::unreadable(&refused, "may be asked for with tenant_id, limit and after"))?;
    if let Some(tenant) = &tenant_id {
        identifier("tenant_id", tenant.as_str(), KEY_MAX)?;
    }
    let after: Option<LockCursor> = after.as_deref().map(str::parse).transpose().map_err(|_| paging::no_cursor())?;
    let scope = caller.scope().narrowed_to(tenant_id.as_ref());
    let LockPage { locks, next } = console.store.portal_locks(&scope, after.as_ref(), paging::limit(limit)?).await?;
    let locks = locks.into_iter().map(ListedLock::of).collect();
    Ok(Json(LocksAnswer { locks, next: next.map(|next| next.to_string()) }))
}

/// Lets a customer try again: lifts the customer's lock and those of all their links.
///
/// Whoever has a link can lock it again: revoke it first if it is in the wrong hands.
#[utoipa::path(
    post,
    path = "/api/v1/portal-locks/lift",
    operation_id = "lift_portal_locks",
    tag = "portal",
    params(IdempotencyKeyHeader),
    request_body = LiftRequest,
    responses(
        (status = 200, description = "Whether there was something to lift.", body = LiftedAnswer),
        BodyProblems,
        NotFound,
        IdempotencyProblems,
        Problems
    )
)]
pub(super) async fn lift(
    State(console): State<ApiSettings>,
    caller: Caller,
    Asking(who): Asking,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<LiftedAnswer>, ApiRefusal> {
    let LiftRequest { tenant_id: tenant, customer_id: customer, reason } = body::read_json(&headers, &body)?;
    identifier("tenant_id", tenant.as_str(), KEY_MAX)?;
    identifier("customer_id", customer.as_str(), KEY_MAX)?;
    let reason = body::reason(&reason)?;
    if console.store.customer(&tenant, &customer, caller.scope()).await?.is_none() {
        return Err(ApiRefusal::UnknownCustomer);
    }
    let lifted = console.store.lift_portal_locks(&tenant, &customer, &who, reason).await?;
    Ok(Json(LiftedAnswer { lifted }))
}

impl ListedLock {
    fn of(lock: PortalLock) -> Self {
        let PortalLock { tenant, customer, root, until, last_failure_at, roots } = lock;
        Self { tenant_id: tenant, customer_id: customer, delivery_id: root, until, last_failure_at, caused_by: roots }
    }
}
