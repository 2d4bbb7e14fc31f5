//! `/api/v1/tenants/{tenant_id}/settings/preview`: what settings would mean. Nothing is saved.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::document::bodies::SettingsBody;
use super::document::parameters::TenantInPath;
use super::document::problems::{BodyProblems, NotFound, Problems};
use super::path::{self, TenantPath};
use super::refusal::ApiRefusal;
use super::{ApiSettings, body};
use crate::clock::Timestamp;
use crate::event::MemberWarning;
use crate::event::catalogue::{parse_settings, warnings_of_settings};
use crate::model::customer::CustomerType;
use crate::model::ids::DeliveryId;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::settings::{Settings, VerificationMethod};
use crate::policy::consequences::{PolicyWarning, TypeConsequence};
use crate::policy::decision::PortalAccess;
use crate::policy::history_comparison::{ChangedDelivery, RouteChange};
use crate::policy::invoice_route::InvoiceRoute;
use crate::store::{PAST_DAYS, PastCompared};

/// The route of a preview.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(preview))
}

/// What settings would mean.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PreviewAnswer {
    /// Those that were asked about, as they would be kept.
    #[schema(value_type = SettingsBody)]
    settings: Settings,
    /// What a private and a business customer would get, in this order.
    consequences: Vec<ListedConsequence>,
    /// What to know before they hold, the most serious first.
    warnings: Vec<PolicyWarning>,
    /// Which of the newest deliveries would have gone otherwise. Omitted while too many ask for that at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    past: Option<PastPreview>,
    /// What of the body is ignored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ignored: Vec<MemberWarning>,
}

/// What customers of one type would get. One whose type is unknown counts as private.
#[derive(Debug, Serialize, ToSchema)]
struct ListedConsequence {
    #[schema(value_type = CustomerType)]
    customer_type: &'static str,
    /// Of an ordinary invoice, for a customer whose record is complete.
    route: ListedRoute,
    /// What the portal would ask of them, also where the email holds the documents: earlier links lead there.
    #[schema(value_type = PortalAccess)]
    access: &'static str,
    /// How many they are today.
    customers: i64,
    of_unknown_type: i64,
    /// How many of them would get a link and can be verified by no method: their invoices become dead letters.
    unverifiable: i64,
}

/// What becomes of an invoice: documents attached, a link, or no email.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "decision", rename_all = "snake_case")]
enum ListedRoute {
    Attach,
    Link {
        #[schema(value_type = PortalAccess)]
        access: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<VerificationMethod>)]
        method: Option<&'static str>,
    },
    /// It is a dead letter of this class.
    NotSent {
        #[schema(value_type = ReasonCode)]
        class: &'static str,
    },
}

/// What settings would have changed.
#[derive(Debug, Serialize, ToSchema)]
struct PastPreview {
    /// No delivery is older.
    days: u32,
    /// How many were looked at: the newest, at most 20,000.
    considered: u64,
    /// There are more in these days.
    has_more: bool,
    unchanged: u64,
    /// Of which it cannot be said: no decision is recorded.
    undecided: u64,
    changed: u64,
    /// The most frequent first.
    changes: Vec<ListedRouteChange>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ListedRouteChange {
    from: ListedRoute,
    to: ListedRoute,
    deliveries: u64,
    /// The newest of them.
    examples: Vec<ListedChangedDelivery>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ListedChangedDelivery {
    delivery_id: DeliveryId,
    invoice_number: String,
    #[schema(value_type = InvoiceKind)]
    kind: &'static str,
    created_at: Timestamp,
}

/// Shows what settings would mean for a tenant. Nothing is saved.
///
/// What each type of customer would get, what to be warned of, and which of the tenant's newest deliveries would have gone
/// otherwise, by what was known of each when it was decided.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant_id}/settings/preview",
    operation_id = "preview_settings",
    tag = "settings",
    params(TenantInPath),
    request_body = SettingsBody,
    responses(
        (status = 200, description = "What they would mean.", body = PreviewAnswer),
        BodyProblems,
        NotFound,
        Problems
    )
)]
pub(super) async fn preview(
    State(console): State<ApiSettings>,
    caller: Caller,
    path: TenantPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<PreviewAnswer>, ApiRefusal> {
    let tenant = path::tenant(path)?;
    body::expect_json(&headers)?;
    let scope = caller.scope();
    if console.store.settings(&tenant, scope).await?.is_none() {
        return Err(ApiRefusal::UnknownTenant(tenant));
    }
    let settings = parse_settings(&body)?;
    let consequences = console.portal_settings.foresee(&tenant, scope, settings).await?;
    let past = console.portal_settings.compare(&tenant, scope, settings).await?;
    Ok(Json(PreviewAnswer {
        settings,
        consequences: consequences.rows.iter().map(ListedConsequence::of).collect(),
        warnings: consequences.warnings,
        past: past.map(|past| PastPreview::of(&past)),
        ignored: warnings_of_settings(&body),
    }))
}

impl ListedConsequence {
    fn of(row: &TypeConsequence) -> Self {
        Self {
            customer_type: row.customer_type.into_str(),
            route: ListedRoute::of(row.route),
            access: row.access.into_str(),
            customers: row.customers,
            of_unknown_type: row.of_unknown_type,
            unverifiable: row.unverifiable,
        }
    }
}

impl ListedRoute {
    fn of(route: InvoiceRoute) -> Self {
        match route {
            InvoiceRoute::Attached => Self::Attach,
            InvoiceRoute::Linked(terms) => {
                Self::Link { access: terms.access.into_str(), method: terms.method.map(|method| method.into_str()) }
            }
            InvoiceRoute::NotSent(class) => Self::NotSent { class: class.into_str() },
        }
    }
}

impl PastPreview {
    fn of(past: &PastCompared) -> Self {
        let comparison = &past.comparison;
        Self {
            days: PAST_DAYS,
            considered: comparison.considered(),
            has_more: past.has_more,
            unchanged: comparison.unchanged,
            undecided: comparison.undecided,
            changed: comparison.changed(),
            changes: comparison.changes.iter().map(ListedRouteChange::of).collect(),
        }
    }
}

impl ListedRouteChange {
    fn of(change: &RouteChange) -> Self {
        let example = |one: &ChangedDelivery| ListedChangedDelivery {
            delivery_id: one.id,
            invoice_number: one.invoice_number.clone(),
            kind: one.kind.into_str(),
            created_at: one.created_at,
        };
        Self {
            from: ListedRoute::of(change.from),
            to: ListedRoute::of(change.to),
            deliveries: change.deliveries,
            examples: change.examples.iter().map(example).collect(),
        }
    }
}
