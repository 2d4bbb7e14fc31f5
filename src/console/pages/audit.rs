//! The audit log: who did what, why, from where, when.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use strum::VariantArray as _;

use super::answer::answer;
use super::format::{TimeTag, next_path};
use super::icon::Icon;
use super::layout::{ConsoleLayout, FrameView};
use crate::clock::Timestamp;
use crate::console::terms::NavItem;
use crate::console::words::AuditWords;
use crate::model::audit::AuditAction;
use crate::policy::permission::Permission;

pub struct AuditPage<'a> {
    pub filter: AuditFilter<'a>,
    /// The newest first.
    pub rows: &'a [AuditRow],
    pub next: Option<&'a str>,
}

/// What the query asked for: `who`, `action`, `tenant`, `about`, `since`, `until`.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditFilter<'a> {
    pub who: &'a str,
    /// By its stable name.
    pub action: &'a str,
    pub tenant: &'a str,
    /// A number, customer or operator.
    pub about: &'a str,
    /// Days, `2026-11-23`.
    pub since: &'a str,
    pub until: &'a str,
}

pub struct AuditRow {
    /// Its place in the chain.
    pub id: i64,
    pub at: Timestamp,
    pub who: String,
    /// `operator`, `token`, `command_line`, …
    pub how: String,
    pub action: AuditAction,
    /// What it was done to.
    pub about: Option<String>,
    pub tenant: Option<String>,
    pub reason: Option<String>,
    /// As far as it is still kept.
    pub network: Option<String>,
    /// Old → new, as far as they are still kept.
    pub changes: Vec<AuditChange>,
    /// Its details have been erased.
    pub is_erased: bool,
}

pub struct AuditChange {
    /// By its stable name.
    pub what: String,
    pub was: Option<String>,
    pub is: Option<String>,
}

#[derive(Template)]
#[template(path = "console/audit.html")]
struct AuditTemplate<'a> {
    layout: FrameView<'a>,
    words: &'static AuditWords,
    filter: AuditFilter<'a>,
    actions: Vec<AuditChoice>,
    rows: Vec<AuditRowView<'a>>,
    next: Option<String>,
    export: Option<String>,
}

struct AuditChoice {
    value: &'static str,
    name: &'static str,
    is_chosen: bool,
}

struct AuditRowView<'a> {
    row: &'a AuditRow,
    at: TimeTag,
    action: &'static str,
    is_refused: bool,
    how: &'static str,
    /// Where it is not what it is about.
    tenant: Option<&'a str>,
    changes: Vec<AuditChangeView<'a>>,
}

struct AuditChangeView<'a> {
    /// In the language of the page, or its stable name.
    what: &'a str,
    was: Option<&'a str>,
    is: Option<&'a str>,
}

#[must_use]
pub fn audit(layout: &ConsoleLayout<'_>, page: &AuditPage<'_>) -> Response {
    let words = &layout.words().audit;
    let query = layout.path.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
    let template = AuditTemplate {
        layout: layout.view(NavItem::Audit),
        words,
        filter: page.filter,
        actions: AuditAction::VARIANTS
            .iter()
            .map(|action| AuditChoice {
                value: action.into_str(),
                name: (words.action_name)(*action),
                is_chosen: action.into_str() == page.filter.action,
            })
            .collect(),
        rows: page
            .rows
            .iter()
            .map(|row| AuditRowView {
                row,
                at: TimeTag(row.at),
                action: (words.action_name)(row.action),
                is_refused: row.action.is_refusal(),
                how: (words.how)(&row.how),
                tenant: row.tenant.as_deref().filter(|tenant| row.about.as_deref() != Some(*tenant)),
                changes: row.changes.iter().map(|change| change_view(words, change)).collect(),
            })
            .collect(),
        next: page.next.map(|after| next_path(layout.path, after)),
        export: layout.principal.may(Permission::ExportAudit).then(|| format!("/audit.csv{query}")),
    };
    answer(StatusCode::OK, layout.language, &template)
}

fn change_view<'a>(words: &AuditWords, change: &'a AuditChange) -> AuditChangeView<'a> {
    AuditChangeView {
        what: (words.member_name)(&change.what).unwrap_or(change.what.as_str()),
        was: change.was.as_deref(),
        is: change.is.as_deref(),
    }
}
