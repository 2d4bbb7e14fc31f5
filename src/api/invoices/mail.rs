//! `/api/v1/deliveries/{delivery_id}/mail`: the mail as it was sent.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shown::{ShownAttachment, attachments};
use super::{DeliveryPath, delivery_at};
use crate::api::ApiSettings;
use crate::api::act_refusal::ActRefusal;
use crate::api::actor::Asking;
use crate::api::document::parameters::DeliveryInPath;
use crate::api::document::problems::{NotFound, ProblemBody, Problems};
use crate::api::refusal::ApiRefusal;
use crate::clock::Timestamp;
use crate::model::audit::AuditAction;
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::state::DeliveryState;
use crate::operator::sent_message::parts::SentParts;
use crate::operator::sent_message::{CannotRebuild, Rebuilder, Rebuilt};
use crate::store::{Delivery, NewAuditEntry};

/// The route of a message.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(show))
}

/// A message as it was sent. What opens the portal is blanked; documents are named, their bytes are not here.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MailAnswer {
    /// The delivery's.
    id: DeliveryId,
    tenant_id: TenantId,
    customer_id: CustomerId,
    invoice_number: String,
    #[schema(value_type = InvoiceKind)]
    kind: &'static str,
    #[schema(value_type = DeliveryState)]
    state: &'static str,
    message_id: String,
    message_date: Timestamp,
    /// In bytes.
    message_size: usize,
    /// Of what was sent.
    message_sha256: String,
    /// Whether this is what was sent, byte for byte: its digest is that of what was sent.
    proven: bool,
    /// Of what is shown, if that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    rebuilt_sha256: Option<String>,
    /// It is put together with today's templates: those of then are gone.
    with_other_templates: bool,
    /// Every header, decoded, in order.
    headers: Vec<ShownHeader>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<String>,
    attachments: Vec<ShownAttachment>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ShownHeader {
    name: String,
    value: String,
}

/// Shows the mail of a delivery as it was sent.
///
/// No message is kept: it is put together again from what is known of the delivery, and its SHA-256 proves that it is what
/// was sent. That somebody looked is an entry of the audit log.
#[utoipa::path(
    get,
    path = "/api/v1/deliveries/{delivery_id}/mail",
    operation_id = "show_mail",
    tag = "invoices",
    params(DeliveryInPath),
    responses(
        (status = 200, description = "The mail.", body = MailAnswer),
        (
            status = 410,
            description = "`forgotten`: what it was made of has been deleted.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        NotFound,
        Problems
    )
)]
pub(super) async fn show(
    State(console): State<ApiSettings>,
    Asking(who): Asking,
    path: DeliveryPath,
) -> Result<Json<MailAnswer>, ApiRefusal> {
    let delivery = delivery_at(&console, &who.principal.scope, path).await?;
    let rebuilt = rebuild(&console, &delivery).await?;
    let invoice = &delivery.invoice;
    let entry = NewAuditEntry::new(AuditAction::MessageViewed, &who).of_customer(&invoice.tenant, &invoice.customer);
    console.store.audit_look(&entry.about(delivery.id.to_string())).await?;
    Ok(Json(MailAnswer::of(&delivery, &rebuilt)))
}

async fn rebuild(console: &ApiSettings, delivery: &Delivery) -> Result<Rebuilt, ApiRefusal> {
    let rebuilder = Rebuilder {
        store: &console.store,
        documents: &console.documents,
        templates: &console.templates,
        link_keys: &console.link_keys,
        portal_url: &console.portal_url,
    };
    rebuilder.rebuild(delivery).await.map_err(|error| match error {
        CannotRebuild::Store(error) => error.into(),
        CannotRebuild::NothingSent(_) => ActRefusal::NothingSent.into(),
        CannotRebuild::Forgotten => ActRefusal::Forgotten.into(),
        other => {
            tracing::warn!("the mail of delivery {} cannot be shown: {other}", delivery.id);
            ActRefusal::MessageUnavailable.into()
        }
    })
}

impl MailAnswer {
    fn of(delivery: &Delivery, rebuilt: &Rebuilt) -> Self {
        let SentParts { headers, text, html } = SentParts::of(rebuilt);
        let (mail, proven) = (&rebuilt.mail, rebuilt.is_proven());
        Self {
            id: delivery.id,
            tenant_id: delivery.invoice.tenant.clone(),
            customer_id: delivery.invoice.customer.clone(),
            invoice_number: delivery.invoice.number.clone(),
            kind: delivery.invoice.kind.into_str(),
            state: delivery.state.into_str(),
            message_id: mail.message_id.clone(),
            message_date: mail.date,
            message_size: mail.bytes.len(),
            message_sha256: rebuilt.sent_sha256.to_string(),
            proven,
            rebuilt_sha256: (!proven).then(|| mail.sha256.to_string()),
            with_other_templates: rebuilt.with_other_templates,
            headers: headers.into_iter().map(|(name, value)| ShownHeader { name, value }).collect(),
            text,
            html,
            attachments: attachments(&mail.attachments),
        }
    }
}
