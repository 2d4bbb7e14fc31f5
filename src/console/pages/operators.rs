//! The people who may sign in.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use strum::VariantArray as _;

use super::answer::answer;
use super::format::TimeTag;
use super::icon::Icon;
use super::layout::{ConsoleLayout, FrameView};
use crate::clock::Timestamp;
use crate::console::terms::{NavItem, OperatorProblem};
use crate::console::words::{AccessWords, ConsoleWords};
use crate::model::access::Role;

pub struct OperatorsPage<'a> {
    pub rows: &'a [OperatorRow],
    /// Of whoever was just added or invited again: shown once.
    pub invitation: Option<InvitationLink<'a>>,
    /// What was entered, and why it was refused.
    pub refused: Option<OperatorForm<'a>>,
}

pub struct OperatorForm<'a> {
    pub email: &'a str,
    pub name: &'a str,
    pub role: Option<Role>,
    pub tenants: &'a str,
    pub problem: OperatorProblem,
}

pub struct OperatorRow {
    pub id: String,
    pub email: String,
    pub name: String,
    pub role: Role,
    /// None for all.
    pub tenants: Option<Vec<String>>,
    pub state: OperatorState,
    pub has_totp: bool,
    pub last_sign_in_at: Option<Timestamp>,
    pub is_self: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorState {
    Active,
    Invited {
        until: Timestamp,
    },
    /// Neither a password nor an invitation that still works.
    InvitationExpired,
    Disabled,
}

pub struct InvitationLink<'a> {
    pub email: &'a str,
    /// The whole address.
    pub url: &'a str,
    pub until: Timestamp,
}

#[derive(Template)]
#[template(path = "console/operators.html")]
struct OperatorsTemplate<'a> {
    layout: FrameView<'a>,
    words: &'static AccessWords,
    rows: Vec<OperatorView<'a>>,
    invitation: Option<InvitationLinkView<'a>>,
    form: OperatorFormView<'a>,
}

struct InvitationLinkView<'a> {
    title: String,
    url: &'a str,
    until: TimeTag,
}

struct OperatorFormView<'a> {
    is_open: bool,
    problem: Option<&'static str>,
    email: &'a str,
    name: &'a str,
    tenants: &'a str,
    roles: Vec<RoleChoice>,
}

struct OperatorView<'a> {
    row: &'a OperatorRow,
    role: &'static str,
    roles: Vec<RoleChoice>,
    scope: String,
    /// As the form takes it.
    tenants: String,
    state: &'static str,
    until: Option<TimeTag>,
    is_active: bool,
    is_disabled: bool,
    is_bad: bool,
    last_sign_in: Option<TimeTag>,
}

#[must_use]
pub fn operators(layout: &ConsoleLayout<'_>, page: &OperatorsPage<'_>) -> Response {
    let words = layout.words();
    let refused = page.refused.as_ref();
    let template = OperatorsTemplate {
        layout: layout.view(NavItem::Operators),
        words: &words.access,
        rows: page.rows.iter().map(|row| operator(words, row)).collect(),
        invitation: page.invitation.as_ref().map(|invitation| InvitationLinkView {
            title: (words.access.invitation_made)(invitation.email),
            url: invitation.url,
            until: TimeTag(invitation.until),
        }),
        form: OperatorFormView {
            is_open: refused.is_some() || page.rows.is_empty(),
            problem: refused.map(|form| (words.access.operator_problem)(form.problem)),
            email: refused.map_or("", |form| form.email),
            name: refused.map_or("", |form| form.name),
            tenants: refused.map_or("", |form| form.tenants),
            roles: role_choices(words, refused.and_then(|form| form.role), Role::is_for_people),
        },
    };
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    answer(status, layout.language, &template)
}

fn operator<'a>(words: &'static ConsoleWords, row: &'a OperatorRow) -> OperatorView<'a> {
    let (state, until) = match row.state {
        OperatorState::Active => (words.access.active, None),
        OperatorState::Invited { until } => (words.access.invited, Some(TimeTag(until))),
        OperatorState::InvitationExpired => (words.access.invitation_expired, None),
        OperatorState::Disabled => (words.access.disabled, None),
    };
    let tenants = row.tenants.as_ref().map(|tenants| tenants.join(", "));
    OperatorView {
        row,
        role: (words.frame.role)(row.role),
        roles: role_choices(words, Some(row.role), Role::is_for_people),
        scope: tenants.clone().unwrap_or_else(|| words.frame.all_tenants.to_owned()),
        tenants: tenants.unwrap_or_default(),
        state,
        until,
        is_active: row.state == OperatorState::Active,
        is_disabled: row.state == OperatorState::Disabled,
        is_bad: row.state == OperatorState::InvitationExpired,
        last_sign_in: row.last_sign_in_at.map(TimeTag),
    }
}

/// One role of a form.
pub(super) struct RoleChoice {
    pub(super) value: &'static str,
    pub(super) name: &'static str,
    pub(super) means: &'static str,
    pub(super) is_chosen: bool,
}

pub(super) fn role_choices(words: &ConsoleWords, chosen: Option<Role>, offered: fn(Role) -> bool) -> Vec<RoleChoice> {
    let choice = |role: &Role| RoleChoice {
        value: (*role).into(),
        name: (words.frame.role)(*role),
        means: (words.frame.role_means)(*role),
        is_chosen: chosen == Some(*role),
    };
    Role::VARIANTS.iter().filter(|role| offered(**role)).map(choice).collect()
}
