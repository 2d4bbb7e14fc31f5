//! The one guard: what a request may see, by what holds at this moment.
//!
//! Each request asks anew: the session has the invoice, its link is neither revoked nor expired, what do today's settings
//! ask of this customer's type, and does a verification still count (its method is among those that the customer can use
//! now, and the record is the one that it was proven against). So stricter settings, a revoked link and a changed record
//! hold from the next request on.

use axum::response::Response;

use super::Portal;
use super::pages::{self, PageLayout};
use super::session::Visitor;
use crate::event::{self, Document, InvoiceData};
use crate::model::customer::usable_methods;
use crate::model::ids::DeliveryId;
use crate::model::settings::{Settings, VerificationMethod};
use crate::policy::decision::PortalAccess;
use crate::policy::portal::{Visibility, lists_invoices, still_holds};
use crate::sha256::Sha256;
use crate::store::{CustomerNow, PortalVerification, PortalVisit, StoreError, VerifiedCustomer};

/// A request that may see something of an invoice, and how much.
#[derive(Debug)]
pub struct GuardedVisit {
    /// The id that the browser showed.
    pub id_sha256: Sha256,
    pub visit: PortalVisit,
    /// The event.
    pub data: InvoiceData,
    /// What today's settings ask of this customer.
    pub access: PortalAccess,
    /// The methods by which the customer can be verified now, in the tenant's order.
    pub methods: Vec<VerificationMethod>,
    /// The visitor is verified as this customer.
    pub verified: bool,
    /// Not for others to change: what is read depends on it.
    shown: Visibility,
}

/// The right to read the documents of one invoice for one request. Only the guard makes one, and documents are read with
/// nothing else.
#[derive(Debug)]
pub struct DocumentGrant {
    visit: PortalVisit,
    data: InvoiceData,
}

/// Why a request sees nothing of an invoice.
#[derive(Debug)]
pub enum VisitRefusal {
    /// No session, or not of this invoice; the link has been revoked or has expired; there is no such invoice. All look the
    /// same.
    SessionOver,
    /// The event's bytes are deleted: their time is over, or the customer was erased.
    Forgotten(Box<PortalVisit>),
    Failed(StoreError),
}

/// What the request may see of the invoice of the delivery `root`.
///
/// # Errors
/// [`VisitRefusal`] if that is nothing.
pub async fn visit(portal: &Portal, visitor: &Visitor, root: DeliveryId) -> Result<GuardedVisit, VisitRefusal> {
    let id_sha256 = visitor.session.as_ref().ok_or(VisitRefusal::SessionOver)?.id_sha256;
    let found = portal.store.portal_visit(id_sha256, root).await.map_err(VisitRefusal::Failed)?;
    let visit = found.ok_or(VisitRefusal::SessionOver)?;
    let guarded = judge(visit, id_sha256, portal)?;
    if let Some(verification) = guarded.visit.verification.as_ref().filter(|_| guarded.verified) {
        let customer = (&guarded.visit.invoice.tenant, &guarded.visit.invoice.customer);
        let used = portal.store.use_portal_verification(id_sha256, customer, verification).await;
        used.map_err(VisitRefusal::Failed)?;
    }
    Ok(guarded)
}

/// What today's settings ask of a customer, the methods that it can use now, and whether a verification still counts.
fn standing(
    portal: &Portal,
    settings: Settings,
    customer: &CustomerNow,
    verification: Option<&PortalVerification>,
) -> (PortalAccess, Vec<VerificationMethod>, bool) {
    let access = PortalAccess::of(settings.portal_authentication.level, customer.kind);
    let methods = usable_methods((&customer.keys).into(), &settings, &portal.verification);
    let verified = verification.is_some_and(|verification| {
        let unchanged = customer.keys.has_hmac(&portal.record_keys, verification.record_hmac.as_bytes());
        still_holds(verification.method, &methods, unchanged)
    });
    (access, methods, verified)
}

/// Whether this customer's invoices are listed to the session that was verified as them.
pub(super) fn may_list(portal: &Portal, customer: &VerifiedCustomer) -> bool {
    let (access, _, verified) = standing(portal, customer.settings, &customer.now, Some(&customer.verification));
    lists_invoices(access, verified)
}

/// Decides by what was read; does nothing.
fn judge(visit: PortalVisit, id_sha256: Sha256, portal: &Portal) -> Result<GuardedVisit, VisitRefusal> {
    let (access, methods, verified) = standing(portal, visit.settings, &visit.customer, visit.verification.as_ref());
    // By its own link, or as one of the invoices that a verified customer finds listed.
    let is_in_session = visit.opened || (visit.is_listed && lists_invoices(access, verified));
    if !(is_in_session && visit.link_is_live) {
        return Err(VisitRefusal::SessionOver);
    }
    let Some(body) = &visit.event_body else { return Err(VisitRefusal::Forgotten(Box::new(visit))) };
    let data = match event::reread(body) {
        Ok(data) => data,
        Err(fault) => {
            tracing::error!(delivery.id = %visit.root, "failed to read the event of an invoice in the portal: {fault}");
            return Err(VisitRefusal::Forgotten(Box::new(visit)));
        }
    };
    let shown = Visibility::of(access, verified);
    Ok(GuardedVisit { id_sha256, visit, data, access, methods, verified, shown })
}

impl GuardedVisit {
    /// A page of this invoice. `path` is where it can be asked for again.
    #[must_use]
    pub fn layout<'a>(&'a self, visitor: &'a Visitor, path: Option<&'a str>) -> PageLayout<'a> {
        visitor.layout((&self.visit.profile, self.visit.logo), &self.visit.locale, path)
    }

    #[must_use]
    pub const fn shown(&self) -> Visibility {
        self.shown
    }

    /// The right to read the documents; none where they are not shown.
    #[must_use]
    pub fn into_grant(self) -> Option<DocumentGrant> {
        self.shown.documents().then_some(DocumentGrant { visit: self.visit, data: self.data })
    }
}

impl DocumentGrant {
    #[must_use]
    pub const fn root(&self) -> DeliveryId {
        self.visit.root
    }

    #[must_use]
    pub const fn data(&self) -> &InvoiceData {
        &self.data
    }

    /// The page that says that they cannot be shown now, and whom to ask.
    #[must_use]
    pub fn unavailable(&self, visitor: &Visitor) -> Response {
        unavailable(&self.visit, visitor)
    }

    /// The document at this place, counted from 1.
    #[must_use]
    pub fn document(&self, number: usize) -> Option<&Document> {
        self.data.documents.get(number.checked_sub(1)?)
    }
}

/// The page of an invoice whose documents the store does not give; it names the tenant's contact.
fn unavailable(visit: &PortalVisit, visitor: &Visitor) -> Response {
    let layout = visitor.layout((&visit.profile, visit.logo), &visit.locale, None);
    pages::document_unavailable(&layout, &invoice_path(visit.root))
}

/// Where the page of an invoice is.
#[must_use]
pub fn invoice_path(root: DeliveryId) -> String {
    format!("/invoices/{root}")
}

impl VisitRefusal {
    #[must_use]
    pub fn page(&self, visitor: &Visitor) -> Response {
        match self {
            Self::SessionOver => visitor.session_over(),
            Self::Forgotten(visit) => unavailable(visit, visitor),
            Self::Failed(error) => {
                tracing::warn!("failed to read what a visitor may see: {error}");
                visitor.later()
            }
        }
    }
}
