//! `/operators`: the people who may sign in.

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::pages::{self, InvitationLink, OperatorForm, OperatorProblem, OperatorRow, OperatorState, OperatorsPage};
use super::sign_in::NoFields;
use super::signed::see_other;
use super::{Console, Signed, SignedForm};
use crate::clock::Timestamp;
use crate::model::access::{InvitationKind, Role, TenantScope};
use crate::model::ids::{OperatorId, TenantId};
use crate::operator::people::{OneTimeLink, PeopleError, PersonToAdd};
use crate::policy::permission::Permission;
use crate::store::Operator;

/// Operators that the page shows.
const SHOWN_MAX: u32 = 1_000;

#[derive(Debug, Default, Deserialize)]
pub(super) struct AddForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    tenants: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ChangeForm {
    #[serde(default)]
    role: String,
    #[serde(default)]
    tenants: String,
}

/// What the page shows beside the list.
#[derive(Debug, Default)]
struct Beside<'a> {
    invitation: Option<(&'a str, &'a OneTimeLink)>,
    refused: Option<(&'a AddForm, OperatorProblem)>,
}

pub(super) async fn list(State(console): State<Console>, signed: Signed) -> Response {
    if let Err(refused) = signed.require(Permission::ManageOperators) {
        return refused;
    }
    page(&console, &signed, &Beside::default()).await
}

async fn page(console: &Console, signed: &Signed, beside: &Beside<'_>) -> Response {
    let operators = match console.store.operators(None, SHOWN_MAX).await {
        Ok(operators) => operators,
        Err(error) => return signed.failed(&error),
    };
    let rows: Vec<OperatorRow> = operators.into_iter().map(|operator| row(signed, operator)).collect();
    let page = OperatorsPage {
        rows: &rows,
        invitation: beside.invitation.map(|(email, link)| InvitationLink {
            email,
            url: &link.url,
            until: link.expires_at,
        }),
        refused: beside.refused.map(|(form, problem)| OperatorForm {
            email: &form.email,
            name: &form.name,
            role: form.role.parse().ok(),
            tenants: &form.tenants,
            problem,
        }),
    };
    pages::operators(&signed.layout(), &page)
}

fn row(signed: &Signed, operator: Operator) -> OperatorRow {
    OperatorRow {
        id: operator.id.to_string(),
        is_self: operator.id == signed.session.operator,
        state: state_of(&operator, signed.now),
        tenants: names_of(&operator.scope),
        email: operator.address,
        name: operator.name,
        role: operator.role,
        has_totp: operator.has_totp,
        last_sign_in_at: operator.last_sign_in_at,
    }
}

fn state_of(operator: &Operator, now: Timestamp) -> OperatorState {
    match (operator.disabled_at, &operator.invitation) {
        (Some(_), _) => OperatorState::Disabled,
        (None, Some((_, until))) if *until > now => OperatorState::Invited { until: *until },
        (None, _) if operator.has_password => OperatorState::Active,
        (None, _) => OperatorState::InvitationExpired,
    }
}

/// None for all.
pub(super) fn names_of(scope: &TenantScope) -> Option<Vec<String>> {
    scope.tenants().map(|tenants| tenants.iter().map(TenantId::to_string).collect())
}

/// Ids, one a line or by commas; all tenants, if there is none.
pub(super) fn scope_of(written: &str) -> TenantScope {
    let ids = written.split([',', '\n']).map(str::trim).filter(|id| !id.is_empty()).map(TenantId::from);
    let scope = TenantScope::of(ids);
    if scope.tenants().is_some_and(std::collections::BTreeSet::is_empty) { TenantScope::All } else { scope }
}

pub(super) async fn add(State(console): State<Console>, SignedForm { signed, form }: SignedForm<AddForm>) -> Response {
    if let Err(refused) = signed.require(Permission::ManageOperators) {
        return refused;
    }
    let Ok(role) = form.role.parse::<Role>() else {
        return page(&console, &signed, &refused(&form, OperatorProblem::RoleMissing)).await;
    };
    let scope = scope_of(&form.tenants);
    let person = PersonToAdd { address: &form.email, name: Some(&form.name), role, scope: &scope };
    match console.people.add(&person, true, &signed.actor()).await {
        Ok((_, Some(link))) => {
            let beside = Beside { invitation: Some((form.email.trim(), &link)), refused: None };
            page(&console, &signed, &beside).await
        }
        Ok((_, None)) => see_other("/operators"),
        Err(error) => match problem_of(&error) {
            Some(problem) => page(&console, &signed, &refused(&form, problem)).await,
            None => failed(&signed, error),
        },
    }
}

fn refused(form: &AddForm, problem: OperatorProblem) -> Beside<'_> {
    Beside { invitation: None, refused: Some((form, problem)) }
}

pub(super) async fn change(
    State(console): State<Console>,
    Path(id): Path<Uuid>,
    SignedForm { signed, form }: SignedForm<ChangeForm>,
) -> Response {
    if let Err(refused) = signed.require(Permission::ManageOperators) {
        return refused;
    }
    let role = form.role.parse::<Role>();
    let changed = match role {
        Ok(role) => console.people.change(OperatorId(id), role, &scope_of(&form.tenants), &signed.actor()).await,
        Err(_) => return page_with(&console, &signed, id, OperatorProblem::RoleMissing).await,
    };
    match changed {
        Ok(_) => see_other("/operators?done=operator_changed"),
        Err(error) => answer(&console, &signed, id, error).await,
    }
}

