//! `/search`: whatever a caller can name, over all tenants of the scope.

use std::collections::HashSet;

use axum::extract::{Query, State};
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;

use super::Console;
use super::answers::{HandlerAnswer, OrFailed};
use super::facts::{Reader, newest_of_each, tenant_name};
use super::pages::{self, CustomerHit, InvoiceStanding, MatchedBy, SearchHit, SearchPage};
use super::signed::Signed;
use crate::model::audit::AuditAction;
use crate::model::customer::Customer;
use crate::model::ids::TenantId;
use crate::model::state::DeadLetterState;
use crate::operator::masking::customer_name;
use crate::policy::permission::Permission;
use crate::store::{Delivery, FindCursor, FindPage, FindRequest, FoundBy, NewAuditEntry, SearchHits, StoreError};
use crate::telemetry::Masked;
use crate::web::csv_answer;

/// Hits of one page.
const HITS: u32 = 50;
/// Hits that a file reads at once.
const EXPORT_PAGE: u32 = 500;
/// The longest file, in rows: whoever wants more writes more of the number.
const EXPORT_ROWS_MAX: usize = 10_000;
/// The longest text that is searched for, in characters.
const QUERY_CHARS_MAX: usize = 300;

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
    next: Option<FindCursor>,
}

pub(super) async fn show(
    State(console): State<Console>,
    signed: Signed,
    Query(query): Query<SearchQuery>,
) -> HandlerAnswer {
    signed.require(Permission::ViewInvoices)?;
    let after: Option<FindCursor> = signed.cursor(&query.after)?;
    let text: String = query.q.chars().take(QUERY_CHARS_MAX).collect();
    let found = find(&console, &signed, &text, after.as_ref(), HITS).await.or_failed(&signed)?;
    let next = found.next.map(|next| next.to_string());
    let view = SearchPage {
        query: &text,
        is_first: after.is_none(),
        hits: &found.hits,
        customers: &found.customers,
        more_customers: found.more_customers,
        next: next.as_deref(),
    };
    Ok(pages::search(&signed.layout(), &view))
}

/// The same as a file, all pages in one. A file is kept where nobody sees who reads it: it is masked as the page is, and
/// that it was made stands in the audit log.
pub(super) async fn export(
    State(console): State<Console>,
    signed: Signed,
    Query(query): Query<SearchQuery>,
) -> HandlerAnswer {
    signed.require(Permission::ExportInvoices)?;
    let text: String = query.q.chars().take(QUERY_CHARS_MAX).collect();
    let (hits, more) = find_all(&console, &signed, &text).await.or_failed(&signed)?;
    let actor = signed.actor();
    let change = json!({ "query": text, "rows": hits.len(), "more": more });
    let entry = NewAuditEntry::new(AuditAction::ListExported, &actor).about("search").with(change);
    console.store.audit(&entry).await.or_failed(&signed)?;
    let rows = hits.into_iter().map(csv_cells).collect();
    Ok(csv_answer("search.csv", COLUMNS, stream::iter([Ok::<_, StoreError>(rows)])))
}

/// The hits of all pages, and whether there are more than a file takes.
async fn find_all(console: &Console, signed: &Signed, text: &str) -> Result<(Vec<SearchHit>, bool), StoreError> {
    let (mut hits, mut seen, mut after) = (Vec::new(), HashSet::new(), None);
    loop {
        let found = find(console, signed, text, after.as_ref(), EXPORT_PAGE).await?;
        // One row for each invoice: what was sent again may stand on several pages.
        hits.extend(found.hits.into_iter().filter(|hit| {
            let is_delivery = matches!(hit.standing, InvoiceStanding::Delivery(_));
            !is_delivery || seen.insert((hit.tenant.id.clone(), hit.number.clone(), hit.invoice_kind))
        }));
        after = found.next;
        if after.is_none() || hits.len() >= EXPORT_ROWS_MAX {
            return Ok((hits, after.is_some()));
        }
    }
}

const COLUMNS: [&str; 7] = ["tenant_id", "invoice_number", "kind", "state", "customer_id", "recipient", "created_at"];

