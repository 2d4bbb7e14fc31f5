//! The tenants, and one of them.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::answer;
use super::customer::{CustomerInvoiceRow, InvoiceListRow, invoice_list};
use super::format::{TimeTag, encoded, grouped, next_path, tenant_path};
use super::icon::Icon;
use super::invoice::{FactRow, verb};
use super::layout::{ConsoleLayout, FrameView};
use super::portal_settings::level_name;
use crate::clock::Timestamp;
use crate::console::language::ConsoleLanguage;
use crate::console::terms::NavItem;
use crate::console::words::CustomerWords;
use crate::model::settings::Settings;
use crate::model::work::WorkKind;
use crate::policy::permission::Permission;

pub struct TenantsPage<'a> {
    pub rows: &'a [TenantListRow],
    pub next: Option<&'a str>,
}

pub struct TenantListRow {
    pub id: String,
    pub name: String,
    /// The address that its mails come from.
    pub sender: String,
    pub paused: Option<PausedTenant>,
    pub last_sent_at: Option<Timestamp>,
    /// Deliveries that are to be sent.
    pub due: u64,
    /// Entries of its work list.
    pub open_work: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PausedTenant {
    pub since: Timestamp,
    pub by: String,
    pub reason: String,
}

pub struct TenantPage<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub sender_name: &'a str,
    pub sender_address: &'a str,
    pub reply_to: Option<&'a str>,
    pub bounce_address: Option<&'a str>,
    pub locale: &'a str,
    pub time_zone: Option<&'a str>,
    pub relay: &'a str,
    pub paused: Option<PausedTenant>,
    /// The sender is held: the relay refuses it.
    pub sender_held: Option<&'a str>,
    pub settings: Settings,
    pub settings_version: i64,
    pub counts: &'a [(WorkKind, u64)],
    pub due: u64,
    /// The newest first.
    pub recent: &'a [CustomerInvoiceRow],
}

#[derive(Template)]
#[template(path = "console/tenants.html")]
struct TenantsTemplate<'a> {
    layout: FrameView<'a>,
    words: &'static CustomerWords,
    rows: Vec<TenantListRowView<'a>>,
    next: Option<String>,
}

struct TenantListRowView<'a> {
    path: String,
    row: &'a TenantListRow,
    last_sent: Option<TimeTag>,
    due: String,
}

#[derive(Template)]
#[template(path = "console/tenant.html")]
struct TenantTemplate<'a> {
    layout: FrameView<'a>,
    words: &'static CustomerWords,
    page: &'a TenantPage<'a>,
    path: String,
    facts: Vec<FactRow>,
    settings: Vec<String>,
    settings_path: String,
    version: String,
    paused: Option<PausedView<'a>>,
    can_pause: bool,
    pause_verb: &'static str,
    counts: Vec<(&'static str, u64, String)>,
    recent: Vec<InvoiceListRow>,
}

struct PausedView<'a> {
    by: String,
    since: TimeTag,
    reason: &'a str,
}

#[must_use]
pub fn tenants(layout: &ConsoleLayout<'_>, page: &TenantsPage<'_>) -> Response {
    let template = TenantsTemplate {
        layout: layout.view(NavItem::Tenants),
        words: &layout.words().customers,
        rows: page
            .rows
            .iter()
            .map(|row| TenantListRowView {
                path: tenant_path(&row.id),
                row,
                last_sent: row.last_sent_at.map(TimeTag),
                due: grouped(layout.language, row.due),
            })
            .collect(),
        next: page.next.map(|after| next_path(layout.path, after)),
    };
    answer(StatusCode::OK, layout.language, &template)
}

#[must_use]
pub fn tenant(layout: &ConsoleLayout<'_>, page: &TenantPage<'_>) -> Response {
    let words = layout.words();
    let chosen = page.settings.portal_authentication;
    let methods = [chosen.primary, chosen.secondary].into_iter().flatten().map(words.settings.method);
    let count = |(kind, count): &(WorkKind, u64)| {
        ((words.work.kind)(*kind), *count, format!("/?kind={kind}&tenant={}", encoded(page.id)))
    };
    let template = TenantTemplate {
        layout: layout.view(NavItem::Tenants),
        words: &words.customers,
        page,
        path: tenant_path(page.id),
        facts: tenant_facts(layout.language, page),
        settings: [
            level_name(&words.settings, chosen.level),
            (words.settings.attachment)(page.settings.sensitive_attachments).to_owned(),
        ]
        .into_iter()
        .chain(methods.map(str::to_owned))
        .collect(),
        settings_path: format!("/settings/portal?tenant={}", encoded(page.id)),
        version: (words.invoice.version)(page.settings_version),
        paused: page.paused.as_ref().map(|paused| PausedView {
            by: (words.customers.paused_by)(&paused.by),
            since: TimeTag(paused.since),
            reason: &paused.reason,
        }),
        pause_verb: verb(words.customers.pause),
        can_pause: layout.principal.may(Permission::PauseTenant),
        counts: page.counts.iter().filter(|(_, count)| *count > 0).map(count).collect(),
        recent: invoice_list(words, page.id, page.recent),
    };
    answer(StatusCode::OK, layout.language, &template)
}

fn tenant_facts(language: ConsoleLanguage, page: &TenantPage<'_>) -> Vec<FactRow> {
    let own = &language.words().customers;
    let row =
        |label, value: Option<&str>| value.map(|value| FactRow { label, value: value.to_owned(), is_code: false });
    let sender = format!("{} <{}>", page.sender_name, page.sender_address);
    let due = grouped(language, page.due);
    [
        row(own.sender, Some(&sender)),
        row(own.reply_to, page.reply_to),
        row(own.bounces, page.bounce_address),
        row(own.relay, Some(page.relay)),
        row(own.locale, Some(page.locale)),
        row(own.time_zone, page.time_zone),
        row(own.to_send, Some(&due)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
