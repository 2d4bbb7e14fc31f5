//! `/api/v1/invoices?q=…`: whatever a caller can name, over all tenants of the scope; and the same as a file.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::ApiSettings;
use crate::api::actor::Asking;
use crate::api::caller::Caller;
use crate::api::document::problems::Problems;
use crate::api::paging::{limit, no_cursor, unreadable};
use crate::api::refusal::ApiRefusal;
use crate::clock::Timestamp;
use crate::event::Malformed;
use crate::event::bounds::{KEY_MAX, identifier, text};
use crate::model::customer::{Customer, CustomerType};
use crate::model::ids::{CustomerId, DeadLetterId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::operator::invoice::InvoiceStanding;
use crate::operator::masking::{Reader, customer_name};
use crate::operator::search::{FoundInvoice, FoundInvoices, InvoiceSearch, SEARCH_COLUMNS, export_search};
use crate::store::{FindCursor, FoundBy, StoreError};
use crate::web::csv_answer;

/// The longest text that is searched for, in characters.
const TEXT_CHARS_MAX: usize = 300;

/// The routes of the search.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(find)).routes(routes!(export))
}

/// What is searched for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct InvoiceSearchQuery {
    /// An invoice number or the beginning of one (case and blanks do not count), a customer's id or words of a name, a
    /// recipient's address, a Message-ID, or the id of a delivery, a dead letter or an event.
    #[param(min_length = 1, max_length = 300)]
    q: String,
    #[serde(default)]
    tenant_id: Option<TenantId>,
    /// Only what stands so.
    #[serde(default)]
    #[param(inline, value_type = Option<InvoiceStanding>)]
    state: Option<String>,
    /// The most invoices of the answer; 100 without it.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of an earlier answer.
    #[serde(default)]
    after: Option<String>,
}

/// [`InvoiceSearchQuery`] without the page: a file is whole.
enum InvoiceFileQuery {}

impl IntoParams for InvoiceFileQuery {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let all = InvoiceSearchQuery::into_params(place).into_iter();
        all.filter(|parameter| !matches!(parameter.name.as_str(), "limit" | "after")).collect()
    }
}

/// What a text names. Names and addresses are masked, as in every list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FoundAnswer {
    /// One entry for each invoice, credit note and reminder, on one page only; what is named exactly first.
    invoices: Vec<ListedInvoiceHit>,
    /// Customers that it names, at most 20; on the first page only.
    customers: Vec<ListedCustomerHit>,
    /// There are more of them: write more of the name.
    more_customers: bool,
    /// `q` is the beginning of several ids of deliveries, dead letters or events, none of which was looked up: write more of
    /// it.
    several_ids: bool,
    /// Where the list goes on, if it does: a page may have less than was asked for, even nothing, and go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ListedInvoiceHit {
    tenant_id: TenantId,
    invoice_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<InvoiceKind>)]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<CustomerId>,
    #[schema(value_type = InvoiceStanding)]
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReasonCode>)]
    class: Option<&'static str>,
    /// Its newest delivery that nothing took the place of; omitted where none was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_id: Option<DeliveryId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter_id: Option<DeadLetterId>,
    /// Where none was made, the event's.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    recipients: Vec<String>,
    /// Whether a person has to do something.
    needs_person: bool,
    /// When it was made, came or failed.
    at: Timestamp,
    #[schema(value_type = FoundBy)]
    found_by: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
struct ListedCustomerHit {
    tenant_id: TenantId,
    id: CustomerId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CustomerType>)]
    r#type: Option<&'static str>,
    name: String,
    address: String,
}

