//! `/api/v1/work-list`: what waits for a person.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::ApiSettings;
use crate::api::caller::Caller;
use crate::api::document::problems::Problems;
use crate::api::paging::{page, unreadable};
use crate::api::refusal::ApiRefusal;
use crate::clock::Timestamp;
use crate::event::Malformed;
use crate::event::bounds::{KEY_MAX, identifier};
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::state::{DeliveryRole, DeliveryState};
use crate::model::work::WorkKind;
use crate::operator::masking::{Reader, masked_name};
use crate::store::{WorkItem, WorkListFilter};

/// The route of the work list.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(list))
}

/// Which of it; each part narrows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WorkListQuery {
    #[serde(default)]
    #[param(inline, value_type = Option<WorkKind>)]
    kind: Option<String>,
    #[serde(default)]
    tenant_id: Option<TenantId>,
    /// What somebody has acknowledged, the newest first, instead of what waits, the oldest first.
    #[serde(default)]
    acknowledged: bool,
    /// The most entries of the answer; 100 without it.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of an earlier answer.
    #[serde(default)]
    after: Option<String>,
}

/// What waits for a person, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkListAnswer {
    items: Vec<ListedWork>,
    /// How many wait of each kind, each up to 1,000; of the tenant, if one is asked for.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"rejected": 2, "uncertain": 1}))]
    counts: BTreeMap<&'static str, u64>,
    /// Where the list goes on, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A delivery that a person has to look at. Names and addresses are masked, as in every list.
#[derive(Debug, Serialize, ToSchema)]
struct ListedWork {
    delivery_id: DeliveryId,
    /// Why it waits; omitted of one that was acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<WorkKind>)]
    kind: Option<&'static str>,
    #[schema(value_type = DeliveryState)]
    state: &'static str,
    #[schema(value_type = DeliveryRole)]
    role: &'static str,
    tenant_id: TenantId,
    customer_id: CustomerId,
    customer_name: String,
    invoice_id: String,
    invoice_number: String,
    #[schema(value_type = InvoiceKind)]
    invoice_kind: &'static str,
    recipients: Vec<String>,
    since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// What the relay or the check answered, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_at: Option<Timestamp>,
}

/// Lists what waits for a person.
///
/// Deliveries that were rejected, expired or are duplicates, each until it is acknowledged; uncertain ones; and those whose
/// customer cannot be verified.
#[utoipa::path(
    get,
    path = "/api/v1/work-list",
    operation_id = "list_work",
    tag = "invoices",
    params(WorkListQuery),
    responses((status = 200, description = "What waits.", body = WorkListAnswer), Problems)
)]
pub(super) async fn list(
    State(console): State<ApiSettings>,
    caller: Caller,
    query: Result<Query<WorkListQuery>, QueryRejection>,
) -> Result<Json<WorkListAnswer>, ApiRefusal> {
    let Query(query) = query.map_err(|refused| {
        unreadable(
            &refused,
            "may be asked for with kind, tenant_id, acknowledged, limit and after, and with nothing else",
        )
    })?;
    let request = page(query.limit, query.after.as_deref())?;
    let filter = query.filter()?;
    let listed = console.store.work_list(caller.scope(), &filter, request).await?;
    let counts = console.store.work_counts(caller.scope(), filter.tenant.as_ref()).await?;
    Ok(Json(WorkListAnswer {
        items: listed.items.into_iter().map(ListedWork::of).collect(),
        counts: counts.into_iter().map(|(kind, number)| (kind.into_str(), number)).collect(),
        next: listed.next.map(|next| next.to_string()),
    }))
}

impl WorkListQuery {
    fn filter(&self) -> Result<WorkListFilter, Malformed> {
        let kind = self.kind.as_deref().map(str::parse::<WorkKind>).transpose();
        if let Some(tenant) = &self.tenant_id {
            identifier("tenant_id", tenant.as_str(), KEY_MAX)?;
        }
        Ok(WorkListFilter {
            kind: kind.map_err(|_| Malformed::at("kind", "is not a kind of the work list"))?,
            tenant: self.tenant_id.clone(),
            acknowledged: self.acknowledged,
        })
    }
}

impl ListedWork {
    fn of(item: WorkItem) -> Self {
        let reader = Reader::of(false, item.recipients.iter().map(|recipient| recipient.address.as_str()));
        let (acknowledged_by, acknowledged_at) = item.acknowledged.unzip();
        Self {
            delivery_id: item.delivery,
            kind: item.kind.map(|kind| kind.into_str()),
            state: item.state.into_str(),
            role: item.role.into_str(),
            recipients: reader.addresses(&item.recipients),
            customer_name: masked_name(&item.customer_name),
            tenant_id: item.invoice.tenant,
            customer_id: item.invoice.customer,
            invoice_id: item.invoice.id,
            invoice_number: item.invoice.number,
            invoice_kind: item.invoice.kind.into_str(),
            since: item.since,
            code: item.code,
            reason: item.reason.map(|reason| reader.reply(&reason)),
            acknowledged_by,
            acknowledged_at,
        }
    }
}
