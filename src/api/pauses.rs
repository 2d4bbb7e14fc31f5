//! `/api/v1/tenants`: who sends, whether their mail goes, and what waits; and its pause.

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
use super::document::parameters::{IdempotencyKeyHeader, TenantInPath};
use super::document::problems::{BodyProblems, IdempotencyProblems, NotFound, Problems};
use super::path::{self, TenantPath};
use super::refusal::ApiRefusal;
use super::{ApiSettings, body, paging};
use crate::clock::Timestamp;
use crate::event::bounds::{KEY_MAX, identifier};
use crate::model::ids::{RelayName, TenantId};
use crate::operator::masking::Reader;
use crate::store::{PauseChange, TenantOverview};

/// The routes of tenants at a glance, and of their pause.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(pause)).routes(routes!(resume))
}

/// Which part of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TenantListQuery {
    /// The most tenants of the answer; 100 without it.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of an earlier answer.
    #[serde(default)]
    after: Option<TenantId>,
}

/// Tenants, in the order of their ids.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TenantsAnswer {
    tenants: Vec<ListedTenantState>,
    /// Where the list goes on, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<TenantId>,
}

/// A tenant at a glance.
#[derive(Debug, Serialize, ToSchema)]
struct ListedTenantState {
    id: TenantId,
    name: String,
    /// The address that its emails come from.
    sender: String,
    relay: RelayName,
    locale: String,
    /// Why its deliveries wait, if they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<ListedPause>,
    /// When its last email was accepted, among its newest deliveries.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sent_at: Option<Timestamp>,
    /// Deliveries that are due or being sent.
    due: u64,
    /// Entries of its work list, up to 1,000.
    open_work: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct ListedPause {
    reason: String,
    by: String,
    at: Timestamp,
}

/// Why a tenant's deliveries are to wait; one line that histories keep.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "wrong amounts in today's invoices"}))]
pub(super) struct PauseBody {
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// What a pause or its end did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PauseAnswer {
    tenant_id: TenantId,
    /// Whether it is paused now.
    paused: bool,
    /// It was otherwise before.
    changed: bool,
    /// That are held by this pause, or were let go.
    deliveries: u64,
}

/// Lists tenants at a glance, in the order of their ids.
#[utoipa::path(
    get,
    path = "/api/v1/tenants",
    operation_id = "list_tenants",
    tag = "tenants",
    params(TenantListQuery),
    responses((status = 200, description = "The tenants.", body = TenantsAnswer), Problems)
)]
pub(super) async fn list(
    State(console): State<ApiSettings>,
    caller: Caller,
    query: Result<Query<TenantListQuery>, QueryRejection>,
) -> Result<Json<TenantsAnswer>, ApiRefusal> {
    let Query(TenantListQuery { limit, after }) = query.map_err(|refused| {
        paging::unreadable(&refused, "may be asked for with limit and after, and with nothing else")
    })?;
    let limit = paging::limit(limit)?;
    if let Some(after) = &after {
        identifier("after", after.as_str(), KEY_MAX)?;
    }
    let mut tenants = console.store.tenant_overviews(caller.scope(), after.as_ref(), limit + 1).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = tenants.len() > wanted;
    tenants.truncate(wanted);
    let next = tenants.last().filter(|_| more).map(|last| last.id.clone());
    let reader = Reader::of_principal(&caller.0);
    Ok(Json(TenantsAnswer {
        tenants: tenants.into_iter().map(|tenant| ListedTenantState::of(tenant, &reader)).collect(),
        next,
    }))
}

/// Lets all deliveries of a tenant wait until it is resumed.
///
/// What a relay is being handed ends as it does. A tenant that is paused stays so, for the reason that was given first.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant_id}/pause",
    operation_id = "pause_tenant",
    tag = "tenants",
    params(TenantInPath, IdempotencyKeyHeader),
    request_body = PauseBody,
    responses(
        (status = 200, description = "It is paused.", body = PauseAnswer),
        BodyProblems,
        IdempotencyProblems,
        NotFound,
        Problems
    )
)]
pub(super) async fn pause(
    State(console): State<ApiSettings>,
    caller: Caller,
    Asking(who): Asking,
    path: TenantPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<PauseAnswer>, ApiRefusal> {
    let id = path::tenant(path)?;
    caller.expect_in_scope(&id)?;
    let wanted: PauseBody = body::read_json(&headers, &body)?;
    let change = console.store.pause_tenant(&id, &who, body::reason(&wanted.reason)?).await?;
    answer(id, true, change)
}

/// Sends a tenant's deliveries again.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant_id}/resume",
    operation_id = "resume_tenant",
    tag = "tenants",
    params(TenantInPath, IdempotencyKeyHeader),
    responses(
        (status = 200, description = "It is not paused.", body = PauseAnswer),
        IdempotencyProblems,
        NotFound,
        Problems
    )
)]
pub(super) async fn resume(
    State(console): State<ApiSettings>,
    caller: Caller,
    Asking(who): Asking,
    path: TenantPath,
) -> Result<Json<PauseAnswer>, ApiRefusal> {
    let id = path::tenant(path)?;
    caller.expect_in_scope(&id)?;
    let change = console.store.resume_tenant(&id, &who).await?;
    console.wakes.wake_all();
    answer(id, false, change)
}

fn answer(tenant_id: TenantId, paused: bool, change: PauseChange) -> Result<Json<PauseAnswer>, ApiRefusal> {
    let (changed, deliveries) = match change {
        PauseChange::Done { deliveries } => (true, deliveries),
        // Somebody was first: it stands as was wanted.
        PauseChange::Unchanged => (false, 0),
        PauseChange::UnknownTenant => return Err(ApiRefusal::UnknownTenant(tenant_id)),
    };
    Ok(Json(PauseAnswer { tenant_id, paused, changed, deliveries }))
}

impl ListedTenantState {
    fn of(tenant: TenantOverview, reader: &Reader) -> Self {
        let TenantOverview { id, relay, profile, pause, last_sent_at, due, open_work } = tenant;
        let paused = pause.map(|pause| ListedPause {
            reason: reader.text(&pause.reason),
            by: pause.paused_by,
            at: pause.paused_at,
        });
        let (name, sender, locale) = (profile.name, profile.sender.address, profile.locale);
        Self { id, name, sender, relay, locale, paused, last_sent_at, due, open_work }
    }
}
