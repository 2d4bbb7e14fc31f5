//! `/api/v1/links`: the portal links in customers' hands.
//!
//! A link that was pasted stands in a body, never in an address: addresses are logged on their way.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use metrics::counter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actor::Asking;
use super::caller::Caller;
use super::document::parameters::IdempotencyKeyHeader;
use super::document::problems::{BodyProblems, IdempotencyProblems, Problems};
use super::paging::unreadable;
use super::refusal::ApiRefusal;
use super::{ApiSettings, body};
use crate::clock::Timestamp;
use crate::event::Malformed;
use crate::event::bounds::{KEY_MAX, identifier};
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::operator::masking::Reader;
use crate::secrets::pasted_token;
use crate::sha256::Sha256;
use crate::store::{LinkFilter, LinkSelection, LinkState, PageRequest, PortalLink};
use crate::telemetry::metric;

/// The routes of links.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(find)).routes(routes!(revoke))
}

/// The most deliveries whose links one answer has.
const LIMIT_MAX: u32 = 500;
/// How many, unless somebody asks for more or less.
const LIMIT: u32 = 100;

/// Which links: exactly one of `link`, `delivery_id` and `tenant_id`; beside the tenant perhaps `invoice` or `customer_id`.
///
/// A member that is not known here is refused: it could have narrowed what is revoked.
#[derive(Debug, Default, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
#[schema(examples(json!({"tenant_id": "acme", "customer_id": "C-1042", "valid": true})))]
pub(super) struct LinkQuery {
    /// A link as it was pasted, or its token. In bodies only.
    #[serde(default)]
    #[param(ignore)]
    link: Option<String>,
    #[serde(default)]
    delivery_id: Option<DeliveryId>,
    #[serde(default)]
    tenant_id: Option<TenantId>,
    /// An invoice of the tenant, by number or identifier.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 255)]
    #[param(min_length = 1, max_length = 255)]
    invoice: Option<String>,
    /// A customer of the tenant.
    #[serde(default)]
    customer_id: Option<CustomerId>,
    /// Only those that open the portal.
    #[serde(default)]
    valid: bool,
    /// The most deliveries whose links the answer has; 100 without it.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 500)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of an earlier answer.
    #[serde(default)]
    after: Option<String>,
    /// Why they are revoked: required there, refused elsewhere.
    #[serde(default)]
    #[schema(max_length = 500)]
    #[param(ignore)]
    reason: Option<String>,
}

/// Links, those of the newest deliveries first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinksAnswer {
    links: Vec<ListedLink>,
    /// Where the list goes on, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A link of the portal; it itself is stored nowhere.
#[derive(Debug, Serialize, ToSchema)]
struct ListedLink {
    delivery_id: DeliveryId,
    /// Counts from 0: a redrive after a revocation makes another link.
    generation: u32,
    tenant_id: TenantId,
    customer_id: CustomerId,
    invoice_number: String,
    #[schema(value_type = InvoiceKind)]
    kind: &'static str,
    #[schema(value_type = LinkState)]
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Timestamp>,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoke_reason: Option<String>,
}

/// What was revoked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RevokedAnswer {
    /// How many links were not revoked before.
    revoked: u64,
}

/// Lists links by delivery, invoice, customer or tenant.
#[utoipa::path(
    get,
    path = "/api/v1/links",
    operation_id = "list_links",
    tag = "portal",
    params(LinkQuery),
    responses((status = 200, description = "The links.", body = LinksAnswer), Problems)
)]
pub(super) async fn list(
    State(console): State<ApiSettings>,
    caller: Caller,
    query: Result<Query<LinkQuery>, QueryRejection>,
) -> Result<Json<LinksAnswer>, ApiRefusal> {
    let Query(query) = query.map_err(|refused| {
        unreadable(&refused, "must be asked for by delivery_id, or by tenant_id and perhaps invoice or customer_id")
    })?;
    if query.link.is_some() {
        return Err(
            Malformed::at("link", "may not stand in an address; send it in the body of POST …/links/find").into()
        );
    }
    answer(&console, &caller, query).await
}

