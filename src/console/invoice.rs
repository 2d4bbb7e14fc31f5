//! `/invoices?tenant=…&number=…`: everything under one number, and `/deliveries/{id}`, which leads there.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;

use super::Console;
use super::answers::{HandlerAnswer, OrFailed};
use super::facts::{Reader, documents, tenant_name};
use super::pages::{self, Acknowledgement, InvoiceFacts, InvoiceNumberPage, InvoiceSection, LinkFact};
use super::search::invoice_path;
use super::signed::{Signed, see_other};
use crate::compose::all_attached;
use crate::model::audit::AuditAction;
use crate::model::ids::{DeliveryId, TenantId};
use crate::model::portal_event::PortalEventKind;
use crate::operator::invoice::history::{DocumentHistory, InvoiceHistory};
use crate::operator::invoice::timeline::timeline;
use crate::operator::masking::customer_name;
use crate::policy::decision::Inputs;
use crate::policy::permission::Permission;
use crate::store::{Delivery, ExplainedDelivery, ExplainedLink, NewAuditEntry};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct InvoiceQuery {
    tenant: String,
    number: String,
}

pub(super) async fn show(
    State(console): State<Console>,
    signed: Signed,
    Query(query): Query<InvoiceQuery>,
    headers: HeaderMap,
) -> HandlerAnswer {
    signed.require(Permission::ViewInvoices)?;
    let tenant = TenantId::from(query.tenant.as_str());
    let scope = &signed.principal.scope;
    let found = InvoiceHistory::read(&console.store, &tenant, &query.number, scope).await.or_failed(&signed)?;
    let Some(invoice) = found else { return Err(signed.not_found()) };
    let whole = signed.principal.may(Permission::ReadPersonalData);
    // The page asks again every few seconds: those are one look.
    if whole {
        let actor = signed.actor();
        let entry = NewAuditEntry::new(AuditAction::InvoiceViewed, &actor).of_tenant(&tenant);
        let entry = NewAuditEntry { customer: invoice.customer_id.as_ref(), ..entry }.about(invoice.number.as_str());
        console.store.audit_look(&entry).await.or_failed(&signed)?;
    }
    let reader = invoice.reader(whole);
    let sections: Vec<InvoiceSection> =
        invoice.documents.iter().map(|document| section(&invoice, document, &reader)).collect();
    let names = console.store.tenant_names([&tenant]).await.or_failed(&signed)?;
    let customer = invoice.customer.as_ref();
    let name = customer.map(|customer| customer_name(&customer.name, customer.kind, whole));
    let tenant_name = tenant_name(&tenant, names.get(&tenant));
    let customer_id = invoice.customer_id.as_ref().map(ToString::to_string);
    let view = InvoiceNumberPage {
        tenant: &tenant_name,
        number: &invoice.number,
        customer_id: customer_id.as_deref(),
        customer_name: name.as_deref(),
        sections: &sections,
    };
    Ok(pages::invoice(&signed.layout(), &view, headers.get(header::IF_NONE_MATCH)))
}

/// `/deliveries/{id}`: the page of its invoice.
pub(super) async fn of_delivery(
    State(console): State<Console>,
    signed: Signed,
    Path(id): Path<String>,
) -> HandlerAnswer {
    signed.require(Permission::ViewInvoices)?;
    let delivery = delivery(&console, &signed, &id).await?;
    Ok(see_other(&path_of(&delivery, None)))
}

/// Where the page of a delivery's invoice is, with what was done just before.
pub(super) fn path_of(delivery: &Delivery, done: Option<pages::ActionDone>) -> String {
    let path = invoice_path(delivery.invoice.tenant.as_str(), &delivery.invoice.number);
    match done {
        Some(done) => format!("{path}&done={}", done.into_str()),
        None => path,
    }
}

/// A delivery of the person's scope; one that is another's is unknown.
pub(super) async fn delivery(console: &Console, signed: &Signed, id: &str) -> Result<Delivery, Response> {
    let id: uuid::Uuid = id.parse().map_err(|_| signed.not_found())?;
    let found = console.store.delivery(DeliveryId(id), &signed.principal.scope).await.or_failed(signed)?;
    found.ok_or_else(|| signed.not_found())
}

fn section(invoice: &InvoiceHistory, document: &DocumentHistory, reader: &Reader) -> InvoiceSection {
    let delivery = document.newest().map(|newest| &newest.delivery);
    let acknowledged = document.acknowledged().map(|(by, at)| Acknowledgement { by: by.to_owned(), at });
    let accepted = document.acceptance();
    let detail = match &accepted {
        // What it says of recipients that were refused besides.
        Some(_) => delivery.and_then(|delivery| delivery.reason.clone()),
        None => invoice.detail(document),
    };
    InvoiceSection {
        delivery: delivery.map(|delivery| delivery.id.to_string()),
        kind: document.kind,
        reminder_level: document.reminder_level(),
        standing: document.standing(),
        class: document.class(),
        next_at: document.next_at(),
        since: document.since(),
        accepted: accepted.map(|answer| reader.reply(&answer)),
        detail: detail.map(|detail| reader.reply(&detail)),
        acknowledged,
        can_be_resent: document.can_be_resent(),
        timeline: timeline(document, reader),
        facts: facts(invoice, document, reader),
    }
}

fn facts(invoice: &InvoiceHistory, document: &DocumentHistory, reader: &Reader) -> InvoiceFacts {
    let newest = document.newest();
    let delivery = newest.map(|newest| &newest.delivery);
    let data = document.data.as_ref();
    let said = data.map(|data| &data.invoice);
    let event = document.events.last();
    let inputs = delivery.and_then(|delivery| delivery.decision_inputs.as_deref());
    let inputs = inputs.and_then(|json| serde_json::from_str::<Inputs>(json).ok());
    InvoiceFacts {
        issue_date: said.map(|said| said.issue_date),
        due_date: said.and_then(|said| said.due_date),
        total: said.map(|said| said.total),
        amount_due: said.and_then(|said| said.amount_due),
        currency: said.map(|said| said.currency.clone()).unwrap_or_default(),
        recipients: delivery.map(|delivery| reader.recipients(&delivery.recipients)).unwrap_or_default(),
        documents: data.map(|data| documents(&all_attached(data))).unwrap_or_default(),
        links: document.deliveries.iter().flat_map(links).collect(),
        locked_until: invoice.locks.iter().map(|lock| lock.until).max(),
        relay: delivery.and_then(|delivery| delivery.relay.as_ref()).map(ToString::to_string),
        attempts: delivery.map_or(0, |delivery| delivery.attempts),
        message_id: delivery.and_then(|delivery| delivery.message_id.clone()),
        has_message: delivery.is_some_and(|delivery| delivery.message_sha256.is_some()),
        settings_version: inputs.map(|inputs| inputs.settings_version),
        event_id: event.map(|event| event.id.clone()),
        event_source: event.map(|event| event.source.clone()),
    }
}

fn links(explained: &ExplainedDelivery) -> Vec<LinkFact> {
    let opened = explained.portal.iter().filter(|event| event.kind == PortalEventKind::Opened).count();
    let opened = u64::try_from(opened).unwrap_or(u64::MAX);
    let fact = |link: &ExplainedLink| LinkFact { expires_at: link.expires_at, revoked_at: link.revoked_at, opened };
    explained.links.iter().map(fact).collect()
}
