//! What a person does to one delivery: stop it, hurry it, decide that it was sent, take it off the work list, take its links
//! back.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use bytes::Bytes;
use metrics::counter;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{DeliveryPath, delivery, delivery_at};
use crate::api::act_refusal::ActRefusal;
use crate::api::actor::Asking;
use crate::api::document::parameters::{DeliveryInPath, IdempotencyKeyHeader};
use crate::api::document::problems::{BodyProblems, IdempotencyProblems, NotFound, ProblemBody, Problems};
use crate::api::refusal::ApiRefusal;
use crate::api::{ApiSettings, body};
use crate::model::access::TenantScope;
use crate::model::ids::DeliveryId;
use crate::model::state::DeliveryState;
use crate::store::{Acted, Delivery, LinkSelection};
use crate::telemetry::metric;

/// The routes of acts upon one delivery.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default()
        .routes(routes!(acknowledge))
        .routes(routes!(send_now))
        .routes(routes!(cancel))
        .routes(routes!(mark_sent))
        .routes(routes!(revoke_delivery_links))
}

/// Why; one line that histories keep.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the invoice was wrong"}))]
pub(in crate::api) struct ReasonBody {
    #[schema(min_length = 1, max_length = 500)]
    pub(in crate::api) reason: String,
}

/// A delivery after what was done to it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ActedAnswer {
    id: DeliveryId,
    /// Where it stands now.
    #[schema(value_type = DeliveryState)]
    state: &'static str,
}

/// What became of the wish to take a delivery off the work list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AcknowledgedAnswer {
    id: DeliveryId,
    /// Whether it was on the list: else somebody was first, or it needs a decision rather than a look.
    acknowledged: bool,
}

/// A delivery that counts as sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MarkedSentAnswer {
    id: DeliveryId,
    #[schema(value_type = DeliveryState)]
    state: &'static str,
    /// The delivery by which recipients get the message that the relay had deferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    rest_delivery_id: Option<DeliveryId>,
    /// Which of its recipients the relay had accepted is not known: ask the relay's log, and resend if one is missing.
    recipients_unknown: bool,
}

/// What was revoked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InvoiceLinksRevoked {
    /// How many links of the invoice were not revoked before.
    revoked: u64,
}

/// Takes a delivery off the work list, because somebody has seen how it ended.
#[utoipa::path(
    post,
    path = "/api/v1/deliveries/{delivery_id}/acknowledge",
    operation_id = "acknowledge_delivery",
    tag = "invoices",
    params(DeliveryInPath, IdempotencyKeyHeader),
    responses(
        (status = 200, description = "It is off the list.", body = AcknowledgedAnswer),
        IdempotencyProblems,
        NotFound,
        Problems
    )
)]
pub(super) async fn acknowledge(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: DeliveryPath,
) -> Result<Json<AcknowledgedAnswer>, ApiRefusal> {
    let scope = &who.principal.scope;
    let id = delivery_at(&console, scope, path).await?.id;
    let done = console.store.acknowledge(scope, &[id], &who).await?;
    Ok(Json(AcknowledgedAnswer { id, acknowledged: !done.done.is_empty() }))
}

/// Sends a delivery now instead of at its next retry, ahead of others; also releases a held one.
#[utoipa::path(
    post,
    path = "/api/v1/deliveries/{delivery_id}/send-now",
    operation_id = "send_delivery_now",
    tag = "invoices",
    params(DeliveryInPath, IdempotencyKeyHeader),
    responses(
        (status = 200, description = "A worker finds it within a second.", body = ActedAnswer),
        (
            status = 409,
            description = "`not-possible`: it is not due; `state` says where it stands. `tenant-paused`: resume the tenant.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        NotFound,
        Problems
    )
)]
pub(super) async fn send_now(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: DeliveryPath,
) -> Result<Json<ActedAnswer>, ApiRefusal> {
    let found = delivery_at(&console, &who.principal.scope, path).await?;
    let acted = console.store.send_now(found.id, &who).await?;
    console.wakes.wake_all();
    answer(&console, &found, acted).await
}

