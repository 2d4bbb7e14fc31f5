//! `/api/v1/operators`: the people who may sign in.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::operator_bodies::{
    InvitedAnswer, NewOperatorBody, OperatorChanged, OperatorListQuery, OperatorsAnswer, RightsBody, ShownOperator,
};
use super::scope_of;
use crate::api::act_refusal::ActRefusal;
use crate::api::actor::Asking;
use crate::api::document::parameters::{IdempotencyKeyHeader, OperatorInPath};
use crate::api::document::problems::{BodyProblems, IdempotencyProblems, NotFound, ProblemBody, Problems};
use crate::api::paging::{limit, no_cursor, unreadable};
use crate::api::refusal::ApiRefusal;
use crate::api::{ApiSettings, body};
use crate::event::bounds::{ADDRESS_MAX, NAME_MAX, name, text};
use crate::model::access::{InvitationKind, PrincipalKind};
use crate::model::ids::OperatorId;
use crate::operator::people::{OneTimeLink, PersonToAdd};
use crate::store::Operator;

/// The routes of operators.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default()
        .routes(routes!(list, add))
        .routes(routes!(show, change))
        .routes(routes!(invite))
        .routes(routes!(reset_totp))
        .routes(routes!(disable))
        .routes(routes!(enable))
}

type OperatorPath = Result<Path<Uuid>, PathRejection>;

/// Lists the people who may sign in, in the order of their addresses.
#[utoipa::path(
    get,
    path = "/api/v1/operators",
    operation_id = "list_operators",
    tag = "people",
    params(OperatorListQuery),
    responses((status = 200, description = "The operators.", body = OperatorsAnswer), Problems)
)]
pub(super) async fn list(
    State(console): State<ApiSettings>,
    query: Result<Query<OperatorListQuery>, QueryRejection>,
) -> Result<Json<OperatorsAnswer>, ApiRefusal> {
    let Query(query) = query
        .map_err(|refused| unreadable(&refused, "may be asked for with limit and after, and with nothing else"))?;
    let limit = limit(query.limit)?;
    // The list is in the order of addresses, and these are not to stand in one that proxies log.
    let after = match query.after.as_deref().map(Uuid::try_parse).transpose().map_err(|_| no_cursor())? {
        Some(id) => Some(console.store.operator(OperatorId(id)).await?.ok_or_else(no_cursor)?.address),
        None => None,
    };
    let mut operators = console.store.operators(after.as_deref(), limit + 1).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = operators.len() > wanted;
    operators.truncate(wanted);
    let next = operators.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(OperatorsAnswer { operators: operators.into_iter().map(ShownOperator::of).collect(), next }))
}

/// Adds a person who may sign in once they have chosen a password.
#[utoipa::path(
    post,
    path = "/api/v1/operators",
    operation_id = "add_operator",
    tag = "people",
    params(IdempotencyKeyHeader),
    request_body = NewOperatorBody,
    responses(
        (status = 201, description = "They are added.", body = InvitedAnswer),
        (
            status = 409,
            description = "`address-taken`: somebody signs in with this address; `operator_id` says who.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        BodyProblems,
        Problems
    )
)]
pub(super) async fn add(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiRefusal> {
    let wanted: NewOperatorBody = body::read_json(&headers, &body)?;
    text("address", &wanted.address, ADDRESS_MAX)?;
    if let Some(called) = &wanted.name {
        name("name", called, NAME_MAX)?;
    }
    let scope = scope_of(wanted.tenants)?;
    let address = wanted.address.trim();
    let person = PersonToAdd { address, name: wanted.name.as_deref(), role: wanted.role, scope: &scope };
    let (id, link) = console.people.add(&person, wanted.invite, &who).await?;
    let (url, expires_at) = link.map(|OneTimeLink { url, expires_at }| (url, expires_at)).unzip();
    let answer = InvitedAnswer { id, address: address.to_owned(), url, expires_at };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Shows a person who may sign in.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{operator_id}",
    operation_id = "show_operator",
    tag = "people",
    params(OperatorInPath),
    responses((status = 200, description = "The operator.", body = ShownOperator), NotFound, Problems)
)]
pub(super) async fn show(
    State(console): State<ApiSettings>,
    path: OperatorPath,
) -> Result<Json<ShownOperator>, ApiRefusal> {
    Ok(Json(ShownOperator::of(operator(&console, path).await?)))
}

