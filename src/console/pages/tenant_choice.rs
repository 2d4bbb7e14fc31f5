//! Whose settings: for somebody who may see those of several tenants.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::answer;
use super::format::{encoded, next_path};
use super::icon::Icon;
use super::layout::{ConsoleLayout, FrameView, TenantName};
use crate::console::terms::NavItem;
use crate::console::words::{CustomerWords, SettingsWords};

pub struct TenantChoicePage<'a> {
    pub tenants: &'a [TenantName],
    pub next: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "console/tenant_choice.html")]
struct TenantChoiceTemplate<'a> {
    layout: FrameView<'a>,
    words: &'static SettingsWords,
    tenant_words: &'static CustomerWords,
    rows: Vec<(String, &'a TenantName)>,
    next: Option<String>,
}

#[must_use]
pub fn tenant_choice(layout: &ConsoleLayout<'_>, page: &TenantChoicePage<'_>) -> Response {
    let words = layout.words();
    let row = |tenant: &TenantName| format!("/settings/portal?tenant={}", encoded(&tenant.id));
    let template = TenantChoiceTemplate {
        layout: layout.view(NavItem::Settings),
        words: &words.settings,
        tenant_words: &words.customers,
        rows: page.tenants.iter().map(|tenant| (row(tenant), tenant)).collect(),
        next: page.next.map(|after| next_path(layout.path, after)),
    };
    answer(StatusCode::OK, layout.language, &template)
}
