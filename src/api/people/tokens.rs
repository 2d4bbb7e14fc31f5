//! `/api/v1/tokens`: the tokens that programs use.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{scope_of, tenants_of};
use crate::api::act_refusal::ActRefusal;
use crate::api::actor::Asking;
use crate::api::document::parameters::{IdempotencyKeyHeader, TokenInPath};
use crate::api::document::problems::{BodyProblems, IdempotencyProblems, NotFound, ProblemBody, Problems};
use crate::api::paging::{page, unreadable};
use crate::api::refusal::ApiRefusal;
use crate::api::{ApiSettings, body};
use crate::clock::Timestamp;
use crate::model::access::Role;
use crate::model::ids::{TenantId, TokenId};
use crate::operator::people::TOKEN_LIVES;
use crate::policy::permission::Permission;
use crate::store::ListedToken;

/// The routes of tokens.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(list, add)).routes(routes!(revoke))
}

/// Which part of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TokenListQuery {
    /// The most tokens of the answer; 100 without it.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of an earlier answer.
    #[serde(default)]
    after: Option<String>,
}

/// Tokens, the newest first; also those that work no more.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokensAnswer {
    tokens: Vec<ShownToken>,
    /// Where the list goes on, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A token, without its text.
#[derive(Debug, Serialize, ToSchema)]
struct ShownToken {
    id: TokenId,
    name: String,
    /// How it begins.
    prefix: String,
    #[schema(value_type = Role)]
    role: &'static str,
    /// Null: every tenant.
    tenants: Option<Vec<TenantId>>,
    /// `works`, `expired`, `revoked`, or `owner_disabled`: whoever answers for it may not make tokens any more.
    state: &'static str,
    created_at: Timestamp,
    created_by: String,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_by: Option<String>,
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "billing-eu", "role": "billing", "expires_in_days": 365}))]
pub(super) struct NewTokenBody {
    /// What it is for, as lists and histories name it.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    role: Role,
    /// Null or left out: every tenant.
    #[serde(default)]
    tenants: Option<Vec<TenantId>>,
    /// How long it works, at most three years; a year without it.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1098)]
    expires_in_days: Option<u32>,
}

/// A token that was made. It is shown this once: the database holds a digest of it.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeToken {
    id: TokenId,
    name: String,
    #[schema(value_type = Role)]
    role: &'static str,
    /// To be sent as `Authorization: Bearer …`.
    token: String,
    expires_at: Timestamp,
}

/// What became of a revocation.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenRevoked {
    id: TokenId,
    /// It was not revoked before.
    revoked: bool,
}

/// Lists tokens, the newest first, also those that work no more.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    operation_id = "list_tokens",
    tag = "people",
    params(TokenListQuery),
    responses((status = 200, description = "The tokens.", body = TokensAnswer), Problems)
)]
pub(super) async fn list(
    State(console): State<ApiSettings>,
    query: Result<Query<TokenListQuery>, QueryRejection>,
) -> Result<Json<TokensAnswer>, ApiRefusal> {
    let Query(query) = query
        .map_err(|refused| unreadable(&refused, "may be asked for with limit and after, and with nothing else"))?;
    let listed = console.store.tokens(page(query.limit, query.after.as_deref())?).await?;
    let now = console.store.now();
    let tokens = listed.items.into_iter().map(|token| ShownToken::of(token, now)).collect();
    Ok(Json(TokensAnswer { tokens, next: listed.next.map(|next| next.to_string()) }))
}

/// Makes a token, and shows it this once.
///
/// The operator who makes one answers for it: it works as long as they may make tokens. For one that a token makes answers
/// whoever answers for that token.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    operation_id = "add_token",
    tag = "people",
    params(IdempotencyKeyHeader),
    request_body = NewTokenBody,
    responses(
        (status = 201, description = "The token.", body = MadeToken),
        (
            status = 409,
            description = "`name-taken`: a token that is not revoked has this name.",
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
    let NewTokenBody { name, role, tenants, expires_in_days } = body::read_json(&headers, &body)?;
    let lives = expires_in_days.map_or(TOKEN_LIVES, |days| Duration::from_hours(24 * u64::from(days)));
    let (id, token) = console.people.add_token(&name, role, &scope_of(tenants)?, lives, &who).await?;
    let expires_at =
        console.store.token(id).await?.map_or_else(|| console.store.now().plus(lives), |made| made.expires_at);
    let name = name.trim().to_owned();
    let made = MadeToken { id, name, role: role.into_str(), token: token.expose().to_owned(), expires_at };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// Takes a token's rights away at once.
#[utoipa::path(
    post,
    path = "/api/v1/tokens/{token_id}/revoke",
    operation_id = "revoke_token",
    tag = "people",
    params(TokenInPath, IdempotencyKeyHeader),
    responses(
        (status = 200, description = "It works no more.", body = TokenRevoked),
        IdempotencyProblems,
        NotFound,
        Problems
    )
)]
pub(super) async fn revoke(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<TokenRevoked>, ApiRefusal> {
    // What is no id is no token's.
    let Path(id) = path.map_err(|_| ActRefusal::UnknownToken)?;
    let id = TokenId(id);
    let revoked = console.people.revoke_token(id, &who).await?;
    Ok(Json(TokenRevoked { id, revoked }))
}

impl ShownToken {
    fn of(token: ListedToken, now: Timestamp) -> Self {
        let is_answered_for = token.owner.as_ref().is_none_or(|owner| owner.may(Permission::ManageTokens));
        let state = match token.revoked_at {
            Some(_) => "revoked",
            None if token.expires_at <= now => "expired",
            None if !is_answered_for => "owner_disabled",
            None => "works",
        };
        Self {
            state,
            tenants: tenants_of(&token.scope),
            id: token.id,
            name: token.name,
            prefix: token.prefix,
            role: token.role.into_str(),
            created_at: token.created_at,
            created_by: token.created_by,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            revoked_at: token.revoked_at,
            revoked_by: token.revoked_by,
        }
    }
}
