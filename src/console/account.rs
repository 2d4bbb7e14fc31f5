//! `/account`: one's own sessions, password and recovery codes.

use axum::extract::{Path, State};
use axum::response::Response;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use uuid::Uuid;

use super::answers::done_at;
use super::invitation::problem_of;
use super::pages::{self, AccountPage, AccountProblem, ActionDone, EnrolmentProblem, SessionRow};
use super::sign_in::{NoFields, with_cookie};
use super::signed::{ConsoleVisitor, secret};
use super::totp::show_codes;
use super::turns::TRY_AGAIN;
use super::{Console, Signed, SignedForm};
use crate::model::ids::TenantId;
use crate::operator::sign_in::{AccountChange, SignInOrigin};
use crate::store::{ListedSession, Operator, StoreError};

#[derive(Deserialize)]
pub(super) struct PasswordForm {
    #[serde(deserialize_with = "secret")]
    current: SecretString,
    #[serde(deserialize_with = "secret")]
    password: SecretString,
    #[serde(deserialize_with = "secret")]
    password_again: SecretString,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RecoveryForm {
    #[serde(default)]
    code: String,
}

pub(super) async fn show(State(console): State<Console>, signed: Signed) -> Response {
    page(&console, &signed, None).await
}

async fn page(console: &Console, signed: &Signed, problem: Option<AccountProblem>) -> Response {
    let (operator, sessions) = match own(console, signed).await {
        Ok(Some(own)) => own,
        Ok(None) => return pages::session_over(&signed.front()),
        Err(error) => return signed.failed(&error),
    };
    let sessions: Vec<SessionRow> = sessions.into_iter().map(|session| row(signed, session)).collect();
    let tenants: Option<Vec<String>> =
        operator.scope.tenants().map(|tenants| tenants.iter().map(TenantId::to_string).collect());
    let page = AccountPage {
        email: &operator.address,
        name: &operator.name,
        tenants: tenants.as_deref(),
        has_totp: operator.has_totp,
        recovery_codes_left: operator.recovery_codes_left,
        sessions: &sessions,
        problem,
    };
    pages::account(&signed.layout(), &page)
}

async fn own(console: &Console, signed: &Signed) -> Result<Option<(Operator, Vec<ListedSession>)>, StoreError> {
    let id = signed.session.operator;
    let Some(operator) = console.store.operator(id).await? else { return Ok(None) };
    Ok(Some((operator, console.store.operator_sessions(id).await?)))
}

fn row(signed: &Signed, session: ListedSession) -> SessionRow {
    SessionRow {
        id: session.session.to_string(),
        started_at: session.started_at,
        last_seen_at: session.last_seen_at,
        network: session.network,
        browser: session.browser,
        is_current: session.session == signed.session.session,
    }
}

pub(super) async fn change_password(
    State(console): State<Console>,
    SignedForm { signed, form }: SignedForm<PasswordForm>,
) -> Response {
    if form.password.expose_secret() != form.password_again.expose_secret() {
        return page(&console, &signed, Some(AccountProblem::NewPassword(EnrolmentProblem::PasswordsDiffer))).await;
    }
    let from = SignInOrigin { network: signed.network.as_deref(), browser: None };
    let changed = console.sign_in.change_password(&signed.session, &form.current, &form.password, from).await;
    match changed {
        Ok(AccountChange::Done(id)) => {
            with_cookie(done_at("/account", ActionDone::PasswordChanged), console.access.cookie().set(&id))
        }
        Ok(refused) => refusal(&console, &signed, refused).await,
        Err(error) => {
            tracing::warn!("failed to change a password: {error}");
            pages::unavailable(&signed.front(), TRY_AGAIN)
        }
    }
}

pub(super) async fn renew_recovery_codes(
    State(console): State<Console>,
    visitor: ConsoleVisitor,
    SignedForm { signed, form }: SignedForm<RecoveryForm>,
) -> Response {
    let from = SignInOrigin { network: signed.network.as_deref(), browser: None };
    match console.sign_in.renew_recovery_codes(&signed.session, &form.code, from).await {
        Ok(Ok(codes)) => show_codes(&visitor, &codes, "/account"),
        Ok(Err(refused)) => refusal(&console, &signed, refused).await,
        Err(error) => {
            tracing::warn!("failed to renew recovery codes: {error}");
            pages::unavailable(&signed.front(), TRY_AGAIN)
        }
    }
}

async fn refusal(console: &Console, signed: &Signed, refused: AccountChange) -> Response {
    match refused {
        AccountChange::Wrong => page(console, signed, Some(AccountProblem::Wrong)).await,
        AccountChange::Weak(weak) => page(console, signed, Some(AccountProblem::NewPassword(problem_of(weak)))).await,
        AccountChange::Wait(wait) => pages::too_many(&signed.front(), wait),
        AccountChange::Busy => pages::too_many(&signed.front(), TRY_AGAIN),
        AccountChange::SessionOver | AccountChange::Done(_) => pages::session_over(&signed.front()),
    }
}

/// Ends one of one's own sessions; somebody else's is not there.
pub(super) async fn end_session(
    State(console): State<Console>,
    Path(session): Path<Uuid>,
    SignedForm { signed, form: NoFields {} }: SignedForm<NoFields>,
) -> Response {
    match console.store.end_operator_session(&signed.session, session, &signed.actor()).await {
        // It was one's own: the next page is the entrance.
        Ok(_) => done_at("/account", ActionDone::SessionEnded),
        Err(error) => signed.failed(&error),
    }
}

pub(super) async fn end_other_sessions(
    State(console): State<Console>,
    SignedForm { signed, form: NoFields {} }: SignedForm<NoFields>,
) -> Response {
    match console.store.end_other_operator_sessions(&signed.session, &signed.actor()).await {
        Ok(_) => done_at("/account", ActionDone::OtherSessionsEnded),
        Err(error) => signed.failed(&error),
    }
}
