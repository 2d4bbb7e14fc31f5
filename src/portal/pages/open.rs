//! The page that a link opens: whose it is and one button; nothing of invoice or customer.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::LayoutView;
use super::{PageLayout, answer};

pub struct OpenPage<'a> {
    /// The path of the link, with its token: the button posts to it.
    pub path: &'a str,
}

#[derive(Template)]
#[template(path = "portal/open.html")]
struct OpenTemplate<'a> {
    layout: LayoutView<'a>,
    action: String,
}

#[must_use]
pub fn open(layout: &PageLayout<'_>, page: &OpenPage<'_>) -> Response {
    let template = OpenTemplate { layout: layout.view(), action: layout.language.link(page.path) };
    answer(StatusCode::OK, &template.layout, &template)
}
