//! `/invoices`: what a verified customer finds besides the invoice of the link.
//!
//! Where today's level asks no verification of this customer there is no list: a link opens its own invoice alone, since
//! whoever has the email would see the others.

use axum::extract::State;
use axum::response::Response;

use super::Portal;
use super::guard::{invoice_path, may_list};
use super::pages::{self, InvoiceRow, InvoicesPage};
use super::session::Visitor;
use crate::compose::date::day_in;
use crate::event::{self, Invoice};
use crate::failpoint::{Failpoint, reach};
use crate::model::ids::{CustomerId, EventKey, TenantId};
use crate::sha256::Sha256;
use crate::store::{ListedInvoice, StoreError, VerifiedCustomer};

/// Events that are in memory at once: each may have 1 MiB.
const EVENTS_AT_ONCE: usize = 20;

/// An invoice of the page: of its event only what is shown.
struct ShownInvoice {
    path: String,
    listed: ListedInvoice,
    invoice: Invoice,
}

pub(super) async fn show(State(portal): State<Portal>, visitor: Visitor) -> Response {
    reach(Failpoint::PortalList);
    let Some(id) = visitor.session.as_ref().map(|session| session.id_sha256) else { return visitor.session_over() };
    let ((profile, logo), invoices) = match list(&portal, id).await {
        Ok(Some((first, invoices))) => ((first.profile, first.logo), invoices),
        Ok(None) => return visitor.session_over(),
        Err(error) => {
            tracing::warn!("failed to list a visitor's invoices: {error}");
            return visitor.later();
        }
    };
    let rows: Vec<_> = invoices
        .iter()
        .map(|ShownInvoice { path, listed, invoice }| InvoiceRow {
            path,
            invoice,
            mailed_on: day_in(listed.mailed_at, profile.time_zone.as_deref()),
        })
        .collect();
    let locale = invoices.first().map_or(profile.locale.as_str(), |shown| &shown.listed.locale);
    pages::invoices(&visitor.layout((&profile, logo), locale, Some("/invoices")), &InvoicesPage { rows: &rows })
}

/// The invoices of the customers that the session is verified as and whose invoices are listed, newest first: of one tenant,
/// that of the latest verification, whose page it is. None if there is no such customer.
async fn list(portal: &Portal, id: Sha256) -> Result<Option<(VerifiedCustomer, Vec<ShownInvoice>)>, StoreError> {
    let mut customers = portal.store.portal_verified_customers(id).await?;
    customers.retain(|customer| may_list(portal, customer));
    let Some(first) = customers.first().cloned() else { return Ok(None) };
    customers.retain(|customer| customer.tenant == first.tenant);
    for customer in &customers {
        let of = (&customer.tenant, &customer.customer);
        portal.store.use_portal_verification(id, of, &customer.verification).await?;
    }
    let of: Vec<(&TenantId, &CustomerId)> =
        customers.iter().map(|customer| (&customer.tenant, &customer.customer)).collect();
    let listed = portal.store.portal_invoices(&of).await?;
    let mut invoices = Vec::with_capacity(listed.len());
    for batch in listed.chunks(EVENTS_AT_ONCE) {
        let events: Vec<EventKey> = batch.iter().map(|listed| listed.event_key).collect();
        let bodies = portal.store.event_bodies(&events).await?;
        invoices.extend(batch.iter().filter_map(|listed| read(listed, bodies.get(&listed.event_key)?)));
    }
    Ok(Some((first, invoices)))
}

/// What is shown of an invoice; none if its event cannot be read, which is logged.
fn read(listed: &ListedInvoice, event_body: &[u8]) -> Option<ShownInvoice> {
    match event::reread(event_body) {
        Ok(data) => {
            Some(ShownInvoice { path: invoice_path(listed.root), listed: listed.clone(), invoice: data.invoice })
        }
        Err(fault) => {
            tracing::error!(delivery.id = %listed.root, "failed to read the event of an invoice in the portal: {fault}");
            None
        }
    }
}
