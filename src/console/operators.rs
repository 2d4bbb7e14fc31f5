//! `/operators`: the people who may sign in.

use axum::extract::{Path, State};
use serde::Deserialize;
use uuid::Uuid;

use super::answers::{HandlerAnswer, OrFailed, done_at};
use super::pages::{
    self, ActionDone, InvitationLink, OperatorForm, OperatorProblem, OperatorRow, OperatorState, OperatorsPage,
};
use super::rights::{names_of, refused, rights};
use super::sign_in::NoFields;
use super::signed::see_other;
use super::{Console, Signed, SignedForm};
use crate::clock::Timestamp;
use crate::model::access::InvitationKind;
use crate::model::ids::OperatorId;
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

/// What a button beside somebody does.
#[derive(Debug, Clone, Copy)]
enum OperatorAct {
    ResetTotp,
    Disable,
    Enable,
}

/// What the page shows beside the list.
#[derive(Debug, Default)]
struct Beside<'a> {
    invitation: Option<(&'a str, &'a OneTimeLink)>,
    refused: Option<(&'a AddForm, OperatorProblem)>,
}

impl<'a> Beside<'a> {
    const fn link(email: &'a str, link: &'a OneTimeLink) -> Self {
        Self { invitation: Some((email, link)), refused: None }
    }

    const fn problem(form: &'a AddForm, problem: OperatorProblem) -> Self {
        Self { invitation: None, refused: Some((form, problem)) }
    }
}

pub(super) async fn list(State(console): State<Console>, signed: Signed) -> HandlerAnswer {
    signed.require(Permission::ManageOperators)?;
    page(&console, &signed, &Beside::default()).await
}

async fn page(console: &Console, signed: &Signed, beside: &Beside<'_>) -> HandlerAnswer {
    let operators = console.store.operators(None, SHOWN_MAX).await.or_failed(signed)?;
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
    Ok(pages::operators(&signed.layout(), &page))
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

pub(super) async fn add(
    State(console): State<Console>,
    SignedForm { signed, form }: SignedForm<AddForm>,
) -> HandlerAnswer {
    signed.require(Permission::ManageOperators)?;
    let Some((role, scope)) = rights(&form.role, &form.tenants) else {
        return page(&console, &signed, &Beside::problem(&form, OperatorProblem::RoleMissing)).await;
    };
    let person = PersonToAdd { address: &form.email, name: Some(&form.name), role, scope: &scope };
    match console.people.add(&person, true, &signed.actor()).await {
        Ok((_, Some(link))) => page(&console, &signed, &Beside::link(form.email.trim(), &link)).await,
        Ok((_, None)) => Ok(see_other("/operators")),
        Err(error) => match problem_of(&error) {
            Some(problem) => page(&console, &signed, &Beside::problem(&form, problem)).await,
            None => Err(refused(&signed, error)),
        },
    }
}

pub(super) async fn change(
    State(console): State<Console>,
    Path(id): Path<Uuid>,
    SignedForm { signed, form }: SignedForm<ChangeForm>,
) -> HandlerAnswer {
    signed.require(Permission::ManageOperators)?;
    let Some((role, scope)) = rights(&form.role, &form.tenants) else {
        return page_with(&console, &signed, id, OperatorProblem::RoleMissing).await;
    };
    let changed = console.people.change(OperatorId(id), role, &scope, &signed.actor()).await;
    done(&console, &signed, id, changed, ActionDone::OperatorChanged).await
}

/// A link for somebody who has no password yet; for all others a reset, which takes their password away at once.
pub(super) async fn invite(
    State(console): State<Console>,
    Path(id): Path<Uuid>,
    SignedForm { signed, form: NoFields {} }: SignedForm<NoFields>,
) -> HandlerAnswer {
    signed.require(Permission::ManageOperators)?;
    let operator = console.store.operator(OperatorId(id)).await.or_failed(&signed)?;
    let operator = operator.ok_or_else(|| signed.not_found())?;
    if operator.id == signed.session.operator {
        // The link would be lost with the session that it ends: another administrator makes it, or a command.
        return Err(pages::conflict(&signed.front()));
    }
    let kind = if operator.has_password { InvitationKind::Reset } else { InvitationKind::Invitation };
    match console.people.invite(operator.id, kind, &signed.actor()).await {
        Ok(link) => page(&console, &signed, &Beside::link(&operator.address, &link)).await,
        Err(error) => answer(&console, &signed, id, error).await,
    }
}

pub(super) async fn reset_totp(
    State(console): State<Console>,
    Path(id): Path<Uuid>,
    form: SignedForm<NoFields>,
) -> HandlerAnswer {
    act(&console, form, id, OperatorAct::ResetTotp).await
}

pub(super) async fn disable(
    State(console): State<Console>,
    Path(id): Path<Uuid>,
    form: SignedForm<NoFields>,
) -> HandlerAnswer {
    act(&console, form, id, OperatorAct::Disable).await
}

pub(super) async fn enable(
    State(console): State<Console>,
    Path(id): Path<Uuid>,
    form: SignedForm<NoFields>,
) -> HandlerAnswer {
    act(&console, form, id, OperatorAct::Enable).await
}

async fn act(
    console: &Console,
    SignedForm { signed, form: NoFields {} }: SignedForm<NoFields>,
    id: Uuid,
    act: OperatorAct,
) -> HandlerAnswer {
    signed.require(Permission::ManageOperators)?;
    let (people, operator, who) = (&console.people, OperatorId(id), signed.actor());
    let (changed, what) = match act {
        OperatorAct::ResetTotp => (people.reset_totp(operator, &who).await, ActionDone::TotpReset),
        OperatorAct::Disable => (people.disable(operator, &who).await, ActionDone::OperatorDisabled),
        OperatorAct::Enable => (people.enable(operator, &who).await, ActionDone::OperatorEnabled),
    };
    done(console, &signed, id, changed, what).await
}

/// Back to the list, also where it was so before.
async fn done(
    console: &Console,
    signed: &Signed,
    id: Uuid,
    changed: Result<bool, PeopleError>,
    what: ActionDone,
) -> HandlerAnswer {
    match changed {
        Ok(_) => Ok(done_at("/operators", what)),
        Err(error) => answer(console, signed, id, error).await,
    }
}

async fn answer(console: &Console, signed: &Signed, id: Uuid, error: PeopleError) -> HandlerAnswer {
    match problem_of(&error) {
        Some(problem) => page_with(console, signed, id, problem).await,
        None => Err(refused(signed, error)),
    }
}

/// The page with what was refused of somebody in the list.
async fn page_with(console: &Console, signed: &Signed, id: Uuid, problem: OperatorProblem) -> HandlerAnswer {
    let operator = console.store.operator(OperatorId(id)).await.or_failed(signed)?;
    let operator = operator.ok_or_else(|| signed.not_found())?;
    let form = AddForm {
        email: operator.address,
        name: operator.name,
        role: operator.role.to_string(),
        tenants: names_of(&operator.scope).unwrap_or_default().join(", "),
    };
    page(console, signed, &Beside::problem(&form, problem)).await
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
