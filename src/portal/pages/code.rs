//! The page that asks for the code of a text message.

use std::time::Duration;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::LayoutView;
use super::{PageLayout, answer};

/// The longest time that the button for another code stays away, in steps of ten seconds: the classes of the stylesheet.
const AGAIN_AFTER_MAX: u64 = 60;

pub struct CodePage<'a> {
    /// The path that the forms post to: fields `csrf` and `code`, or `csrf` and `action=send_code`.
    pub path: &'a str,
    /// The path of the invoice page; none where even that needs verification.
    pub back: Option<&'a str>,
    /// The last two digits of the number on record; none where nothing of the customer may be told.
    pub last_digits: Option<&'a str>,
    pub stage: CodeStage,
    pub problem: Option<CodeProblem>,
}

/// How far a verification by code has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeStage {
    /// No code is on its way: the page offers to send one.
    ToSend,
    /// A code has been sent: the page asks for it.
    Sent {
        /// How long until another may be asked for.
        again_after: Duration,
    },
}

/// Why a verification by code has not come further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeProblem {
    /// What was entered is not a code of six digits.
    Missing,
    /// It is not the code, or not any more.
    Wrong,
    /// The provider did not take the message.
    NotSent,
    /// So many codes have been sent that the next has to wait.
    Limit { wait: Duration },
}

#[derive(Template)]
#[template(path = "portal/code.html")]
struct CodeTemplate<'a> {
    layout: LayoutView<'a>,
    action: String,
    back: Option<String>,
    last_digits: Option<&'a str>,
    number_ends_in: String,
    is_sent: bool,
    again_after: u64,
    field_error: Option<&'static str>,
    send_error: Option<String>,
}

#[must_use]
pub fn code(layout: &PageLayout<'_>, page: &CodePage<'_>) -> Response {
    let words = layout.language.words();
    let field_error = match page.problem {
        Some(CodeProblem::Missing) => Some(words.code_missing),
        Some(CodeProblem::Wrong) => Some(words.code_wrong),
        _ => None,
    };
    let send_error = match page.problem {
        Some(CodeProblem::NotSent) => Some(words.code_not_sent.to_owned()),
        Some(CodeProblem::Limit { wait }) => Some((words.code_limit)(&(words.wait)(wait))),
        _ => None,
    };
    let (is_sent, again_after) = match page.stage {
        CodeStage::ToSend => (false, 0),
        CodeStage::Sent { again_after } => (true, again_after.as_millis().div_ceil(10_000)),
    };
    let template = CodeTemplate {
        layout: layout.view(),
        action: layout.language.link(page.path),
        back: page.back.map(|path| layout.language.link(path)),
        last_digits: page.last_digits,
        number_ends_in: page.last_digits.map(words.number_ends_in).unwrap_or_default(),
        is_sent,
        again_after: u64::try_from(again_after).unwrap_or(u64::MAX).saturating_mul(10).min(AGAIN_AFTER_MAX),
        field_error,
        send_error,
    };
    let status = match page.problem {
        None => StatusCode::OK,
        Some(CodeProblem::Missing | CodeProblem::Wrong) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(CodeProblem::NotSent) => StatusCode::SERVICE_UNAVAILABLE,
        Some(CodeProblem::Limit { .. }) => StatusCode::TOO_MANY_REQUESTS,
    };
    answer(status, &template.layout, &template)
}
