//! One's own account: sessions, password, authenticator app, recovery codes.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::answer;
use super::format::TimeTag;
use super::icon::Icon;
use super::layout::{ConsoleLayout, FrameView};
use crate::clock::Timestamp;
use crate::console::terms::{EnrolmentProblem, NavItem};
use crate::console::words::{AccessWords, ConsoleWords};

pub struct AccountPage<'a> {
    pub email: &'a str,
    pub name: &'a str,
    /// The tenants that one is limited to; none for all.
    pub tenants: Option<&'a [String]>,
    pub has_totp: bool,
    pub recovery_codes_left: u32,
    /// The newest first.
    pub sessions: &'a [SessionRow],
    pub problem: Option<AccountProblem>,
}

pub struct SessionRow {
    pub id: String,
    pub started_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// As far as it is still kept.
    pub network: Option<String>,
    /// The browser's name for itself.
    pub browser: Option<String>,
    pub is_current: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountProblem {
    /// The current password, or the code, is not right.
    Wrong,
    NewPassword(EnrolmentProblem),
}

#[derive(Template)]
#[template(path = "console/account.html")]
struct AccountTemplate<'a> {
    layout: FrameView<'a>,
    words: &'static AccessWords,
    email: &'a str,
    name: &'a str,
    role_means: &'static str,
    tenants: String,
    has_totp: bool,
    codes_left: String,
    sessions: Vec<SessionView<'a>>,
    has_others: bool,
    problem: Option<String>,
}

struct SessionView<'a> {
    id: &'a str,
    started: TimeTag,
    last_seen: TimeTag,
    network: &'a str,
    browser: &'a str,
    is_current: bool,
}

#[must_use]
pub fn account(layout: &ConsoleLayout<'_>, page: &AccountPage<'_>) -> Response {
    let words = layout.words();
    let template = AccountTemplate {
        layout: layout.view(NavItem::Account),
        words: &words.access,
        email: page.email,
        name: page.name,
        role_means: (words.frame.role_means)(layout.principal.role),
        tenants: page.tenants.map_or_else(|| words.frame.all_tenants.to_owned(), |tenants| tenants.join(", ")),
        has_totp: page.has_totp,
        codes_left: (words.access.recovery_left)(page.recovery_codes_left),
        sessions: page.sessions.iter().map(|row| session(words, row)).collect(),
        has_others: page.sessions.iter().any(|row| !row.is_current),
        problem: page.problem.map(|problem| match problem {
            AccountProblem::Wrong => words.access.current_wrong.to_owned(),
            AccountProblem::NewPassword(problem) => (words.access.enrolment_problem)(problem),
        }),
    };
    let status = if page.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    answer(status, layout.language, &template)
}

fn session<'a>(words: &'static ConsoleWords, row: &'a SessionRow) -> SessionView<'a> {
    SessionView {
        id: &row.id,
        started: TimeTag(row.started_at),
        last_seen: TimeTag(row.last_seen_at),
        network: row.network.as_deref().unwrap_or(words.frame.nothing),
        browser: row.browser.as_deref().unwrap_or(words.frame.nothing),
        is_current: row.is_current,
    }
}