/// Gives a person another role or other tenants; it counts at once.
#[utoipa::path(
    put,
    path = "/api/v1/operators/{operator_id}",
    operation_id = "change_operator",
    tag = "people",
    params(OperatorInPath),
    request_body = RightsBody,
    responses(
        (status = 200, description = "They have these rights.", body = OperatorChanged),
        (
            status = 409,
            description = "`last-admin`: nobody else may manage operators and can sign in.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        BodyProblems,
        NotFound,
        Problems
    )
)]
pub(super) async fn change(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: OperatorPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<OperatorChanged>, ApiRefusal> {
    let id = operator_id(path)?;
    let wanted: RightsBody = body::read_json(&headers, &body)?;
    let changed = console.people.change(id, wanted.role, &scope_of(wanted.tenants)?, &who).await?;
    Ok(Json(OperatorChanged { id, changed }))
}

/// Makes a link by which a person chooses a password.
///
/// For somebody who has none yet; of all others it is a reset, which takes password, app and recovery codes away at once. An
/// earlier link works no more.
#[utoipa::path(
    post,
    path = "/api/v1/operators/{operator_id}/invite",
    operation_id = "invite_operator",
    tag = "people",
    params(OperatorInPath, IdempotencyKeyHeader),
    responses(
        (status = 200, description = "The link.", body = InvitedAnswer),
        (
            status = 409,
            description = "`operator-disabled`: enable them first. `own-account`: another administrator resets one's own. \
                           `password-chosen`: ask again, it is a reset by now.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        NotFound,
        Problems
    )
)]
pub(super) async fn invite(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: OperatorPath,
) -> Result<Json<InvitedAnswer>, ApiRefusal> {
    let operator = operator(&console, path).await?;
    if who.principal.kind == PrincipalKind::Operator(operator.id) {
        return Err(ActRefusal::OwnAccount.into());
    }
    let kind = if operator.has_password { InvitationKind::Reset } else { InvitationKind::Invitation };
    let OneTimeLink { url, expires_at } = console.people.invite(operator.id, kind, &who).await?;
    let (url, expires_at) = (Some(url), Some(expires_at));
    Ok(Json(InvitedAnswer { id: operator.id, address: operator.address, url, expires_at }))
}

/// Takes a person's authenticator app and recovery codes away, who has lost them; their sessions end.
#[utoipa::path(
    post,
    path = "/api/v1/operators/{operator_id}/reset-totp",
    operation_id = "reset_operator_totp",
    tag = "people",
    params(OperatorInPath, IdempotencyKeyHeader),
    responses(
        (status = 200, description = "They have none.", body = OperatorChanged),
        IdempotencyProblems,
        NotFound,
        Problems
    )
)]
pub(super) async fn reset_totp(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: OperatorPath,
) -> Result<Json<OperatorChanged>, ApiRefusal> {
    let id = operator_id(path)?;
    let changed = console.people.reset_totp(id, &who).await?;
    Ok(Json(OperatorChanged { id, changed }))
}

/// Lets a person sign in no more: their sessions end, and the tokens that they answer for work no more.
#[utoipa::path(
    post,
    path = "/api/v1/operators/{operator_id}/disable",
    operation_id = "disable_operator",
    tag = "people",
    params(OperatorInPath, IdempotencyKeyHeader),
    responses(
        (status = 200, description = "They cannot sign in.", body = OperatorChanged),
        (
            status = 409,
            description = "`last-admin`: nobody else may manage operators and can sign in.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        NotFound,
        Problems
    )
)]
pub(super) async fn disable(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: OperatorPath,
) -> Result<Json<OperatorChanged>, ApiRefusal> {
    let id = operator_id(path)?;
    let changed = console.people.disable(id, &who).await?;
    Ok(Json(OperatorChanged { id, changed }))
}

/// Lets a person sign in again.
#[utoipa::path(
    post,
    path = "/api/v1/operators/{operator_id}/enable",
    operation_id = "enable_operator",
    tag = "people",
    params(OperatorInPath, IdempotencyKeyHeader),
    responses(
        (status = 200, description = "They can sign in.", body = OperatorChanged),
        IdempotencyProblems,
        NotFound,
        Problems
    )
)]
pub(super) async fn enable(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: OperatorPath,
) -> Result<Json<OperatorChanged>, ApiRefusal> {
    let id = operator_id(path)?;
    let changed = console.people.enable(id, &who).await?;
    Ok(Json(OperatorChanged { id, changed }))
}

/// What is no id is nobody's.
fn operator_id(path: OperatorPath) -> Result<OperatorId, ApiRefusal> {
    let Path(id) = path.map_err(|_| ActRefusal::UnknownOperator)?;
    Ok(OperatorId(id))
}

async fn operator(console: &ApiSettings, path: OperatorPath) -> Result<Operator, ApiRefusal> {
    let found = console.store.operator(operator_id(path)?).await?;
    found.ok_or_else(|| ActRefusal::UnknownOperator.into())
}