fn csv_cells(hit: SearchHit) -> [String; COLUMNS.len()] {
    let state = match hit.standing {
        InvoiceStanding::Delivery(state) => state.into_str(),
        InvoiceStanding::EventWaiting => "waiting",
        InvoiceStanding::EventDead => "dead_letter",
    };
    let kind = hit.invoice_kind.map(|kind| kind.into_str().to_owned()).unwrap_or_default();
    let recipient = hit.recipient.unwrap_or_default();
    [hit.tenant.id, hit.number, kind, state.to_owned(), hit.customer, recipient, hit.at.to_string()]
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
    text: &str,
    after: Option<&FindCursor>,
    limit: u32,
) -> Result<Found, StoreError> {
    let request = FindRequest { text, scope: &signed.principal.scope, after, limit };
    let FindPage { hits: found, next } = console.store.find(&request).await?;
    let tenants = tenants_of(&found);
    let names = console.store.tenant_names(&tenants).await?;
    let SearchHits { deliveries, events, dead_letters, customers, more_customers, .. } = found;
    let name = |tenant: &TenantId| tenant_name(tenant, names.get(tenant));
    let rows: Vec<Delivery> = deliveries.iter().map(|(_, delivery)| delivery.clone()).collect();
    let mut hits = Vec::new();
    for newest in newest_of_each(&rows) {
        let by = deliveries.iter().find(|(_, delivery)| {
            let (one, other) = (&delivery.invoice, &newest.invoice);
            (&one.tenant, &one.id, one.kind) == (&other.tenant, &other.id, other.kind)
        });
        let matched = by.map_or(MatchedBy::Number, |(by, _)| matched_by(*by));
        let reader = Reader::of(false, []);
        hits.push(SearchHit {
            tenant: name(&newest.invoice.tenant),
            number: newest.invoice.number.clone(),
            invoice_kind: Some(newest.invoice.kind),
            customer: newest.invoice.customer.to_string(),
            recipient: newest.recipients.first().map(|recipient| reader.address(&recipient.address)),
            standing: InvoiceStanding::Delivery(newest.state),
            needs_you: newest.work_kind.is_some(),
            at: newest.created_at,
            matched,
        });
    }
    for (by, event) in &events {
        hits.push(SearchHit {
            tenant: name(&event.invoice.tenant),
            number: event.invoice.number.clone(),
            invoice_kind: Some(event.invoice.kind),
            customer: event.invoice.customer.to_string(),
            recipient: None,
            standing: InvoiceStanding::EventWaiting,
            needs_you: false,
            at: event.received_at,
            matched: matched_by(*by),
        });
    }
    for (by, letter) in &dead_letters {
        let (Some(tenant), Some(number)) = (&letter.tenant, &letter.invoice_number) else { continue };
        hits.push(SearchHit {
            tenant: name(tenant),
            number: number.clone(),
            invoice_kind: letter.kind,
            customer: letter.customer.as_ref().map(ToString::to_string).unwrap_or_default(),
            recipient: None,
            standing: InvoiceStanding::EventDead,
            needs_you: letter.state == DeadLetterState::Open,
            at: letter.last_failed_at,
            matched: matched_by(*by),
        });
    }
    let customer = |found: &Customer| CustomerHit {
        tenant: name(&found.tenant_id),
        id: found.id.to_string(),
        name: customer_name(&found.name, found.kind, false),
        address: Masked(&found.address).to_string(),
    };
    let customers = customers.iter().map(customer).collect();
    Ok(Found { hits, customers, more_customers, next })
}

fn tenants_of(found: &SearchHits) -> Vec<TenantId> {
    let deliveries = found.deliveries.iter().map(|(_, delivery)| delivery.invoice.tenant.clone());
    let events = found.events.iter().map(|(_, event)| event.invoice.tenant.clone());
    let letters = found.dead_letters.iter().filter_map(|(_, letter)| letter.tenant.clone());
    let customers = found.customers.iter().map(|customer| customer.tenant_id.clone());
    deliveries.chain(events).chain(letters).chain(customers).collect()
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
