//! People who sign in to the console, and tokens of programs: for those who manage them for all tenants.

mod operator_bodies;
mod operators;
mod tokens;

use utoipa_axum::router::OpenApiRouter;

use super::ApiSettings;
use super::act_refusal::ActRefusal;
use super::refusal::ApiRefusal;
use crate::event::Malformed;
use crate::event::bounds::{KEY_MAX, identifier};
use crate::model::access::TenantScope;
use crate::model::ids::TenantId;
use crate::operator::people::PeopleError;

/// The routes of people and tokens.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().merge(operators::routes()).merge(tokens::routes())
}

/// What a body limits somebody to: all tenants, if it names none.
fn scope_of(tenants: Option<Vec<TenantId>>) -> Result<TenantScope, Malformed> {
    let Some(tenants) = tenants else { return Ok(TenantScope::All) };
    for (index, tenant) in tenants.iter().enumerate() {
        identifier(format_args!("tenants[{index}]"), tenant.as_str(), KEY_MAX)?;
    }
    Ok(TenantScope::of(tenants))
}

/// The tenants of a scope; none if it is all of them.
fn tenants_of(scope: &TenantScope) -> Option<Vec<TenantId>> {
    scope.tenants().map(|tenants| tenants.iter().cloned().collect())
}

impl From<PeopleError> for ApiRefusal {
    fn from(error: PeopleError) -> Self {
        let path = match &error {
            PeopleError::Address(_) => "address",
            PeopleError::NotForPeople(_) => "role",
            PeopleError::NeedsTenants(_)
            | PeopleError::UnknownTenant(_)
            | PeopleError::NoTenants
            | PeopleError::ManyTenants => "tenants",
            PeopleError::TokenName => "name",
            PeopleError::TokenTime => "expires_in_days",
            PeopleError::Exists(_)
            | PeopleError::Unknown
            | PeopleError::LastAdmin
            | PeopleError::Disabled
            | PeopleError::HasPassword
            | PeopleError::TokenNameTaken
            | PeopleError::UnknownToken
            | PeopleError::Store(_) => return stands_otherwise(error),
        };
        Malformed::at(path, error.to_string()).into()
    }
}

/// What is no fault of the request.
fn stands_otherwise(error: PeopleError) -> ApiRefusal {
    let refusal = match error {
        PeopleError::Store(error) => return error.into(),
        PeopleError::Exists(id) => ActRefusal::AddressTaken(id),
        PeopleError::Unknown => ActRefusal::UnknownOperator,
        PeopleError::LastAdmin => ActRefusal::LastAdmin,
        PeopleError::Disabled => ActRefusal::OperatorDisabled,
        PeopleError::HasPassword => ActRefusal::PasswordChosen,
        PeopleError::TokenNameTaken => ActRefusal::TokenNameTaken,
        PeopleError::UnknownToken => ActRefusal::UnknownToken,
        other => return ApiRefusal::Internal(other.to_string()),
    };
    refusal.into()
}
