//! The start page: what waits for a person.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::answer::answer;
use super::format::{TimeTag, encoded, invoice_path, next_path};
use super::icon::Icon;
use super::layout::{ConsoleLayout, FrameView, TenantName};
use crate::clock::Timestamp;
use crate::console::language::ConsoleLanguage;
use crate::console::terms::NavItem;
use crate::console::words::{ConsoleWords, WorkWords};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::work::WorkKind;
use crate::policy::permission::Permission;

pub struct WorkListPage<'a> {
    pub filter: WorkFilter<'a>,
    /// How many are open of each kind, in the tenant that is chosen.
    pub counts: &'a [(WorkKind, u64)],
    /// The tenants to choose from; with one there is nothing to choose.
    pub tenants: &'a [TenantName],
    /// The oldest first.
    pub rows: &'a [WorkRow],
    /// The value of `after` for the next page.
    pub next: Option<&'a str>,
}

/// What the query asked for: `kind`, `tenant`, `acknowledged=1`.
#[derive(Debug, Clone, Copy, Default)]
pub struct WorkFilter<'a> {
    pub kind: Option<WorkKind>,
    pub tenant: Option<&'a str>,
    /// Those that somebody has acknowledged, instead of those that wait.
    pub acknowledged: bool,
}

pub struct WorkRow {
    /// A delivery's id.
    pub id: String,
    pub kind: WorkKind,
    pub tenant: TenantName,
    pub number: String,
    pub invoice_kind: InvoiceKind,
    /// As lists show it.
    pub customer: String,
    /// The relay's code, or what is missing; addresses masked.
    pub detail: Option<String>,
    pub since: Timestamp,
    pub acknowledged: Option<Acknowledgement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    pub by: String,
    pub at: Timestamp,
}

#[derive(Template)]
#[template(path = "console/work_list.html")]
struct WorkListTemplate<'a> {
    layout: FrameView<'a>,
    words: &'static WorkWords,
    tabs: Vec<WorkTab>,
    /// Waiting and acknowledged.
    views: [WorkTab; 2],
    filter: WorkFilter<'a>,
    kind: &'static str,
    tenants: Vec<TenantChoice<'a>>,
    rows: Vec<WorkRowView<'a>>,
    news: String,
    next: Option<String>,
    has_acknowledging: bool,
}

#[derive(Template)]
#[template(path = "console/work_list_news.html")]
struct WorkNewsTemplate<'a> {
    text: String,
    path: &'a str,
}

struct WorkTab {
    name: &'static str,
    path: String,
    count: Option<u64>,
    is_current: bool,
}

/// One tenant of a choice.
pub(super) struct TenantChoice<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) is_chosen: bool,
}

struct WorkRowView<'a> {
    id: &'a str,
    kind: &'static str,
    class: &'static str,
    icon: Icon,
    todo: &'static str,
    path: String,
    number: &'a str,
    invoice_kind: String,
    tenant: &'a str,
    customer: &'a str,
    detail: Option<&'a str>,
    age: String,
    since: TimeTag,
    acknowledged: Option<AcknowledgedView>,
    can_acknowledge: bool,
}

struct AcknowledgedView {
    by: String,
    at: TimeTag,
}

#[must_use]
pub fn work_list(layout: &ConsoleLayout<'_>, page: &WorkListPage<'_>) -> Response {
    let words = layout.words();
    let may_acknowledge = layout.principal.may(Permission::Acknowledge);
    let filter = page.filter;
    let rows: Vec<_> = page.rows.iter().map(|row| work_row(layout, row, may_acknowledge)).collect();
    let tenants = page.tenants.iter().map(|tenant| TenantChoice {
        id: &tenant.id,
        name: &tenant.name,
        is_chosen: filter.tenant == Some(&tenant.id),
    });
    let template = WorkListTemplate {
        layout: layout.view(NavItem::Work),
        words: &words.work,
        tabs: tabs(words, page),
        views: [false, true].map(|acknowledged| WorkTab {
            name: if acknowledged { words.work.acknowledged } else { words.work.waiting },
            path: list_path(WorkFilter { acknowledged, ..filter }),
            count: None,
            is_current: filter.acknowledged == acknowledged,
        }),
        filter,
        kind: filter.kind.map_or("", Into::into),
        tenants: tenants.collect(),
        has_acknowledging: rows.iter().any(|row| row.can_acknowledge),
        rows,
        news: news_path(filter, layout.now),
        next: page.next.map(|after| next_path(layout.path, after)),
    };
    answer(StatusCode::OK, layout.language, &template)
}

