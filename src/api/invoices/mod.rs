//! Invoices as support looks at them: what waits for a person, what a text names, one of them whole, and what a person does.
//!
//! The console's pages do the same by the same verbs of `operator/` and queries of `store/`.

mod acts;
mod mail;
mod resend;
mod resend_plan;
mod search;
mod show;
mod shown;
mod timeline;
mod work_list;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use super::ApiSettings;
use super::act_refusal::ActRefusal;
use super::refusal::ApiRefusal;
use crate::model::access::TenantScope;
use crate::model::ids::DeliveryId;
use crate::store::Delivery;

/// The routes of invoices and deliveries.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default()
        .merge(work_list::routes())
        .merge(search::routes())
        .merge(show::routes())
        .merge(mail::routes())
        .merge(acts::routes())
        .merge(resend::routes())
}

/// A delivery's address, as axum hands it over.
type DeliveryPath = Result<Path<Uuid>, PathRejection>;

/// The delivery of an address; one that is another tenant's is unknown.
async fn delivery_at(console: &ApiSettings, scope: &TenantScope, path: DeliveryPath) -> Result<Delivery, ApiRefusal> {
    // What is no id is nobody's.
    let Path(id) = path.map_err(|_| ActRefusal::UnknownDelivery)?;
    delivery(console, scope, DeliveryId(id)).await
}

async fn delivery(console: &ApiSettings, scope: &TenantScope, id: DeliveryId) -> Result<Delivery, ApiRefusal> {
    let found = console.store.delivery(id, scope).await?;
    found.ok_or_else(|| ActRefusal::UnknownDelivery.into())
}
