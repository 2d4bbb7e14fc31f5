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
use crate::event::{self, InvoiceData};
use crate::sha256::Sha256;
use crate::store::{ListedInvoice, StoreError, VerifiedCustomer};

pub(super) async fn show(State(portal): State<Portal>, visitor: Visitor) -> Response {
    let Some(id) = visitor.session.as_ref().map(|session| session.id_sha256) else { return visitor.session_over() };
    let ((profile, logo), invoices) = match list(&portal, id).await {
        Ok(Some((first, invoices))) => ((first.profile, first.logo), invoices),
        Ok(None) => return visitor.session_over(),
        Err(error) => {
            tracing::warn!("failed to list a visitor's invoices: {error}");
            return visitor.later();
        }
    };
    let invoices: Vec<_> = invoices.iter().filter_map(read).collect();
    let rows: Vec<_> = invoices
        .iter()
        .map(|(path, listed, data)| InvoiceRow {
            path,
            invoice: &data.invoice,
            mailed_on: day_in(listed.mailed_at, profile.time_zone.as_deref()),
        })
        .collect();
    let locale = invoices.first().map_or(profile.locale.as_str(), |(_, listed, _)| &listed.locale);
    pages::invoices(&visitor.layout((&profile, logo), locale, Some("/invoices")), &InvoicesPage { rows: &rows })
}

/// The invoices of the customers that the session is verified as and whose invoices are listed, newest first: of one tenant,
/// that of the latest verification, whose page it is. None if there is no such customer.
async fn list(portal: &Portal, id: Sha256) -> Result<Option<(VerifiedCustomer, Vec<ListedInvoice>)>, StoreError> {
    let mut customers = portal.store.portal_verified_customers(id).await?;
    customers.retain(|customer| may_list(portal, customer));
    let Some(first) = customers.first().cloned() else { return Ok(None) };
    let mut invoices = Vec::new();
    for customer in customers.iter().filter(|customer| customer.tenant == first.tenant) {
        let of = (&customer.tenant, &customer.customer);
        portal.store.use_portal_verification(id, of, &customer.verification).await?;
        invoices.extend(portal.store.portal_invoices(of.0, of.1).await?);
    }
    invoices.sort_by_key(|listed| std::cmp::Reverse((listed.created_at, listed.root)));
    Ok(Some((first, invoices)))
}

/// An invoice's path and event; none if that cannot be read, which is logged.
fn read(listed: &ListedInvoice) -> Option<(String, &ListedInvoice, InvoiceData)> {
    match event::reread(&listed.event_body) {
        Ok(data) => Some((invoice_path(listed.root), listed, data)),
        Err(fault) => {
            tracing::error!(delivery.id = %listed.root, "failed to read the event of an invoice in the portal: {fault}");
            None
        }
    }
}
