//! `/api/v1/me`: who asks, and what they may do.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::ApiSettings;
use super::caller::Caller;
use super::document::problems::Problems;
use super::document::schemas::PrincipalWord;
use crate::model::access::{Principal, Role};
use crate::model::ids::TenantId;
use crate::policy::permission::Permission;

/// The route of who asks.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(show))
}

/// Who asks, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MeAnswer {
    #[schema(value_type = PrincipalWord)]
    kind: &'static str,
    /// Of an operator or a token of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    id: Option<Uuid>,
    /// As histories show it: an operator's address, a token's name.
    name: String,
    #[schema(value_type = Role)]
    role: &'static str,
    /// Whether every tenant may be seen and changed, also those that are still to come.
    all_tenants: bool,
    /// Else these; none if `all_tenants`.
    tenants: Vec<TenantId>,
    /// What the role may do at all, in the order of the table in docs/security.md; for which tenants, `tenants` says.
    #[schema(value_type = Vec<Permission>)]
    permissions: Vec<&'static str>,
}

/// Shows who asks, and what they may do.
///
/// What a client offers its users, and what the server allows, come from the same table.
#[utoipa::path(
    get,
    path = "/api/v1/me",
    operation_id = "who_am_i",
    tag = "account",
    responses((status = 200, description = "Who asks.", body = MeAnswer), Problems)
)]
pub(super) async fn show(caller: Caller) -> Json<MeAnswer> {
    Json(MeAnswer::of(&caller.0))
}

impl MeAnswer {
    fn of(principal: &Principal) -> Self {
        Self {
            kind: principal.kind.into_str(),
            id: principal.kind.id(),
            name: principal.name.to_string(),
            role: principal.role.into_str(),
            all_tenants: principal.scope.is_all(),
            tenants: principal.scope.tenants().into_iter().flatten().cloned().collect(),
            permissions: principal.permissions().map(|permission| permission.into_str()).collect(),
        }
    }
}
