//! `/invitation/{token}`: somebody chooses a password by a one-time link.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::Console;
use super::pages::{self, EnrolmentProblem, InvitationPage};
use super::sign_in::signed;
use super::signed::{ConsoleVisitor, comes_from_us, secret};
use super::turns::TRY_AGAIN;
use crate::operator::sign_in::PasswordChosen;
use crate::policy::password_rule::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, WeakPassword};
use crate::secrets::InvitationToken;

#[derive(Deserialize)]
pub(super) struct InvitationForm {
    #[serde(default)]
    name: String,
    #[serde(deserialize_with = "secret")]
    password: SecretString,
    #[serde(deserialize_with = "secret")]
    password_again: SecretString,
}

/// Asks for a password, if the link works.
pub(super) async fn show(
    State(console): State<Console>,
    Path(token): Path<String>,
    visitor: ConsoleVisitor,
) -> Response {
    let Some(parsed) = InvitationToken::parse(&token) else { return pages::invitation_unknown(&visitor.layout()) };
    match console.store.open_invitation(parsed.sha256()).await {
        Ok(Some(invitation)) => {
            let path = format!("/invitation/{token}");
            let page =
                InvitationPage { path: &path, email: &invitation.address, name: &invitation.name, problem: None };
            pages::invitation(&visitor.layout(), &page)
        }
        Ok(None) => pages::invitation_unknown(&visitor.layout()),
        Err(error) => visitor.failed(&error),
    }
}

/// Takes the password, uses the link up, and leads on.
pub(super) async fn accept(
    State(console): State<Console>,
    Path(token): Path<String>,
    visitor: ConsoleVisitor,
    headers: HeaderMap,
    form: Result<Form<InvitationForm>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return pages::form_outdated(&visitor.layout()) };
    if !comes_from_us(&console, &headers) {
        return pages::form_outdated(&visitor.layout());
    }
    let Some(parsed) = InvitationToken::parse(&token) else { return pages::invitation_unknown(&visitor.layout()) };
    let chosen = if form.password.expose_secret() == form.password_again.expose_secret() {
        console.sign_in.accept_invitation(&parsed, Some(&form.name), &form.password, visitor.origin()).await
    } else {
        return again(&console, &parsed, &token, &visitor, &form.name, EnrolmentProblem::PasswordsDiffer).await;
    };
    match chosen {
        Ok(PasswordChosen::Signed { id, stage }) => signed(&console, &id, stage, None),
        Ok(PasswordChosen::Weak(weak)) => {
            again(&console, &parsed, &token, &visitor, &form.name, problem_of(weak)).await
        }
        Ok(PasswordChosen::LinkOver) => pages::invitation_unknown(&visitor.layout()),
        Ok(PasswordChosen::Busy) => pages::too_many(&visitor.layout(), TRY_AGAIN),
        Err(error) => visitor.failed(&error),
    }
}

async fn again(
    console: &Console,
    parsed: &InvitationToken,
    token: &str,
    visitor: &ConsoleVisitor,
    name: &str,
    problem: EnrolmentProblem,
) -> Response {
    match console.store.open_invitation(parsed.sha256()).await {
        Ok(Some(invitation)) => {
            let path = format!("/invitation/{token}");
            let page = InvitationPage { path: &path, email: &invitation.address, name, problem: Some(problem) };
            pages::invitation(&visitor.layout(), &page)
        }
        Ok(None) => pages::invitation_unknown(&visitor.layout()),
        Err(error) => visitor.failed(&error),
    }
}

pub(super) fn problem_of(weak: WeakPassword) -> EnrolmentProblem {
    match weak {
        WeakPassword::Short => EnrolmentProblem::PasswordTooShort { chars_min: PASSWORD_CHARS_MIN },
        WeakPassword::Long => EnrolmentProblem::PasswordTooLong { bytes_max: PASSWORD_CHARS_MAX },
        WeakPassword::Monotonous | WeakPassword::GuessedFirst | WeakPassword::HoldsAccount => {
            EnrolmentProblem::PasswordGuessable
        }
    }
}
