//! `/deliveries/{id}/mail`: the mail as it was sent, and its HTML for a frame that runs nothing.

use axum::extract::{Path, State};
use axum::response::Response;

use super::Console;
use super::answers::{HandlerAnswer, OrFailed};
use super::facts::tenant_name;
use super::invoice::delivery;
use super::pages::{self, MessageProof, SentAttachment, SentMailPage};
use super::signed::Signed;
use super::turns::TRY_AGAIN;
use crate::model::audit::AuditAction;
use crate::operator::sent_message::parts::SentParts;
use crate::operator::sent_message::{CannotRebuild, Rebuilder, Rebuilt};
use crate::policy::permission::Permission;
use crate::store::{Delivery, NewAuditEntry};

pub(super) async fn show(State(console): State<Console>, signed: Signed, Path(id): Path<String>) -> HandlerAnswer {
    signed.require(Permission::ReadPersonalData)?;
    let delivery = delivery(&console, &signed, &id).await?;
    let rebuilt = rebuild(&console, &signed, &delivery).await?;
    audit_look(&console, &signed, &delivery).await?;
    let invoice = &delivery.invoice;
    let parts = SentParts::of(&rebuilt);
    let text = parts.text.replace("\r\n", "\n");
    let names = console.store.tenant_names([&invoice.tenant]).await.or_failed(&signed)?;
    let tenant = tenant_name(&invoice.tenant, names.get(&invoice.tenant));
    let (sha256, id) = (rebuilt.sent_sha256.to_string(), delivery.id.to_string());
    let attachments: Vec<SentAttachment> = rebuilt
        .mail
        .attachments
        .iter()
        .map(|one| SentAttachment {
            name: one.name.clone(),
            media_type: one.media_type.to_string(),
            size_bytes: one.size,
            sha256: one.sha256.to_string(),
        })
        .collect();
    let view = SentMailPage {
        tenant: &tenant,
        number: &invoice.number,
        delivery: &id,
        proof: if rebuilt.is_proven() { MessageProof::Proven } else { MessageProof::Differs },
        sha256: Some(&sha256),
        from: parts.header("From"),
        to: parts.header("To"),
        subject: parts.header("Subject"),
        date: Some(rebuilt.mail.date),
        headers: &parts.headers,
        text: &text,
        has_html: parts.html.is_some(),
        attachments: &attachments,
    };
    Ok(pages::sent_mail(&signed.layout(), &view))
}

/// What the frame shows. Its own policy forbids scripts, forms and whatever would be loaded.
pub(super) async fn html(State(console): State<Console>, signed: Signed, Path(id): Path<String>) -> HandlerAnswer {
    signed.require(Permission::ReadPersonalData)?;
    let delivery = delivery(&console, &signed, &id).await?;
    let rebuilt = rebuild(&console, &signed, &delivery).await?;
    let html = SentParts::of(&rebuilt).html.ok_or_else(|| signed.not_found())?;
    // Within the page it is one look; it can be asked for without the page.
    audit_look(&console, &signed, &delivery).await?;
    Ok(pages::mail_frame(html))
}

async fn audit_look(console: &Console, signed: &Signed, delivery: &Delivery) -> Result<(), Response> {
    let (invoice, actor) = (&delivery.invoice, signed.actor());
    let entry = NewAuditEntry::new(AuditAction::MessageViewed, &actor).of_customer(&invoice.tenant, &invoice.customer);
    console.store.audit_look(&entry.about(delivery.id.to_string())).await.or_failed(signed)
}

async fn rebuild(console: &Console, signed: &Signed, delivery: &Delivery) -> Result<Rebuilt, Response> {
    let rebuilder = Rebuilder {
        store: &console.store,
        documents: &console.documents,
        templates: &console.templates,
        link_keys: &console.link_keys,
        portal_url: console.config.portal.url.as_str().trim_end_matches('/'),
    };
    rebuilder.rebuild(delivery).await.map_err(|error| match error {
        CannotRebuild::Store(error) => signed.failed(&error),
        // There is nothing to look at, or not any more.
        CannotRebuild::NothingSent(_) | CannotRebuild::Forgotten => signed.not_found(),
        other => {
            tracing::warn!("the mail of delivery {} cannot be shown: {other}", delivery.id);
            pages::unavailable(&signed.front(), TRY_AGAIN)
        }
    })
}