/// Lists links as `GET /api/v1/links` does, also the one that was pasted.
///
/// A link stands in a body, never in an address: addresses are logged on their way.
#[utoipa::path(
    post,
    path = "/api/v1/links/find",
    operation_id = "find_links",
    tag = "portal",
    request_body = LinkQuery,
    responses(
        (status = 200, description = "The links.", body = LinksAnswer),
        BodyProblems,
        Problems
    )
)]
pub(super) async fn find(
    State(console): State<ApiSettings>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<LinksAnswer>, ApiRefusal> {
    answer(&console, &caller, body::read_json(&headers, &body)?).await
}

/// Revokes links for good, with a reason.
///
/// A revoked link opens nothing from then on, pages that are open included.
#[utoipa::path(
    post,
    path = "/api/v1/links/revoke",
    operation_id = "revoke_links",
    tag = "portal",
    params(IdempotencyKeyHeader),
    request_body(
        content = LinkQuery,
        example = json!({"link": "https://portal.example/i/…", "reason": "published in a forum"})
    ),
    responses(
        (status = 200, description = "How many were revoked.", body = RevokedAnswer),
        BodyProblems,
        IdempotencyProblems,
        Problems
    )
)]
pub(super) async fn revoke(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<RevokedAnswer>, ApiRefusal> {
    let query: LinkQuery = body::read_json(&headers, &body)?;
    let reason = body::reason(query.reason.as_deref().unwrap_or_default())?;
    let selection = query.selection()?;
    let revoked = console.store.revoke_links(&selection, &who, reason).await?;
    counter!(metric::PORTAL_LINKS_REVOKED).increment(revoked);
    Ok(Json(RevokedAnswer { revoked }))
}

async fn answer(console: &ApiSettings, caller: &Caller, query: LinkQuery) -> Result<Json<LinksAnswer>, ApiRefusal> {
    if query.reason.is_some() {
        return Err(Malformed::at("reason", "belongs to POST …/links/revoke; nothing is revoked here").into());
    }
    let limit = query.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Malformed::at("limit", format!("must be between 1 and {LIMIT_MAX}")).into());
    }
    let after = query.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| Malformed::at("after", "is not the `next` of an earlier answer"))?;
    let filter = if query.valid { LinkFilter::Valid } else { LinkFilter::All };
    let page = PageRequest { limit, after };
    let page = console.store.portal_links(&query.selection()?, caller.scope(), filter, page).await?;
    let (now, reader) = (console.store.now(), Reader::of_principal(&caller.0));
    let links = page.items.into_iter().map(|link| ListedLink::of(link, now, &reader)).collect();
    Ok(Json(LinksAnswer { links, next: page.next.map(|next| next.to_string()) }))
}

impl LinkQuery {
    /// What is meant: exactly one thing, or something of a tenant.
    fn selection(&self) -> Result<LinkSelection, Malformed> {
        let Self { link, delivery_id, tenant_id, invoice, customer_id, .. } = self;
        let of_tenant = tenant_id.is_some() || invoice.is_some() || customer_id.is_some();
        match (link, delivery_id, tenant_id) {
            (Some(link), None, None) if !of_tenant => {
                let token = pasted_token(link).ok_or_else(|| Malformed::at("link", "holds no link of the portal"))?;
                Ok(LinkSelection::Token(Sha256::of(token.as_bytes())))
            }
            (None, Some(delivery), None) if !of_tenant => Ok(LinkSelection::Delivery(*delivery)),
            (None, None, Some(tenant)) => {
                identifier("tenant_id", tenant.as_str(), KEY_MAX)?;
                let tenant = tenant.clone();
                match (invoice, customer_id) {
                    (Some(invoice), None) => {
                        identifier("invoice", invoice, KEY_MAX)?;
                        Ok(LinkSelection::Invoice { tenant, invoice: invoice.clone() })
                    }
                    (None, Some(customer)) => {
                        identifier("customer_id", customer.as_str(), KEY_MAX)?;
                        Ok(LinkSelection::Customer { tenant, customer: customer.clone() })
                    }
                    (None, None) => Ok(LinkSelection::Tenant(tenant)),
                    (Some(_), Some(_)) => Err(Malformed::at("customer_id", "may not stand beside invoice")),
                }
            }
            _ => Err(Malformed::at(
                "$",
                "must name one of link, delivery_id, or tenant_id, the last perhaps with invoice or customer_id",
            )),
        }
    }
}

impl ListedLink {
    fn of(link: PortalLink, now: Timestamp, reader: &Reader) -> Self {
        Self {
            state: link.state(now).into_str(),
            delivery_id: link.root,
            generation: link.generation,
            tenant_id: link.invoice.tenant,
            customer_id: link.invoice.customer,
            invoice_number: link.invoice.number,
            kind: link.invoice.kind.into_str(),
            created_at: link.created_at,
            expires_at: link.expires_at,
            revoked_at: link.revoked_at,
            revoked_by: link.revoked_by,
            revoke_reason: link.revoke_reason.map(|reason| reader.text(&reason)),
        }
    }
}
