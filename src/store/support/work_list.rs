//! Deliveries that wait for a person: what was rejected, expired, a duplicate, is uncertain, or cannot be verified.
//!
//! `delivery.work_kind` says why one waits. Each kind is read along an index of its own order, so a page takes no longer
//! where there are millions of deliveries; a scope of several tenants reads each of them so.

use crate::clock::Timestamp;
use crate::event::Recipient;
use crate::model::access::TenantScope;
use crate::model::ids::{DeliveryId, TenantId};
use crate::model::invoice_ref::InvoiceRef;
use crate::model::state::{DeliveryRole, DeliveryState};
use crate::model::work::WorkKind;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::page::{Cursor, Page, PageRequest};
use crate::store::db::statement::{Statement, built_sql};
use crate::store::db::value::{Row, Value};
use crate::store::delivery::invoice_ref::read_invoice;
use strum::VariantArray;

/// Counts go no further: the page says "more than".
pub const WORK_COUNTED_MAX: u32 = 1_000;

/// Which of it is wanted; each part narrows.
#[derive(Debug, Clone, Default)]
pub struct WorkListFilter {
    pub kind: Option<WorkKind>,
    pub tenant: Option<TenantId>,
    /// What somebody has acknowledged, the newest first, instead of what waits, the oldest first.
    pub acknowledged: bool,
}

/// A delivery that a person has to look at, or has looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkItem {
    pub delivery: DeliveryId,
    /// None of an acknowledged one.
    pub kind: Option<WorkKind>,
    /// What the delivery is to its event: a rejected Bcc is listed as well.
    pub role: DeliveryRole,
    pub invoice: InvoiceRef,
    pub customer_name: String,
    pub recipients: Vec<Recipient>,
    pub state: DeliveryState,
    /// Since when it stands so.
    pub since: Timestamp,
    /// What the relay or the check answered, for people.
    pub reason: Option<String>,
    /// The relay's code.
    pub code: Option<String>,
    /// Who acknowledged it, and when.
    pub acknowledged: Option<(String, Timestamp)>,
}

impl WorkListFilter {
    /// The statement for one tenant or for all, and of one kind.
    fn statement(&self, kind: WorkKind, tenant: Option<&TenantId>, page: PageRequest) -> Statement<'static> {
        let (order, direction, after) = if self.acknowledged {
            ("delivery.acknowledged_at", "DESC", "<")
        } else {
            ("delivery.attention_at", "ASC", ">")
        };
        let mut values: Vec<Value<'static>> = Vec::new();
        let mut place = |value: Value<'static>| {
            values.push(value);
            values.len()
        };
        let mut parts = vec![String::from(
            "SELECT delivery.id, delivery.work_kind, delivery.role, delivery.tenant_id, delivery.customer_id,
                    delivery.invoice_id, delivery.invoice_number, delivery.kind, delivery.customer_name,
                    delivery.recipients, delivery.concluded, delivery.concluded_at, delivery.reason, delivery.code,
                    delivery.acknowledged_at, delivery.acknowledged_by
             FROM delivery WHERE",
        )];
        parts.push(if self.acknowledged {
            "delivery.acknowledged_at IS NOT NULL AND delivery.concluded IS NOT NULL".to_owned()
        } else {
            format!("delivery.work_kind = ${} AND delivery.work_kind IS NOT NULL", place(kind.into()))
        });
        if let Some(tenant) = tenant {
            parts.push(format!("AND delivery.tenant_id = ${}", place(tenant.as_str().to_owned().into())));
        }
        if let Some(Cursor { at, id }) = page.after {
            let (at, id) = (place(at.into()), place(id.into()));
            parts.push(format!("AND {order} {after}= ${at} AND ({order}, delivery.id) {after} (${at}, ${id})"));
        }
        let limit = place(page.limit.saturating_add(1).into());
        parts.push(format!("ORDER BY {order} {direction}, delivery.id {direction} LIMIT ${limit}"));
        built_sql(parts.join(" "), values)
    }

    /// Where the list goes on behind this entry.
    fn cursor(&self, item: &WorkItem) -> Cursor {
        let acknowledged = item.acknowledged.as_ref().filter(|_| self.acknowledged).map(|(_, at)| *at);
        Cursor { at: acknowledged.unwrap_or(item.since), id: item.delivery.0 }
    }

    fn kinds(&self) -> Vec<WorkKind> {
        match self.kind {
            // Acknowledged ones are listed together.
            _ if self.acknowledged => vec![WorkKind::Rejected],
            Some(kind) => vec![kind],
            None => WorkKind::VARIANTS.to_vec(),
        }
    }
}

/// The tenants that are read one by one; `None` stands for all at once.
fn tenants_of(scope: &TenantScope, tenant: Option<&TenantId>) -> Vec<Option<TenantId>> {
    match (scope.tenants(), tenant) {
        (None, None) => vec![None],
        (_, Some(tenant)) if scope.allows(tenant) => vec![Some(tenant.clone())],
        (_, Some(_)) => Vec::new(),
        (Some(tenants), None) => tenants.iter().cloned().map(Some).collect(),
    }
}

