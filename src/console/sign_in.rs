//! `/sign-in`, `/sign-in/code`, `/sign-out`: the entrance, and the way out.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use secrecy::SecretString;
use serde::Deserialize;

use super::language::ConsoleLanguage;
use super::pages::{self, CodeEntryPage, SignInPage, SignInProblem};
use super::signed::{ConsoleVisitor, comes_from_us, leading_on, safe_next, secret, see_other};
use super::{Console, SignedForm};
use crate::model::access::SessionStage;
use crate::operator::sign_in::{SignInAnswer, SignInOrigin};
use crate::secrets::SessionId;

#[derive(Debug, Default, Deserialize)]
pub(super) struct SignInQuery {
    /// Where the sign-in leads to.
    #[serde(default)]
    next: String,
    /// The session was ended just before.
    #[serde(default)]
    signed_out: String,
}

#[derive(Deserialize)]
pub(super) struct SignInForm {
    #[serde(default)]
    email: String,
    #[serde(deserialize_with = "secret")]
    password: SecretString,
    #[serde(default)]
    next: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CodeForm {
    code: String,
    next: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct LanguageForm {
    #[serde(default)]
    language: String,
    #[serde(default)]
    next: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct NoFields {}

impl ConsoleVisitor {
    pub(super) fn origin(&self) -> SignInOrigin<'_> {
        SignInOrigin { network: self.network.as_deref(), browser: self.browser.as_deref() }
    }
}

/// Asks for address and password.
pub(super) async fn show(
    State(console): State<Console>,
    visitor: ConsoleVisitor,
    Query(query): Query<SignInQuery>,
) -> Response {
    let has_operators = match console.access.has_operators().await {
        Ok(has_operators) => has_operators,
        Err(error) => return visitor.failed(&error),
    };
    let page = SignInPage {
        email: "",
        next: safe_next(&query.next),
        problem: None,
        has_no_operators: !has_operators,
        is_signed_out: !query.signed_out.is_empty(),
    };
    pages::sign_in(&visitor.layout_here(), &page)
}

/// Compares them, and leads on.
pub(super) async fn enter(
    State(console): State<Console>,
    visitor: ConsoleVisitor,
    headers: HeaderMap,
    form: Result<Form<SignInForm>, FormRejection>,
) -> Response {
    // There is no session yet whose token a form could bear. Another site's page could sign a browser in as somebody else.
    let Ok(Form(form)) = form else { return pages::form_outdated(&visitor.layout()) };
    if !comes_from_us(&console, &headers) {
        return pages::form_outdated(&visitor.layout());
    }
    let answer = console.sign_in.with_password(&form.email, &form.password, visitor.origin()).await;
    let problem = match answer {
        Ok(SignInAnswer::Signed { id, stage }) => {
            end_session_before(&console, &visitor).await;
            return signed(&console, &id, stage, safe_next(&form.next));
        }
        Ok(SignInAnswer::Wrong | SignInAnswer::SessionOver) => SignInProblem::Wrong,
        Ok(SignInAnswer::Wait(wait)) => SignInProblem::Limit { wait },
        Ok(SignInAnswer::Busy) => SignInProblem::Busy,
        Err(error) => return visitor.failed(&error),
    };
    let page = SignInPage {
        email: &form.email,
        next: safe_next(&form.next),
        problem: Some(problem),
        has_no_operators: false,
        is_signed_out: false,
    };
    pages::sign_in(&visitor.layout(), &page)
}

/// Asks for a code.
pub(super) async fn show_code(visitor: ConsoleVisitor, Query(query): Query<SignInQuery>) -> Response {
    match visitor.stage() {
        Some(SessionStage::Code) => {
            let page = CodeEntryPage { next: safe_next(&query.next), problem: None };
            pages::sign_in_code(&visitor.layout_here(), &page)
        }
        _ => see_other("/sign-in"),
    }
}

/// Compares it, and leads on.
pub(super) async fn enter_code(
    State(console): State<Console>,
    visitor: ConsoleVisitor,
    headers: HeaderMap,
    form: Result<Form<CodeForm>, FormRejection>,
) -> Response {
    if !comes_from_us(&console, &headers) {
        return pages::form_outdated(&visitor.layout());
    }
    let form = form.map(|Form(form)| form).unwrap_or_default();
    let next = safe_next(&form.next);
    let refused = |problem| CodeEntryPage { next, problem: Some(problem) };
    let Some(session) = visitor.session.as_ref().filter(|session| session.stage == SessionStage::Code) else {
        return pages::sign_in_code(&visitor.layout(), &refused(SignInProblem::TooLate));
    };
    let problem = match console.sign_in.with_code(session, &form.code, visitor.origin()).await {
        Ok(SignInAnswer::Signed { id, stage }) => return signed(&console, &id, stage, next),
        Ok(SignInAnswer::Wrong) => SignInProblem::Wrong,
        Ok(SignInAnswer::SessionOver) => SignInProblem::TooLate,
        Ok(SignInAnswer::Wait(wait)) => SignInProblem::Limit { wait },
        Ok(SignInAnswer::Busy) => SignInProblem::Busy,
        Err(error) => return visitor.failed(&error),
    };
    pages::sign_in_code(&visitor.layout(), &refused(problem))
}

/// Gives the browser its id, and leads on.
pub(super) fn signed(console: &Console, id: &SessionId, stage: SessionStage, next: Option<&str>) -> Response {
    let path = match stage {
        SessionStage::Code => leading_on("/sign-in/code", next),
        SessionStage::Enrol => "/account/totp".to_owned(),
        SessionStage::Open => next.unwrap_or("/").to_owned(),
    };
    with_cookie(see_other(&path), console.access.cookie().set(id))
}

pub(super) fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}

/// The browser has forgotten it anyway.
async fn end_session_before(console: &Console, visitor: &ConsoleVisitor) {
    let Some(before) = &visitor.session else { return };
    let who = before.actor(visitor.network.as_deref());
    if let Err(error) = console.store.end_operator_session(before, before.session, &who).await {
        tracing::warn!("failed to end the session before a sign-in: {error}");
    }
}

/// Ends the session.
pub(super) async fn sign_out(
    State(console): State<Console>,
    SignedForm { signed, form: NoFields {} }: SignedForm<NoFields>,
) -> Response {
    match console.store.end_operator_session(&signed.session, signed.session.session, &signed.actor()).await {
        Ok(_) => with_cookie(see_other("/sign-in?signed_out=1"), console.access.cookie().clear()),
        Err(error) => signed.failed(&error),
    }
}

/// Keeps the language that somebody chose; also of somebody who has not signed in.
pub(super) async fn choose_language(
    State(console): State<Console>,
    headers: HeaderMap,
    form: Result<Form<LanguageForm>, FormRejection>,
) -> Response {
    let form = form.map(|Form(form)| form).unwrap_or_default();
    let is_entrance = |next: &&str| next.starts_with("/sign-in") || next.starts_with("/invitation/");
    let next = safe_next(&form.next).or(Some(form.next.as_str()).filter(is_entrance)).unwrap_or("/");
    let answer = see_other(next);
    match ConsoleLanguage::of_code(&form.language) {
        Some(language) if comes_from_us(&console, &headers) => with_cookie(answer, language.cookie()),
        _ => answer,
    }
}
