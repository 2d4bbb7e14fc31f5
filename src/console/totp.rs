//! `/account/totp`: an authenticator app is set up, by whoever must or wants to.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::Console;
use super::pages::{self, EnrolmentProblem, RecoveryCodesPage, TotpSetUpPage};
use super::qr_code::qr_code;
use super::sign_in::with_cookie;
use super::signed::{ConsoleVisitor, check_form, see_other};
use crate::model::access::SessionStage;
use crate::operator::sign_in::{TotpConfirmed, TotpSetup};
use crate::secrets::RecoveryCode;
use crate::store::OperatorSession;

#[derive(Debug, Default, Deserialize)]
pub(super) struct TotpForm {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    code: String,
}

/// Shows the secret of the app that is being set up.
pub(super) async fn show(State(console): State<Console>, visitor: ConsoleVisitor) -> Response {
    match allowed(&console, &visitor) {
        Ok(session) => set_up(&console, &visitor, session, None).await,
        Err(instead) => instead,
    }
}

/// Puts the app into use by its first code; shows the recovery codes, once.
pub(super) async fn confirm(
    State(console): State<Console>,
    visitor: ConsoleVisitor,
    headers: HeaderMap,
    form: Result<Form<TotpForm>, FormRejection>,
) -> Response {
    let session = match allowed(&console, &visitor) {
        Ok(session) => session,
        Err(instead) => return instead,
    };
    let form = form.map(|Form(form)| form).unwrap_or_default();
    if check_form(&console, &headers, session, &form.csrf).is_err() {
        return pages::form_outdated(&visitor.layout());
    }
    match console.sign_in.confirm_totp(session, &form.code, visitor.origin()).await {
        Ok(TotpConfirmed::Done { codes, id }) => {
            let next = if session.stage == SessionStage::Open { "/account?done=totp_set_up" } else { "/" };
            with_cookie(show_codes(&visitor, &codes, next), console.access.cookie().set(&id))
        }
        Ok(TotpConfirmed::Wrong) => set_up(&console, &visitor, session, Some(EnrolmentProblem::CodeWrong)).await,
        Ok(TotpConfirmed::SessionOver) => pages::session_over(&visitor.layout()),
        Err(error) => visitor.failed(&error),
    }
}

/// The session that may set up an app; else where it has to go first.
fn allowed<'v>(console: &Console, visitor: &'v ConsoleVisitor) -> Result<&'v OperatorSession, Response> {
    match &visitor.session {
        Some(session) if console.sign_in.may_set_up_totp(session) => Ok(session),
        Some(session) if session.stage == SessionStage::Code => Err(see_other("/sign-in/code")),
        // They prove once more who they are.
        _ => Err(see_other("/sign-in?next=/account/totp")),
    }
}

async fn set_up(
    console: &Console,
    visitor: &ConsoleVisitor,
    session: &OperatorSession,
    problem: Option<EnrolmentProblem>,
) -> Response {
    let TotpSetup { secret, uri } = match console.sign_in.totp_setup(session).await {
        Ok(setup) => setup,
        Err(error) => return visitor.failed(&error),
    };
    let page = TotpSetUpPage {
        csrf: &console.form_tokens.token(session.session),
        uri: &uri,
        secret: &secret.shown(),
        qr: &qr_code(&uri),
        secret_seal: "",
        is_required: session.stage == SessionStage::Enrol,
        problem,
    };
    pages::totp_set_up(&visitor.layout(), &page)
}

/// Shows new recovery codes.
pub(super) fn show_codes(visitor: &ConsoleVisitor, codes: &[RecoveryCode], next: &str) -> Response {
    let codes: Vec<String> = codes.iter().map(RecoveryCode::shown).collect();
    pages::recovery_codes(&visitor.layout(), &RecoveryCodesPage { codes: &codes, next })
}