/// A link for somebody who has no password yet; for all others a reset, which takes their password away at once.
pub(super) async fn invite(
    State(console): State<Console>,
    Path(id): Path<Uuid>,
    SignedForm { signed, form: NoFields {} }: SignedForm<NoFields>,
) -> Response {
    if let Err(refused) = signed.require(Permission::ManageOperators) {
        return refused;
    }
    let operator = match console.store.operator(OperatorId(id)).await {
        Ok(Some(operator)) => operator,
        Ok(None) => return signed.not_found(),
        Err(error) => return signed.failed(&error),
    };
    if operator.id == signed.session.operator {
        // The link would be lost with the session that it ends: another administrator makes it, or a command.
        return pages::conflict(&signed.front());
    }
    let kind = if operator.has_password { InvitationKind::Reset } else { InvitationKind::Invitation };
    match console.people.invite(operator.id, kind, &signed.actor()).await {
        Ok(link) => {
            let beside = Beside { invitation: Some((&operator.address, &link)), refused: None };
            page(&console, &signed, &beside).await
        }
        Err(error) => answer(&console, &signed, id, error).await,
    }
}

pub(super) async fn reset_totp(
    State(console): State<Console>,
    Path(id): Path<Uuid>,
    SignedForm { signed, form: NoFields {} }: SignedForm<NoFields>,
) -> Response {
    if let Err(refused) = signed.require(Permission::ManageOperators) {
        return refused;
    }
    match console.people.reset_totp(OperatorId(id), &signed.actor()).await {
        Ok(_) => see_other("/operators?done=totp_reset"),
        Err(error) => answer(&console, &signed, id, error).await,
    }
}

pub(super) async fn disable(
    State(console): State<Console>,
    Path(id): Path<Uuid>,
    SignedForm { signed, form: NoFields {} }: SignedForm<NoFields>,
) -> Response {
    if let Err(refused) = signed.require(Permission::ManageOperators) {
        return refused;
    }
    match console.people.disable(OperatorId(id), &signed.actor()).await {
        Ok(_) => see_other("/operators?done=operator_disabled"),
        Err(error) => answer(&console, &signed, id, error).await,
    }
}

pub(super) async fn enable(
    State(console): State<Console>,
    Path(id): Path<Uuid>,
    SignedForm { signed, form: NoFields {} }: SignedForm<NoFields>,
) -> Response {
    if let Err(refused) = signed.require(Permission::ManageOperators) {
        return refused;
    }
    match console.people.enable(OperatorId(id), &signed.actor()).await {
        Ok(_) => see_other("/operators?done=operator_enabled"),
        Err(error) => answer(&console, &signed, id, error).await,
    }
}

async fn answer(console: &Console, signed: &Signed, id: Uuid, error: PeopleError) -> Response {
    match (problem_of(&error), error) {
        (Some(problem), _) => page_with(console, signed, id, problem).await,
        (None, PeopleError::Unknown) => signed.not_found(),
        (None, error) => failed(signed, error),
    }
}

/// The page with what was refused of somebody in the list.
async fn page_with(console: &Console, signed: &Signed, id: Uuid, problem: OperatorProblem) -> Response {
    let form = match console.store.operator(OperatorId(id)).await {
        Ok(Some(operator)) => AddForm {
            email: operator.address,
            name: operator.name,
            role: operator.role.to_string(),
            tenants: names_of(&operator.scope).unwrap_or_default().join(", "),
        },
        Ok(None) => return signed.not_found(),
        Err(error) => return signed.failed(&error),
    };
    page(console, signed, &refused(&form, problem)).await
}

fn problem_of(error: &PeopleError) -> Option<OperatorProblem> {
    Some(match error {
        PeopleError::Address(_) => OperatorProblem::AddressUnusable,
        PeopleError::Exists(_) => OperatorProblem::AddressTaken,
        PeopleError::NotForPeople(_) => OperatorProblem::RoleMissing,
        PeopleError::NeedsTenants(_) | PeopleError::NoTenants | PeopleError::ManyTenants => {
            OperatorProblem::TenantsMissing
        }
        PeopleError::UnknownTenant(_) => OperatorProblem::TenantUnknown,
        PeopleError::LastAdmin => OperatorProblem::LastAdmin,
        PeopleError::Unknown
        | PeopleError::Disabled
        | PeopleError::HasPassword
        | PeopleError::TokenName
        | PeopleError::TokenNameTaken
        | PeopleError::TokenTime
        | PeopleError::UnknownToken
        | PeopleError::Store(_) => return None,
    })
}

/// What the list has outrun, or the database.
pub(super) fn failed(signed: &Signed, error: PeopleError) -> Response {
    match error {
        PeopleError::Store(error) => signed.failed(&error),
        _ => pages::conflict(&signed.front()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_are_written_one_a_line_or_by_commas() {
        assert_eq!(scope_of(""), TenantScope::All);
        assert_eq!(scope_of(" \r\n, "), TenantScope::All);
        let both = TenantScope::of([TenantId::from("acme"), TenantId::from("beta")]);
        for written in ["acme,beta", "beta\r\nacme\r\n", " acme , beta,acme"] {
            assert_eq!(scope_of(written), both, "{written:?}");
        }
        assert_eq!(names_of(&both), Some(vec!["acme".to_owned(), "beta".to_owned()]));
        assert_eq!(names_of(&TenantScope::All), None);
    }
}
