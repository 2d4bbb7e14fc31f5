//! `/invoices/{root}`: the page of one invoice.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use uuid::Uuid;

use super::session::Visitor;
use super::{Portal, guard, placeholder};
use crate::model::ids::DeliveryId;

/// The delivery that a path names; none if it names nothing, which looks the same as an unknown one.
pub(super) type RootPath = Result<Path<Uuid>, PathRejection>;

pub(super) async fn show(State(portal): State<Portal>, root: RootPath, visitor: Visitor) -> Response {
    let Ok(Path(root)) = root else { return placeholder::session_over() };
    match guard::visit(&portal, &visitor, DeliveryId(root)).await {
        Ok(guarded) if guarded.shown().invoice() => placeholder::invoice(&guarded.visit.invoice.number),
        Ok(_) => placeholder::verification_asked(),
        Err(refusal) => refusal.page(),
    }
}
