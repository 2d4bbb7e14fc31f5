//! The page that asks for postcode and house number.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::LayoutView;
use super::{PageLayout, answer};

pub struct PostcodePage<'a> {
    /// The path that the form posts to: fields `csrf`, `postcode`, `house_number`.
    pub path: &'a str,
    /// The path of the invoice page; none where even that needs verification.
    pub back: Option<&'a str>,
    /// The last answer was wrong. Which of the fields is not told, and none is filled in again.
    pub is_wrong: bool,
}

#[derive(Template)]
#[template(path = "portal/postcode.html")]
struct PostcodeTemplate<'a> {
    layout: LayoutView<'a>,
    action: String,
    back: Option<String>,
    is_wrong: bool,
}

#[must_use]
pub fn postcode(layout: &PageLayout<'_>, page: &PostcodePage<'_>) -> Response {
    let template = PostcodeTemplate {
        layout: layout.view(),
        action: layout.language.link(page.path),
        back: page.back.map(|path| layout.language.link(path)),
        is_wrong: page.is_wrong,
    };
    let status = if page.is_wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    answer(status, &template.layout, &template)
}
