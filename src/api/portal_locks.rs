//! `/api/v1/portal-locks`: customers and links that have failed verification too often.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::actor::Asking;
use super::caller::Caller;
use super::refusal::ApiRefusal;
use super::{ApiSettings, body};
use crate::clock::Timestamp;
use crate::event::Malformed;
use crate::event::bounds::{KEY_MAX, identifier};
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::store::PortalLock;

/// Whose locks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LockQuery {
    #[serde(default)]
    tenant_id: Option<String>,
}

/// The customer whose locks are lifted, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LiftRequest {
    tenant_id: String,
    customer_id: String,
    reason: String,
}

/// The locks that hold now.
#[derive(Debug, Serialize)]
pub(super) struct LocksAnswer {
    locks: Vec<ListedLock>,
}

#[derive(Debug, Serialize)]
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
#[derive(Debug, Serialize)]
pub(super) struct LiftedAnswer {
    lifted: bool,
}

/// Lists the locks that hold now.
pub(super) async fn list(
    State(console): State<ApiSettings>,
    caller: Caller,
    query: Result<Query<LockQuery>, QueryRejection>,
) -> Result<Json<LocksAnswer>, ApiRefusal> {
    let Query(LockQuery { tenant_id }) =
        query.map_err(|_| Malformed::at("$", "may be asked for with ?tenant_id=…, and with nothing else"))?;
    if let Some(tenant) = &tenant_id {
        identifier("tenant_id", tenant, KEY_MAX)?;
    }
    let scope = caller.scope().narrowed_to(tenant_id.map(TenantId::from).as_ref());
    let locks = console.store.portal_locks(&scope).await?;
    Ok(Json(LocksAnswer { locks: locks.into_iter().map(ListedLock::of).collect() }))
}

/// Lets a customer try again.
pub(super) async fn lift(
    State(console): State<ApiSettings>,
    caller: Caller,
    Asking(who): Asking,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<LiftedAnswer>, ApiRefusal> {
    let LiftRequest { tenant_id, customer_id, reason } = body::read_json(&headers, &body)?;
    identifier("tenant_id", &tenant_id, KEY_MAX)?;
    identifier("customer_id", &customer_id, KEY_MAX)?;
    let reason = body::reason(&reason)?;
    let (tenant, customer) = (TenantId::from(tenant_id), CustomerId::from(customer_id));
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
