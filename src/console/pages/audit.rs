//! The audit log: who did what, why, from where, when.

use crate::clock::Timestamp;

pub struct AuditPage<'a> {
    pub filter: AuditFilter<'a>,
    /// The actions to choose from.
    pub actions: &'a [&'static str],
    /// The newest first.
    pub rows: &'a [AuditRow],
    pub next: Option<&'a str>,
}

/// What the query asked for: `who`, `action`, `tenant`, `about`, `since`, `until`.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditFilter<'a> {
    pub who: &'a str,
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
    /// As the audit log spells it.
    pub action: &'static str,
    pub is_refused: bool,
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
    pub what: String,
    pub was: Option<String>,
    pub is: Option<String>,
}