/// What a waiting page is told of entries that came since: nothing (204), or how many. `path` is the list itself.
#[must_use]
pub fn work_list_news(language: ConsoleLanguage, count: u64, path: &str) -> Response {
    if count == 0 {
        return StatusCode::NO_CONTENT.into_response();
    }
    let template = WorkNewsTemplate { text: (language.words().work.new_entries)(count), path };
    answer(StatusCode::OK, language, &template)
}

fn tabs(words: &ConsoleWords, page: &WorkListPage<'_>) -> Vec<WorkTab> {
    let filter = page.filter;
    let all = page.counts.iter().map(|(_, count)| count).sum();
    let tab = |kind: Option<WorkKind>, count: u64| WorkTab {
        name: kind.map_or(words.work.all, |kind| (words.work.kind)(kind)),
        path: list_path(WorkFilter { kind, ..filter }),
        count: (!filter.acknowledged).then_some(count),
        is_current: filter.kind == kind,
    };
    let kinds = page.counts.iter().map(|(kind, count)| tab(Some(*kind), *count));
    std::iter::once(tab(None, all)).chain(kinds).collect()
}

/// The list of a filter.
fn list_path(filter: WorkFilter<'_>) -> String {
    let pairs = [
        filter.kind.map(|kind| format!("kind={kind}")),
        filter.tenant.map(|tenant| format!("tenant={}", encoded(tenant))),
        filter.acknowledged.then(|| "acknowledged=1".to_owned()),
    ];
    let query: Vec<String> = pairs.into_iter().flatten().collect();
    if query.is_empty() { "/".to_owned() } else { format!("/?{}", query.join("&")) }
}

/// Where a page asks what has come since: the filter's own parameters, and `since`.
fn news_path(filter: WorkFilter<'_>, now: Timestamp) -> String {
    let list = list_path(filter);
    let query = list.split_once('?').map(|(_, query)| format!("{query}&")).unwrap_or_default();
    format!("/work-list/news?{query}since={}", encoded(&now.to_string()))
}

fn work_row<'a>(layout: &ConsoleLayout<'_>, row: &'a WorkRow, may_acknowledge: bool) -> WorkRowView<'a> {
    let words = layout.words();
    let by_acknowledging = matches!(row.kind, WorkKind::Rejected | WorkKind::Expired | WorkKind::Duplicate);
    WorkRowView {
        id: &row.id,
        kind: (words.work.kind)(row.kind),
        class: if row.acknowledged.is_some() { "pill" } else { "pill bad" },
        icon: match row.kind {
            WorkKind::Rejected => Icon::Ban,
            WorkKind::Expired => Icon::Clock,
            WorkKind::Duplicate => Icon::Copy,
            WorkKind::Uncertain => Icon::CircleAlert,
            WorkKind::NoVerificationMethod => Icon::Lock,
        },
        todo: (words.work.kind_todo)(row.kind),
        path: invoice_path(&row.tenant.id, &row.number),
        number: &row.number,
        invoice_kind: (words.invoice.kind)(row.invoice_kind, None),
        tenant: &row.tenant.name,
        customer: &row.customer,
        detail: row.detail.as_deref(),
        age: (words.frame.age)(layout.now.since(row.since)),
        since: TimeTag(row.since),
        acknowledged: row.acknowledged.as_ref().map(|acknowledged| AcknowledgedView {
            by: (words.work.acknowledged_by)(&acknowledged.by),
            at: TimeTag(acknowledged.at),
        }),
        can_acknowledge: may_acknowledge && by_acknowledging && row.acknowledged.is_none(),
    }
}
