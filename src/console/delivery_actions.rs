//! What a person does to one delivery: stop it, hurry it, decide that it was sent, take it off the work list, take its links
//! back, lift its customer's lock.

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use super::Console;
use super::answers::{HandlerAnswer, OrFailed, reason};
use super::invoice::{delivery, path_of};
use super::pages::{self, ActionDone};
use super::signed::{Signed, SignedForm, safe_next, see_other};
use crate::policy::permission::Permission;
use crate::store::{Acted, Delivery, LinkSelection};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ActionFields {
    reason: String,
    /// Where to go on.
    next: String,
}

/// A form of somebody who may do that, and the delivery of their scope that it names.
async fn named(console: &Console, signed: &Signed, permission: Permission, id: &str) -> Result<Delivery, Response> {
    signed.require(permission)?;
    delivery(console, signed, id).await
}

/// The reason; an act without one is not done.
fn reason_of<'f>(signed: &Signed, fields: &'f ActionFields) -> Result<&'f str, Response> {
    reason(&fields.reason).ok_or_else(|| pages::conflict(&signed.front()))
}

fn done(delivery: &Delivery, done: ActionDone) -> Response {
    see_other(&path_of(delivery, Some(done)))
}

fn acted(signed: &Signed, delivery: &Delivery, acted: Acted, what: ActionDone) -> HandlerAnswer {
    match acted {
        Acted::Done => Ok(done(delivery, what)),
        // It has moved since the page was shown.
        Acted::NotPossible(_) | Acted::TenantPaused => Err(pages::conflict(&signed.front())),
        Acted::Unknown => Err(signed.not_found()),
    }
}

pub(super) async fn acknowledge(
    State(console): State<Console>,
    Path(id): Path<String>,
    SignedForm { signed, form: fields }: SignedForm<ActionFields>,
) -> HandlerAnswer {
    let delivery = named(&console, &signed, Permission::Acknowledge, &id).await?;
    console.store.acknowledge(&signed.principal.scope, &[delivery.id], &signed.actor()).await.or_failed(&signed)?;
    // Somebody may have been first: it is off the list all the same.
    let what = ActionDone::Acknowledged;
    let Some(next) = safe_next(&fields.next) else { return Ok(done(&delivery, what)) };
    let separator = if next.contains('?') { '&' } else { '?' };
    Ok(see_other(&format!("{next}{separator}done={}", what.into_str())))
}

pub(super) async fn send_now(
    State(console): State<Console>,
    Path(id): Path<String>,
    SignedForm { signed, .. }: SignedForm<ActionFields>,
) -> HandlerAnswer {
    let delivery = named(&console, &signed, Permission::Cancel, &id).await?;
    let result = console.store.send_now(delivery.id, &signed.actor()).await.or_failed(&signed)?;
    acted(&signed, &delivery, result, ActionDone::SentNow)
}

pub(super) async fn cancel(
    State(console): State<Console>,
    Path(id): Path<String>,
    SignedForm { signed, form: fields }: SignedForm<ActionFields>,
) -> HandlerAnswer {
    let delivery = named(&console, &signed, Permission::Cancel, &id).await?;
    let result =
        console.store.cancel(delivery.id, &signed.actor(), reason_of(&signed, &fields)?).await.or_failed(&signed)?;
    acted(&signed, &delivery, result, ActionDone::Cancelled)
}

pub(super) async fn mark_sent(
    State(console): State<Console>,
    Path(id): Path<String>,
    SignedForm { signed, form: fields }: SignedForm<ActionFields>,
) -> HandlerAnswer {
    let delivery = named(&console, &signed, Permission::Conclude, &id).await?;
    let marked =
        console.store.mark_sent(delivery.id, &signed.actor(), reason_of(&signed, &fields)?).await.or_failed(&signed)?;
    acted(&signed, &delivery, marked.acted, ActionDone::MarkedSent)
}

/// All links of the invoice: whoever asks for it does not know by which delivery the one came that went astray.
pub(super) async fn revoke_links(
    State(console): State<Console>,
    Path(id): Path<String>,
    SignedForm { signed, form: fields }: SignedForm<ActionFields>,
) -> HandlerAnswer {
    let delivery = named(&console, &signed, Permission::RevokeLinks, &id).await?;
    let (tenant, invoice) = (delivery.invoice.tenant.clone(), delivery.invoice.id.clone());
    let selection = LinkSelection::Invoice { tenant, invoice };
    console.store.revoke_links(&selection, &signed.actor(), reason_of(&signed, &fields)?).await.or_failed(&signed)?;
    Ok(done(&delivery, ActionDone::LinksRevoked))
}

pub(super) async fn lift_lock(
    State(console): State<Console>,
    Path(id): Path<String>,
    SignedForm { signed, form: fields }: SignedForm<ActionFields>,
) -> HandlerAnswer {
    let delivery = named(&console, &signed, Permission::LiftLocks, &id).await?;
    let (tenant, customer) = (&delivery.invoice.tenant, &delivery.invoice.customer);
    console
        .store
        .lift_portal_locks(tenant, customer, &signed.actor(), reason_of(&signed, &fields)?)
        .await
        .or_failed(&signed)?;
    Ok(done(&delivery, ActionDone::LockLifted))
}