impl Store {
    /// What waits for a person, the oldest first; or what somebody has acknowledged, the newest first.
    pub async fn work_list(
        &self,
        scope: &TenantScope,
        filter: &WorkListFilter,
        page: PageRequest,
    ) -> Result<Page<WorkItem>, StoreError> {
        let mut items = Vec::new();
        let mut connection = self.read().await?;
        for tenant in tenants_of(scope, filter.tenant.as_ref()) {
            for kind in filter.kinds() {
                let rows = filter.statement(kind, tenant.as_ref(), page).all(&mut connection).await?;
                for row in &rows {
                    items.push(WorkItem::read(row)?);
                }
            }
        }
        items.sort_by_key(|item| {
            let Cursor { at, id } = filter.cursor(item);
            (at, id)
        });
        if filter.acknowledged {
            items.reverse();
        }
        let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let more = items.len() > wanted;
        items.truncate(wanted);
        let next = items.last().filter(|_| more).map(|last| filter.cursor(last));
        Ok(Page { items, next })
    }

    /// How many wait of each kind, each up to [`WORK_COUNTED_MAX`].
    pub async fn work_counts(
        &self,
        scope: &TenantScope,
        tenant: Option<&TenantId>,
    ) -> Result<Vec<(WorkKind, u64)>, StoreError> {
        let mut counts: Vec<(WorkKind, u64)> = WorkKind::VARIANTS.iter().map(|kind| (*kind, 0)).collect();
        let mut connection = self.read().await?;
        for tenant in tenants_of(scope, tenant) {
            for row in &count_statement(tenant.as_ref(), None).all(&mut connection).await? {
                let kind: WorkKind = row.get("work_kind")?;
                let number = u64::try_from(row.get::<i64>("number")?).unwrap_or_default();
                counts.iter_mut().filter(|(other, _)| *other == kind).for_each(|(_, count)| *count += number);
            }
        }
        let most = u64::from(WORK_COUNTED_MAX);
        Ok(counts.into_iter().map(|(kind, count)| (kind, count.min(most))).collect())
    }
}

impl Store {
    /// How many have come to the list after this moment; acknowledged ones are none of them.
    pub async fn work_since(
        &self,
        scope: &TenantScope,
        filter: &WorkListFilter,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut number = 0;
        let mut connection = self.read().await?;
        for tenant in tenants_of(scope, filter.tenant.as_ref()) {
            for row in &count_statement(tenant.as_ref(), Some(since)).all(&mut connection).await? {
                let kind: WorkKind = row.get("work_kind")?;
                if filter.kind.is_none_or(|wanted| wanted == kind) {
                    number += u64::try_from(row.get::<i64>("number")?).unwrap_or_default();
                }
            }
        }
        Ok(number)
    }
}

/// All kinds in one round trip; none of them counts further than the bound.
fn count_statement(tenant: Option<&TenantId>, since: Option<Timestamp>) -> Statement<'static> {
    let (of_tenant, after) = match (tenant, since) {
        (None, None) => ("", ""),
        (None, Some(_)) => ("", " AND attention_at > $2"),
        (Some(_), None) => (" AND tenant_id = $2", ""),
        (Some(_), Some(_)) => (" AND tenant_id = $2", " AND attention_at > $3"),
    };
    let counted = |kind: &WorkKind| {
        let kind = kind.into_str();
        format!(
            "SELECT '{kind}' AS work_kind, COUNT(*) AS number FROM (
                SELECT 1 AS one FROM delivery
                WHERE work_kind = '{kind}' AND work_kind IS NOT NULL{of_tenant}{after} LIMIT $1) AS counted"
        )
    };
    let text = WorkKind::VARIANTS.iter().map(counted).collect::<Vec<_>>().join(" UNION ALL ");
    let mut values = vec![Value::from(WORK_COUNTED_MAX)];
    values.extend(tenant.map(|tenant| Value::from(tenant.as_str().to_owned())));
    values.extend(since.map(Value::from));
    built_sql(text, values)
}

/// The statements of the list and its counts, for a proof by their plans that none reads a whole table.
pub(in crate::store) fn statements() -> Vec<(&'static str, Statement<'static>)> {
    let tenant = TenantId::from("some");
    let waiting = WorkListFilter::default();
    let seen = WorkListFilter { acknowledged: true, ..WorkListFilter::default() };
    let mut all = vec![
        ("work counted", count_statement(None, None)),
        ("work counted of a tenant", count_statement(Some(&tenant), None)),
        ("new work counted", count_statement(None, Some(Timestamp(0)))),
        ("new work counted of a tenant", count_statement(Some(&tenant), Some(Timestamp(0)))),
    ];
    // The first page, and one behind a row.
    for after in [None, Some(Cursor::BEGIN)] {
        let page = PageRequest { limit: 50, after };
        all.extend([
            ("work list", waiting.statement(WorkKind::Rejected, None, page)),
            ("work list of a tenant", waiting.statement(WorkKind::Rejected, Some(&tenant), page)),
            ("acknowledged work", seen.statement(WorkKind::Rejected, None, page)),
            ("acknowledged work of a tenant", seen.statement(WorkKind::Rejected, Some(&tenant), page)),
        ]);
    }
    all
}

impl WorkItem {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let seen_at: Option<Timestamp> = row.get("acknowledged_at")?;
        let seen_by: Option<String> = row.get("acknowledged_by")?;
        Ok(Self {
            delivery: row.get("id")?,
            kind: row.get("work_kind")?,
            role: row.get("role")?,
            invoice: read_invoice(row)?,
            customer_name: row.get("customer_name")?,
            recipients: row.json("recipients")?,
            state: row.get("concluded")?,
            since: row.get("concluded_at")?,
            reason: row.get("reason")?,
            code: row.get("code")?,
            acknowledged: seen_by.zip(seen_at),
        })
    }
}
