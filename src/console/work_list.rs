//! `/`: what waits for a person.

use axum::extract::{Query, State};
use serde::Deserialize;

use super::Console;
use super::answers::{HandlerAnswer, OrFailed};
use super::facts::{Reader, tenant_name};
use super::pages::{self, Acknowledgement, ConsoleLayout, WorkFilter, WorkListPage, WorkRow};
use super::signed::Signed;
use crate::clock::Timestamp;
use crate::model::ids::TenantId;
use crate::model::work::WorkKind;
use crate::operator::invoice::answered;
use crate::operator::masking::masked_name;
use crate::policy::permission::Permission;
use crate::store::{Cursor, PageRequest, WorkItem, WorkListFilter};

/// Entries of one page.
const ROWS: u32 = 50;
/// Tenants to choose from.
const TENANTS_MAX: u32 = 200;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WorkQuery {
    kind: String,
    tenant: String,
    acknowledged: String,
    after: String,
    since: String,
}

impl WorkQuery {
    /// A query that nobody but a person at the address line writes otherwise counts as if it said nothing.
    fn filter(&self) -> WorkListFilter {
        WorkListFilter {
            kind: self.kind.parse().ok(),
            tenant: Some(self.tenant.as_str()).filter(|id| !id.is_empty()).map(TenantId::from),
            acknowledged: self.acknowledged == "1",
        }
    }
}

pub(super) async fn show(
    State(console): State<Console>,
    signed: Signed,
    Query(query): Query<WorkQuery>,
) -> HandlerAnswer {
    signed.require(Permission::ViewInvoices)?;
    let (store, scope) = (&console.store, &signed.principal.scope);
    let filter = query.filter();
    let after: Option<Cursor> = signed.cursor(&query.after)?;
    let page = store.work_list(scope, &filter, PageRequest { limit: ROWS, after }).await.or_failed(&signed)?;
    let counts = store.work_counts(scope, filter.tenant.as_ref()).await.or_failed(&signed)?;
    let tenants = store.tenants(scope, None, TENANTS_MAX).await.or_failed(&signed)?;
    let tenants: Vec<_> = tenants.iter().map(|tenant| tenant_name(&tenant.id, Some(&tenant.profile.name))).collect();
    let names = store.tenant_names(page.items.iter().map(|item| &item.invoice.tenant)).await.or_failed(&signed)?;
    let rows: Vec<WorkRow> = page
        .items
        .iter()
        .map(|item| WorkRow { tenant: tenant_name(&item.invoice.tenant, names.get(&item.invoice.tenant)), ..row(item) })
        .collect();
    let next = page.next.map(|cursor| cursor.to_string());
    let view = WorkListPage {
        filter: WorkFilter {
            kind: filter.kind,
            tenant: filter.tenant.as_ref().map(TenantId::as_str),
            acknowledged: filter.acknowledged,
        },
        counts: &counts,
        tenants: &tenants,
        rows: &rows,
        next: next.as_deref(),
    };
    let open_work = filter.tenant.is_none().then(|| counts.iter().map(|(_, count)| *count).sum());
    let layout = ConsoleLayout { open_work, ..signed.layout() };
    Ok(pages::work_list(&layout, &view))
}

/// A list masks whatever is personal.
fn row(item: &WorkItem) -> WorkRow {
    let reader = Reader::of(false, item.recipients.iter().map(|recipient| recipient.address.as_str()));
    WorkRow {
        id: item.delivery.to_string(),
        // Of an acknowledged one, how it ended.
        kind: item.kind.unwrap_or_else(|| item.state.into_str().parse().unwrap_or(WorkKind::Duplicate)),
        tenant: tenant_name(&item.invoice.tenant, None),
        number: item.invoice.number.clone(),
        invoice_kind: item.invoice.kind,
        customer: format!("{} {}", item.invoice.customer, masked_name(&item.customer_name)),
        detail: answered(item.code.as_deref(), item.reason.as_deref()).map(|answer| reader.reply(&answer)),
        since: item.since,
        acknowledged: item.acknowledged.clone().map(|(by, at)| Acknowledgement { by, at }),
    }
}

/// `/work-list/news`: how many have come since the page was shown.
pub(super) async fn news(
    State(console): State<Console>,
    signed: Signed,
    Query(query): Query<WorkQuery>,
) -> HandlerAnswer {
    signed.require(Permission::ViewInvoices)?;
    let since = Timestamp::parse(&query.since).map_err(|_| signed.not_found())?;
    let (filter, scope) = (query.filter(), &signed.principal.scope);
    let number = console.store.work_since(scope, &filter, since).await.or_failed(&signed)?;
    let mut path = url::form_urlencoded::Serializer::new("/?".to_owned());
    for (name, value) in [("kind", &query.kind), ("tenant", &query.tenant)] {
        if !value.is_empty() {
            path.append_pair(name, value);
        }
    }
    Ok(pages::work_list_news(signed.language, number, &path.finish()))
}
