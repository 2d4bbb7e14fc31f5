//! One thing that `doctor` looked at, and how it is shown.

use serde::Serialize;

use crate::cli::terminal::format::count;
use crate::cli::terminal::output::Output;
use crate::cli::terminal::report::{TextReport, Tint};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    #[serde(rename = "check")]
    name: String,
    result: Result,
    detail: String,
    /// Set unless all is well.
    what_to_do: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Result {
    Ok,
    Warn,
    Fail,
}

impl Check {
    pub(super) fn ok(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: check.into(), result: Result::Ok, detail: detail.into(), what_to_do: None }
    }

    /// A person should look; invoices are sent all the same, or sending is not set up yet.
    pub(super) fn warn(check: impl Into<String>, detail: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self { result: Result::Warn, what_to_do: Some(what_to_do.into()), ..Self::ok(check, detail) }
    }

    /// Invoices are not sent, or something promised is not kept.
    pub(super) fn fail(check: impl Into<String>, detail: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self { result: Result::Fail, ..Self::warn(check, detail, what_to_do) }
    }

    pub(super) fn is_failed(&self) -> bool {
        self.result == Result::Fail
    }
}

/// The lines, and what they come to.
pub(super) fn show(output: Output, checks: &[Check]) -> anyhow::Result<()> {
    if output.is_json() {
        return checks.iter().try_for_each(|check| Ok(output.one(check, "")?));
    }
    let width = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or_default();
    // Two spaces at the left, four letters of the result, and two spaces on either side of the name.
    let indent = width + 10;
    let mut report = TextReport::new(output);
    for Check { name: check, result, detail, what_to_do } in checks {
        let (word, tint) = match result {
            Result::Ok => ("ok", Tint::Green),
            Result::Warn => ("warn", Tint::Yellow),
            Result::Fail => ("FAIL", Tint::Red),
        };
        report.line(&format!("{word:<4}  {check}"), tint, indent, detail);
        if let Some(what_to_do) = what_to_do {
            report.line("", Tint::Plain, indent, &format!("what to do: {what_to_do}"));
        }
    }
    report.gap();
    let number = |wanted| checks.iter().filter(|check| check.result == wanted).count();
    report.headline(&match (number(Result::Fail), number(Result::Warn)) {
        (0, 0) => "all is well".to_owned(),
        (0, warnings) => format!("nothing failed, {}", count(warnings, "warning")),
        (failed, warnings) => format!("{failed} failed, {}", count(warnings, "warning")),
    });
    Ok(output.say(&report.finish())?)
}
