//! Signing in: address and password, then the code of the authenticator app.

use std::time::Duration;

use axum::response::Response;

use super::SignedOutLayout;

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

pub struct CodeEntryPage {
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
