//! `/search`: whatever a caller can name, over all tenants of the scope.

use axum::extract::{Query, State};
use futures_util::stream;
use serde::Deserialize;

use super::Console;
use super::answers::{HandlerAnswer, OrFailed};
use super::facts::{Reader, tenant_name};
use super::pages::{self, CustomerHit, MatchedBy, SearchHit, SearchPage};
use super::signed::Signed;
use crate::model::customer::Customer;
use crate::model::ids::TenantId;
use crate::operator::masking::customer_name;
use crate::operator::search::{FoundInvoice, FoundInvoices, InvoiceSearch, SEARCH_COLUMNS, export_search};
use crate::policy::permission::Permission;
use crate::store::{FindCursor, FoundBy, StoreError};
use crate::telemetry::Masked;
use crate::web::csv_answer;

/// Hits of one page.
const HITS: u32 = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SearchQuery {
    q: String,
    /// Where the page before ended.
    after: String,
}

/// What a search found, as pages show it.
struct Found {
    hits: Vec<SearchHit>,
    customers: Vec<CustomerHit>,
    more_customers: bool,
    several_ids: bool,
    next: Option<FindCursor>,
}

pub(super) async fn show(
    State(console): State<Console>,
    signed: Signed,
    Query(query): Query<SearchQuery>,
) -> HandlerAnswer {
    signed.require(Permission::ViewInvoices)?;
    let after: Option<FindCursor> = signed.cursor(&query.after)?;
    let search = InvoiceSearch::of(&query.q);
    let found = find(&console, &signed, &search, after.as_ref()).await.or_failed(&signed)?;
    let next = found.next.map(|next| next.to_string());
    let view = SearchPage {
        query: search.text(),
        is_first: after.is_none(),
        hits: &found.hits,
        customers: &found.customers,
        more_customers: found.more_customers,
        several_ids: found.several_ids,
        next: next.as_deref(),
    };
    Ok(pages::search(&signed.layout(), &view))
}

/// The same as a file, all pages in one.
pub(super) async fn export(
    State(console): State<Console>,
    signed: Signed,
    Query(query): Query<SearchQuery>,
) -> HandlerAnswer {
    signed.require(Permission::ExportInvoices)?;
    let rows = export_search(&console.store, &signed.actor(), &InvoiceSearch::of(&query.q)).await.or_failed(&signed)?;
    Ok(csv_answer("search.csv", SEARCH_COLUMNS, stream::iter([Ok::<_, StoreError>(rows)])))
}

/// Where an invoice number has its page.
pub(super) fn invoice_path(tenant: &str, number: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("tenant", tenant)
        .append_pair("number", number)
        .finish();
    format!("/invoices?{query}")
}

async fn find(
    console: &Console,
    signed: &Signed,
    search: &InvoiceSearch,
    after: Option<&FindCursor>,
) -> Result<Found, StoreError> {
    let found = search.find(&console.store, &signed.principal.scope, after, HITS).await?;
    let FoundInvoices { invoices, customers, more_customers, several_ids, next } = found;
    let tenants = invoices.iter().map(|found| &found.tenant).chain(customers.iter().map(|found| &found.tenant_id));
    let names = console.store.tenant_names(tenants).await?;
    let name = |tenant: &TenantId| tenant_name(tenant, names.get(tenant));
    let reader = Reader::of(false, []);
    let hit = |found: &FoundInvoice| SearchHit {
        tenant: name(&found.tenant),
        number: found.number.clone(),
        invoice_kind: found.kind,
        customer: found.customer.as_ref().map(ToString::to_string).unwrap_or_default(),
        recipient: found.recipients.first().map(|recipient| reader.address(&recipient.address)),
        standing: found.standing,
        needs_you: found.needs_person,
        at: found.at,
        matched: matched_by(found.by),
    };
    let hits = invoices.iter().map(hit).collect();
    let customer = |found: &Customer| CustomerHit {
        tenant: name(&found.tenant_id),
        id: found.id.to_string(),
        name: customer_name(&found.name, found.kind, false),
        address: Masked(&found.address).to_string(),
    };
    let customers = customers.iter().map(customer).collect();
    Ok(Found { hits, customers, more_customers, several_ids, next })
}

const fn matched_by(by: FoundBy) -> MatchedBy {
    match by {
        FoundBy::Number => MatchedBy::Number,
        FoundBy::NumberPrefix => MatchedBy::NumberPrefix,
        FoundBy::Recipient => MatchedBy::Recipient,
        FoundBy::MessageId => MatchedBy::MessageId,
        FoundBy::DeliveryId | FoundBy::DeadLetterId => MatchedBy::Delivery,
        FoundBy::EventId => MatchedBy::Event,
        FoundBy::Customer => MatchedBy::CustomerName,
    }
}
