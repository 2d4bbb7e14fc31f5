//! Signing in: address and password, then the code of the authenticator app.

use std::time::Duration;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{answer, retry_after};
use super::icon::Icon;
use super::layout::{FrontView, SignedOutLayout};
use crate::console::language::ConsoleLanguage;
use crate::console::words::{AccessWords, ConsoleWords};

pub struct SignInPage<'a> {
    /// What was entered, after a failure.
    pub email: &'a str,
    /// The path to go to afterwards.
    pub next: Option<&'a str>,
    pub problem: Option<SignInProblem>,
    /// Nobody can sign in yet: the page says which commands make the first operator.
    pub has_no_operators: bool,
    /// The session was ended just before.
    pub is_signed_out: bool,
}

pub struct CodeEntryPage<'a> {
    /// The path to go to afterwards.
    pub next: Option<&'a str>,
    pub problem: Option<SignInProblem>,
}

/// Why a sign-in has not come further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInProblem {
    /// Address or password, or the code: which of them is not said.
    Wrong,
    /// So many tries failed that the next has to wait.
    Limit { wait: Duration },
    /// All places for checking passwords are taken.
    Busy,
    /// The first step was too long ago.
    TooLate,
}

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignInTemplate<'a> {
    layout: FrontView<'a>,
    words: &'static AccessWords,
    email: &'a str,
    next: Option<&'a str>,
    problem: Option<String>,
    has_no_operators: bool,
    is_signed_out: bool,
}

#[derive(Template)]
#[template(path = "console/code.html")]
struct CodeEntryTemplate<'a> {
    layout: FrontView<'a>,
    words: &'static AccessWords,
    next: Option<&'a str>,
    problem: Option<String>,
}

#[must_use]
pub fn sign_in(layout: &SignedOutLayout<'_>, page: &SignInPage<'_>) -> Response {
    let words = layout.words();
    let template = SignInTemplate {
        layout: layout.view(),
        words: &words.access,
        email: page.email,
        next: page.next,
        problem: page.problem.map(|problem| told(words, problem, words.access.wrong)),
        has_no_operators: page.has_no_operators,
        is_signed_out: page.is_signed_out,
    };
    answered(layout.language, page.problem, &template)
}

#[must_use]
pub fn sign_in_code(layout: &SignedOutLayout<'_>, page: &CodeEntryPage<'_>) -> Response {
    let words = layout.words();
    let template = CodeEntryTemplate {
        layout: layout.view(),
        words: &words.access,
        next: page.next,
        problem: page.problem.map(|problem| told(words, problem, words.access.code_wrong)),
    };
    answered(layout.language, page.problem, &template)
}

fn told(words: &ConsoleWords, problem: SignInProblem, wrong: &str) -> String {
    match problem {
        SignInProblem::Wrong => wrong.to_owned(),
        SignInProblem::Limit { wait } => (words.access.limit)(&(words.frame.wait)(wait)),
        SignInProblem::Busy => words.access.busy.to_owned(),
        SignInProblem::TooLate => words.access.too_late.to_owned(),
    }
}

fn answered(language: ConsoleLanguage, problem: Option<SignInProblem>, page: &impl Template) -> Response {
    let (status, wait) = match problem {
        None => (StatusCode::OK, None),
        Some(SignInProblem::Wrong | SignInProblem::TooLate) => (StatusCode::UNPROCESSABLE_ENTITY, None),
        Some(SignInProblem::Limit { wait }) => (StatusCode::TOO_MANY_REQUESTS, Some(wait)),
        Some(SignInProblem::Busy) => (StatusCode::TOO_MANY_REQUESTS, Some(Duration::from_secs(1))),
    };
    let response = answer(status, language, page);
    match wait {
        Some(wait) => retry_after(response, wait),
        None => response,
    }
}
