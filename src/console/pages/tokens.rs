//! The tokens that programs use.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::answer;
use super::format::TimeTag;
use super::icon::Icon;
use super::layout::{ConsoleLayout, FrameView};
use super::operators::{RoleChoice, role_choices};
use crate::clock::Timestamp;
use crate::console::terms::{NavItem, TokenProblem};
use crate::console::words::AccessWords;
use crate::model::access::Role;

pub struct TokensPage<'a> {
    pub rows: &'a [TokenRow],
    /// Made just before: shown once.
    pub new: Option<NewToken<'a>>,
    pub problem: Option<TokenProblem>,
}

pub struct TokenRow {
    pub id: String,
    pub name: String,
    /// Its first characters, as logs show it.
    pub prefix: String,
    pub role: Role,
    /// None for all.
    pub tenants: Option<Vec<String>>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

pub struct NewToken<'a> {
    pub name: &'a str,
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "console/tokens.html")]
struct TokensTemplate<'a> {
    layout: FrameView<'a>,
    words: &'static AccessWords,
    rows: Vec<TokenView<'a>>,
    new: Option<NewTokenView<'a>>,
    roles: Vec<RoleChoice>,
    problem: Option<&'static str>,
}

struct NewTokenView<'a> {
    title: String,
    token: &'a str,
}

struct TokenView<'a> {
    id: &'a str,
    name: &'a str,
    prefix: &'a str,
    role: &'static str,
    scope: String,
    created: TimeTag,
    created_by: &'a str,
    expires: Option<TimeTag>,
    last_used: Option<TimeTag>,
    /// Why it does not work any more.
    ended: Option<&'static str>,
}

#[must_use]
pub fn tokens(layout: &ConsoleLayout<'_>, page: &TokensPage<'_>) -> Response {
    let words = layout.words();
    let ended = |row: &TokenRow| match (row.revoked_at, row.expires_at) {
        (Some(_), _) => Some(words.access.revoked),
        (None, Some(at)) if at <= layout.now => Some(words.access.expired),
        _ => None,
    };
    let template = TokensTemplate {
        layout: layout.view(NavItem::Tokens),
        words: &words.access,
        rows: page
            .rows
            .iter()
            .map(|row| TokenView {
                id: &row.id,
                name: &row.name,
                prefix: &row.prefix,
                role: (words.frame.role)(row.role),
                scope: match &row.tenants {
                    Some(tenants) => tenants.join(", "),
                    None => words.frame.all_tenants.to_owned(),
                },
                created: TimeTag(row.created_at),
                created_by: &row.created_by,
                expires: row.expires_at.map(TimeTag),
                last_used: row.last_used_at.map(TimeTag),
                ended: ended(row),
            })
            .collect(),
        new: page.new.as_ref().map(|new| NewTokenView { title: (words.access.token_made)(new.name), token: new.token }),
        roles: role_choices(words, None, |_| true),
        problem: page.problem.map(words.access.token_problem),
    };
    let status = if page.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    answer(status, layout.language, &template)
}
