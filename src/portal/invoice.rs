//! `/invoices/{root}`: the page of one invoice.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::guard::{GuardedVisit, invoice_path};
use super::pages::{self, DocumentAccess, InvoicePage};
use super::session::Visitor;
use super::{Portal, guard};
use crate::compose::date::day_in;
use crate::model::ids::DeliveryId;
use crate::policy::portal::{Visibility, lists_invoices};

/// The delivery that a path names; none if it names nothing, which looks the same as an unknown one.
pub(super) type RootPath = Result<Path<Uuid>, PathRejection>;

pub(super) async fn show(State(portal): State<Portal>, root: RootPath, visitor: Visitor) -> Response {
    let Ok(Path(root)) = root else { return visitor.session_over() };
    match guard::visit(&portal, &visitor, DeliveryId(root)).await {
        Ok(guarded) => page(&guarded, &visitor),
        Err(refusal) => refusal.page(&visitor),
    }
}

fn page(guarded: &GuardedVisit, visitor: &Visitor) -> Response {
    let (visit, data) = (&guarded.visit, &guarded.data);
    let path = invoice_path(visit.root);
    let layout = guarded.layout(visitor, Some(&path));
    let count = data.documents.len();
    let documents = match guarded.shown() {
        Visibility::Nothing => {
            let location = layout.language.link(&format!("{path}/verification"));
            let location = HeaderValue::try_from(location).expect("a path of ASCII");
            return (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
        }
        Visibility::InvoiceOnly => DocumentAccess::Closed { count },
        Visibility::InvoiceBeforeVerification => DocumentAccess::AfterVerification { count },
        Visibility::Documents => DocumentAccess::Open(&data.documents),
    };
    let page = InvoicePage {
        path: &path,
        invoice: &data.invoice,
        deadline: data.reminder.as_ref().and_then(|reminder| reminder.deadline),
        mailed_on: day_in(visit.mailed_at, visit.profile.time_zone.as_deref()),
        documents,
        has_list: lists_invoices(guarded.access, guarded.verified),
    };
    pages::invoice(&layout, &page)
}