/// Finds invoices by whatever a caller can name.
///
/// Also events that wait for their customer, and those that became a dead letter.
#[utoipa::path(
    get,
    path = "/api/v1/invoices",
    operation_id = "find_invoices",
    tag = "invoices",
    params(InvoiceSearchQuery),
    responses((status = 200, description = "What was found.", body = FoundAnswer), Problems)
)]
pub(super) async fn find(
    State(console): State<ApiSettings>,
    caller: Caller,
    query: Result<Query<InvoiceSearchQuery>, QueryRejection>,
) -> Result<Json<FoundAnswer>, ApiRefusal> {
    let query = read(query)?;
    let limit = limit(query.limit)?;
    let after = query.after.as_deref().map(str::parse::<FindCursor>).transpose().map_err(|_| no_cursor())?;
    let found = query.search()?.find(&console.store, caller.scope(), after.as_ref(), limit).await?;
    let FoundInvoices { invoices, customers, more_customers, several_ids, next } = found;
    Ok(Json(FoundAnswer {
        invoices: invoices.into_iter().map(ListedInvoiceHit::of).collect(),
        customers: customers.into_iter().map(ListedCustomerHit::of).collect(),
        more_customers,
        several_ids,
        next: next.map(|next| next.to_string()),
    }))
}

/// The same as a file (CSV), at most 10,000 rows; that it was made is an entry of the audit log.
///
/// Those of the first 50,000 deliveries that are named.
#[utoipa::path(
    get,
    path = "/api/v1/invoices.csv",
    operation_id = "export_invoices",
    tag = "invoices",
    params(InvoiceFileQuery),
    responses(
        (status = 200, description = "The file.", body = String, content_type = "text/csv"),
        Problems
    )
)]
pub(super) async fn export(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    query: Result<Query<InvoiceSearchQuery>, QueryRejection>,
) -> Result<Response, ApiRefusal> {
    let query = read(query)?;
    if query.limit.is_some() || query.after.is_some() {
        return Err(Malformed::at("$", "is a whole file: limit and after do not belong here").into());
    }
    let rows = export_search(&console.store, &who, &query.search()?).await?;
    Ok(csv_answer("invoices.csv", SEARCH_COLUMNS, stream::iter([Ok::<_, StoreError>(rows)])))
}

fn read(query: Result<Query<InvoiceSearchQuery>, QueryRejection>) -> Result<InvoiceSearchQuery, Malformed> {
    let expected = "must be asked for by q, and perhaps tenant_id, state, limit and after";
    query.map(|Query(query)| query).map_err(|refused| unreadable(&refused, expected))
}

impl InvoiceSearchQuery {
    fn search(&self) -> Result<InvoiceSearch, Malformed> {
        text("q", &self.q, TEXT_CHARS_MAX)?;
        if let Some(tenant) = &self.tenant_id {
            identifier("tenant_id", tenant.as_str(), KEY_MAX)?;
        }
        let state = self.state.as_deref().map(str::parse::<InvoiceStanding>).transpose();
        let state =
            state.map_err(|_| Malformed::at("state", "is not a state of a delivery, waiting or dead_letter"))?;
        Ok(InvoiceSearch::of(&self.q).narrowed(self.tenant_id.clone(), state))
    }
}

impl ListedInvoiceHit {
    fn of(found: FoundInvoice) -> Self {
        let reader = Reader::of(false, []);
        Self {
            recipients: reader.addresses(&found.recipients),
            tenant_id: found.tenant,
            invoice_number: found.number,
            kind: found.kind.map(|kind| kind.into_str()),
            customer_id: found.customer,
            state: found.standing.into_str(),
            class: found.class.map(|class| class.into_str()),
            delivery_id: found.delivery,
            dead_letter_id: found.dead_letter,
            event_id: found.event_id,
            needs_person: found.needs_person,
            at: found.at,
            found_by: found.by.into_str(),
        }
    }
}

impl ListedCustomerHit {
    fn of(customer: Customer) -> Self {
        let reader = Reader::of(false, []);
        Self {
            name: customer_name(&customer.name, customer.kind, false),
            address: reader.address(&customer.address),
            tenant_id: customer.tenant_id,
            id: customer.id,
            r#type: customer.kind.map(|kind| kind.into_str()),
        }
    }
}
