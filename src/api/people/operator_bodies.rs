//! What is said of operators over the API.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::tenants_of;
use crate::clock::Timestamp;
use crate::model::access::Role;
use crate::model::ids::{OperatorId, TenantId};
use crate::store::Operator;

/// Which part of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OperatorListQuery {
    /// The most operators of the answer; 100 without it.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    pub(super) limit: Option<u32>,
    /// The `next` of an earlier answer.
    #[serde(default)]
    pub(super) after: Option<String>,
}

/// Operators, in the order of their addresses.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OperatorsAnswer {
    pub(super) operators: Vec<ShownOperator>,
    /// Where the list goes on, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// A person who may sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownOperator {
    id: OperatorId,
    /// What they sign in with.
    address: String,
    name: String,
    #[schema(value_type = Role)]
    role: &'static str,
    /// Null: every tenant.
    tenants: Option<Vec<TenantId>>,
    /// `active`, `invited`, `not_invited` (they have neither password nor link), or `disabled`.
    state: &'static str,
    /// An authenticator app is set up.
    has_app: bool,
    recovery_codes_left: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sign_in_at: Option<Timestamp>,
    /// Until when an open one-time link works.
    #[serde(skip_serializing_if = "Option::is_none")]
    link_until: Option<Timestamp>,
    created_at: Timestamp,
    created_by: String,
}

/// A person to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"address": "support@acme.example", "role": "support", "tenants": ["acme"]}))]
pub(super) struct NewOperatorBody {
    /// The email address that they sign in with.
    #[schema(min_length = 3, max_length = 320)]
    pub(super) address: String,
    /// As other people call them; the address, without it.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub(super) name: Option<String>,
    pub(super) role: Role,
    /// Null or left out: every tenant.
    #[serde(default)]
    pub(super) tenants: Option<Vec<TenantId>>,
    /// Whether a one-time link is made, by which they choose a password.
    #[serde(default = "invited")]
    pub(super) invite: bool,
}

/// A link is what most people are added for.
const fn invited() -> bool {
    true
}

/// What somebody may do from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"role": "support", "tenants": ["acme", "beta"]}))]
pub(super) struct RightsBody {
    pub(super) role: Role,
    /// Null or left out: every tenant.
    #[serde(default)]
    pub(super) tenants: Option<Vec<TenantId>>,
}

/// An operator, and the link by which they choose a password. Whoever has the link has the account; it is not shown again.
#[derive(Serialize, ToSchema)]
pub(super) struct InvitedAnswer {
    pub(super) id: OperatorId,
    pub(super) address: String,
    /// It works once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<Timestamp>,
}

/// What became of a change.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OperatorChanged {
    pub(super) id: OperatorId,
    /// It was otherwise before.
    pub(super) changed: bool,
}

impl ShownOperator {
    pub(super) fn of(operator: Operator) -> Self {
        let state = match (operator.disabled_at, &operator.invitation, operator.has_password) {
            (Some(_), _, _) => "disabled",
            (None, Some(_), _) => "invited",
            (None, None, true) => "active",
            (None, None, false) => "not_invited",
        };
        Self {
            state,
            tenants: tenants_of(&operator.scope),
            link_until: operator.invitation.map(|(_, until)| until),
            id: operator.id,
            address: operator.address,
            name: operator.name,
            role: operator.role.into_str(),
            has_app: operator.has_totp,
            recovery_codes_left: operator.recovery_codes_left,
            last_sign_in_at: operator.last_sign_in_at,
            created_at: operator.created_at,
            created_by: operator.created_by,
        }
    }
}
