//! Finding an invoice.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::answer;
use super::format::{Pill, TimeTag, customer_path, encoded, invoice_path, next_path, standing_pill};
use super::icon::Icon;
use super::layout::{ConsoleLayout, FrameView, TenantName};
use crate::clock::Timestamp;
use crate::console::terms::{InvoiceStanding, MatchedBy, NavItem};
use crate::console::words::WorkWords;
use crate::model::invoice_kind::InvoiceKind;
use crate::policy::permission::Permission;

pub struct SearchPage<'a> {
    /// As it was entered.
    pub query: &'a str,
    pub is_first: bool,
    /// One row for each invoice.
    pub hits: &'a [SearchHit],
    /// Customers of this name or id.
    pub customers: &'a [CustomerHit],
    /// There are more of them.
    pub more_customers: bool,
    /// What was entered is the beginning of several ids; none of them was looked up.
    pub several_ids: bool,
    /// The value of `after` for the next page.
    pub next: Option<&'a str>,
}

/// A customer that was found, as lists show it.
pub struct CustomerHit {
    pub tenant: TenantName,
    pub id: String,
    /// Masked, unless it is a company's.
    pub name: String,
    /// Masked.
    pub address: String,
}

pub struct SearchHit {
    pub tenant: TenantName,
    pub number: String,
    pub invoice_kind: Option<InvoiceKind>,
    /// As lists show it: the id, and the name.
    pub customer: String,
    /// The first recipient, masked.
    pub recipient: Option<String>,
    pub standing: InvoiceStanding,
    /// It stands on the work list.
    pub needs_you: bool,
    /// When it was made.
    pub at: Timestamp,
    pub matched: MatchedBy,
}

#[derive(Template)]
#[template(path = "console/search.html")]
struct SearchTemplate<'a> {
    layout: FrameView<'a>,
    words: &'static WorkWords,
    query: &'a str,
    title: String,
    count: String,
    hits: Vec<SearchHitView<'a>>,
    customers: Vec<CustomerHitView<'a>>,
    more_customers: bool,
    several_ids: bool,
    next: Option<String>,
    export: Option<String>,
}

struct SearchHitView<'a> {
    path: String,
    number: &'a str,
    kind: Option<String>,
    tenant: &'a str,
    customer: &'a str,
    recipient: &'a str,
    pill: Pill,
    at: TimeTag,
    matched: &'static str,
}

struct CustomerHitView<'a> {
    path: String,
    hit: &'a CustomerHit,
}

#[must_use]
pub fn search(layout: &ConsoleLayout<'_>, page: &SearchPage<'_>) -> Response {
    let words = layout.words();
    let query = page.query.trim();
    let mut frame = layout.view(NavItem::Search);
    frame.query = page.query;
    let may_export = layout.principal.may(Permission::ExportInvoices);
    let template = SearchTemplate {
        layout: frame,
        words: &words.work,
        query,
        title: if query.is_empty() { words.work.search_title.to_owned() } else { (words.work.results_for)(query) },
        count: if page.is_first {
            (words.work.result_count)(page.hits.len(), page.next.is_some())
        } else {
            (words.work.further_count)(page.hits.len())
        },
        hits: page
            .hits
            .iter()
            .map(|one| SearchHitView {
                path: invoice_path(&one.tenant.id, &one.number),
                number: &one.number,
                kind: one.invoice_kind.map(|kind| (words.invoice.kind)(kind, None)),
                tenant: &one.tenant.name,
                customer: &one.customer,
                recipient: one.recipient.as_deref().unwrap_or(words.frame.nothing),
                pill: standing_pill(words, one.standing, one.needs_you),
                at: TimeTag(one.at),
                matched: (words.work.matched)(one.matched),
            })
            .collect(),
        customers: page
            .customers
            .iter()
            .map(|hit| CustomerHitView { path: customer_path(&hit.tenant.id, &hit.id), hit })
            .collect(),
        more_customers: page.more_customers,
        several_ids: page.several_ids,
        next: page.next.map(|after| next_path(layout.path, after)),
        export: (may_export && !page.hits.is_empty()).then(|| format!("/search.csv?q={}", encoded(page.query))),
    };
    answer(StatusCode::OK, layout.language, &template)
}