/// Stops a delivery that has not been sent.
#[utoipa::path(
    post,
    path = "/api/v1/deliveries/{delivery_id}/cancel",
    operation_id = "cancel_delivery",
    tag = "invoices",
    params(DeliveryInPath, IdempotencyKeyHeader),
    request_body = ReasonBody,
    responses(
        (status = 200, description = "It is not sent any more.", body = ActedAnswer),
        (
            status = 409,
            description = "`not-possible`: it is not due; `state` says where it stands.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        BodyProblems,
        NotFound,
        Problems
    )
)]
pub(super) async fn cancel(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: DeliveryPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<ActedAnswer>, ApiRefusal> {
    let found = delivery_at(&console, &who.principal.scope, path).await?;
    let wanted: ReasonBody = body::read_json(&headers, &body)?;
    let acted = console.store.cancel(found.id, &who, body::reason(&wanted.reason)?).await?;
    answer(&console, &found, acted).await
}

/// Marks an uncertain delivery as accepted by the relay.
///
/// Recipients that the relay had deferred get the message by another delivery.
#[utoipa::path(
    post,
    path = "/api/v1/deliveries/{delivery_id}/mark-sent",
    operation_id = "mark_delivery_sent",
    tag = "invoices",
    params(DeliveryInPath, IdempotencyKeyHeader),
    request_body = ReasonBody,
    responses(
        (status = 200, description = "It counts as sent.", body = MarkedSentAnswer),
        (
            status = 409,
            description = "`not-possible`: it is not uncertain; `state` says where it stands.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        BodyProblems,
        NotFound,
        Problems
    )
)]
pub(super) async fn mark_sent(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: DeliveryPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<MarkedSentAnswer>, ApiRefusal> {
    let found = delivery_at(&console, &who.principal.scope, path).await?;
    let wanted: ReasonBody = body::read_json(&headers, &body)?;
    let marked = console.store.mark_sent(found.id, &who, body::reason(&wanted.reason)?).await?;
    console.wakes.wake_all();
    let Json(ActedAnswer { id, state }) = answer(&console, &found, marked.acted).await?;
    let (rest_delivery_id, recipients_unknown) = (marked.rest, marked.recipients_unknown);
    Ok(Json(MarkedSentAnswer { id, state, rest_delivery_id, recipients_unknown }))
}

/// Revokes every portal link of the delivery's invoice for good.
///
/// By which delivery a link came that went astray is not known to those who ask for it.
#[utoipa::path(
    post,
    path = "/api/v1/deliveries/{delivery_id}/revoke-links",
    operation_id = "revoke_delivery_links",
    tag = "invoices",
    params(DeliveryInPath, IdempotencyKeyHeader),
    request_body = ReasonBody,
    responses(
        (status = 200, description = "How many were revoked.", body = InvoiceLinksRevoked),
        IdempotencyProblems,
        BodyProblems,
        NotFound,
        Problems
    )
)]
pub(super) async fn revoke_delivery_links(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: DeliveryPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<InvoiceLinksRevoked>, ApiRefusal> {
    let found = delivery_at(&console, &who.principal.scope, path).await?;
    let wanted: ReasonBody = body::read_json(&headers, &body)?;
    let selection = LinkSelection::Invoice { tenant: found.invoice.tenant, invoice: found.invoice.id };
    let revoked = console.store.revoke_links(&selection, &who, body::reason(&wanted.reason)?).await?;
    counter!(metric::PORTAL_LINKS_REVOKED).increment(revoked);
    Ok(Json(InvoiceLinksRevoked { revoked }))
}

/// Where a delivery stands after an act, or why that was not done.
async fn answer(console: &ApiSettings, found: &Delivery, acted: Acted) -> Result<Json<ActedAnswer>, ApiRefusal> {
    match acted {
        Acted::Done => {
            let only = TenantScope::of([found.invoice.tenant.clone()]);
            let now = delivery(console, &only, found.id).await?;
            Ok(Json(ActedAnswer { id: now.id, state: now.state.into_str() }))
        }
        Acted::NotPossible(state) => Err(ActRefusal::NotPossible(state).into()),
        Acted::TenantPaused => Err(ActRefusal::TenantPaused.into()),
        Acted::Unknown => Err(ActRefusal::UnknownDelivery.into()),
    }
}
