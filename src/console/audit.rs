//! `/audit`: who did what, why, from where, when.

use axum::extract::{Query, State};
use jiff::civil::Date;
use serde::Deserialize;

use super::Console;
use super::answers::{HandlerAnswer, OrFailed};
use super::pages::{self, AuditChange, AuditFilter, AuditPage, AuditRow};
use super::signed::Signed;
use crate::clock::Timestamp;
use crate::model::ids::TenantId;
use crate::operator::audit_export::{AUDIT_COLUMNS, export_audit};
use crate::operator::audit_view::view_audit;
use crate::policy::permission::Permission;
use crate::store::{AuditRecord, AuditSearch, ChangedMember, Cursor, PageRequest};
use crate::web::csv_answer;

/// Entries of one page.
const SHOWN: u32 = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AuditPageQuery {
    /// A name, or the id of an operator or token.
    who: String,
    action: String,
    tenant: String,
    about: String,
    /// Days, the last one included.
    since: String,
    until: String,
    after: String,
}

pub(super) async fn show(
    State(console): State<Console>,
    signed: Signed,
    Query(query): Query<AuditPageQuery>,
) -> HandlerAnswer {
    signed.require(Permission::ViewAudit)?;
    let after: Option<Cursor> = signed.cursor(&query.after)?;
    let (mut rows, mut next) = (Vec::new(), None);
    // Nothing was done on a day that there is not.
    if let Some(filter) = query.search() {
        let request = PageRequest { limit: SHOWN, after };
        let page = view_audit(&console.store, &signed.actor(), &filter, request).await.or_failed(&signed)?;
        next = page.next.map(|next| next.to_string());
        rows = page.items.into_iter().map(row).collect();
    }
    let filter = AuditFilter {
        who: &query.who,
        action: &query.action,
        tenant: &query.tenant,
        about: &query.about,
        since: &query.since,
        until: &query.until,
    };
    let page = AuditPage { filter, rows: &rows, next: next.as_deref() };
    Ok(pages::audit(&signed.layout(), &page))
}

/// The same entries as a file, all of them; that they were exported is an entry itself.
pub(super) async fn export(
    State(console): State<Console>,
    signed: Signed,
    Query(query): Query<AuditPageQuery>,
) -> HandlerAnswer {
    signed.require(Permission::ExportAudit)?;
    let Some(filter) = query.search() else { return Err(signed.not_found()) };
    let entries = export_audit(&console.store, &signed.actor(), filter).await.or_failed(&signed)?;
    Ok(csv_answer("audit.csv", AUDIT_COLUMNS, entries))
}

impl AuditPageQuery {
    /// None if it asks for a day or an action that there is not.
    fn search(&self) -> Option<AuditSearch> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let until = day(&self.until).ok()?.map(Date::tomorrow).transpose().ok()?;
        let action = text(&self.action).map(|action| action.parse().ok());
        Some(AuditSearch {
            since: day(&self.since).ok()?.map(midnight).transpose().ok()?,
            until: until.map(midnight).transpose().ok()?,
            who: text(&self.who),
            action: match action {
                Some(known) => Some(known?),
                None => None,
            },
            tenant: text(&self.tenant).map(|tenant| TenantId::from(tenant.as_str())),
            subject: text(&self.about),
        })
    }
}

/// A day as the browser's field writes it, or no day.
fn day(written: &str) -> Result<Option<Date>, jiff::Error> {
    if written.is_empty() { Ok(None) } else { written.parse().map(Some) }
}

/// When a day begins, in UTC. The last days of the calendar, at either end, have no moments.
fn midnight(day: Date) -> Result<Timestamp, jiff::Error> {
    Timestamp::parse(&format!("{day}T00:00:00Z"))
}

fn row(record: AuditRecord) -> AuditRow {
    let changes = record.changes().into_iter().map(|ChangedMember { what, was, is }| AuditChange { what, was, is });
    AuditRow {
        id: record.sequence,
        at: record.at,
        changes: changes.collect(),
        how: record.who_kind,
        who: record.who.or_else(|| record.who_id.map(|id| id.to_string())).unwrap_or_default(),
        action: record.action,
        about: record.subject.or_else(|| record.customer.map(|customer| customer.to_string())),
        tenant: record.tenant.map(|tenant| tenant.to_string()),
        reason: record.reason,
        network: record.network,
        is_erased: record.is_erased,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::audit::AuditAction;

    #[test]
    fn the_last_day_is_included() {
        let query = |since: &str, until: &str| AuditPageQuery {
            since: since.to_owned(),
            until: until.to_owned(),
            ..AuditPageQuery::default()
        };
        let search = query("2026-11-01", "2026-11-30").search().expect("two days");
        assert_eq!(search.since, Some(Timestamp::parse("2026-11-01T00:00:00Z").unwrap()));
        assert_eq!(search.until, Some(Timestamp::parse("2026-12-01T00:00:00Z").unwrap()));
        assert_eq!(query("", "").search(), Some(AuditSearch::default()));
        for odd in ["2026-02-30", "yesterday", "2026-11-01'; --", "9999-12-31", "-009999-01-01"] {
            assert_eq!(query(odd, "").search(), None, "{odd}");
            assert_eq!(query("", odd).search(), None, "{odd}");
        }
    }

    #[test]
    fn only_an_action_that_there_is_is_asked_for() {
        let query = |action: &str| AuditPageQuery { action: action.to_owned(), ..AuditPageQuery::default() };
        let search = query("invoice_resent").search().expect("an action");
        assert_eq!(search.action, Some(AuditAction::InvoiceResent));
        assert_eq!(query("made_tea").search(), None);
    }
}
