//! The new snapshot of a dead delivery. Pure.

use super::redriven::{By, RedriveError};
use crate::clock::Timestamp;
use crate::event::InvoiceSent;
use crate::intake::{Parsed, PlanInputs, Recipients, locale, main_and_bcc};
use crate::model::reason::ReasonCode;
use crate::model::state::DeliveryRole;
use crate::store::{BroughtBack, CustomerSnapshot, DeadDelivery, IntakeContext, NewLaneEntry, TenantSnapshot};

/// Takes the snapshot anew; also says which `expires_at` is ignored.
pub(super) fn take(
    dead: &DeadDelivery,
    parsed: &Parsed,
    tenants: &[TenantSnapshot],
    context: &IntakeContext,
    inputs: &PlanInputs<'_>,
    by: By<'_>,
) -> Result<(BroughtBack, Option<Timestamp>), RedriveError> {
    let event = parsed.event.as_ref().map_err(|fault| fails(ReasonCode::Malformed, fault.to_string()))?;
    let tenant = tenants
        .iter()
        .find(|tenant| tenant.id == dead.tenant)
        .ok_or_else(|| fails(ReasonCode::UnknownTenant, format!("unknown tenant \"{}\"", dead.tenant)))?;
    let customer = context
        .customers
        .iter()
        .find(|customer| customer.tenant == dead.tenant && customer.id == dead.customer)
        .ok_or_else(|| fails(ReasonCode::UnknownCustomer, format!("unknown customer \"{}\"", dead.customer)))?;
    let Recipients { list: recipients, left_out: notes, .. } = recipients(dead, event, customer)?;
    let (expires_at, ignored_expiry) = match by {
        By::Person { .. } => (None, dead.expires_at),
        By::AutoRedrive => (dead.expires_at, None),
    };
    let (link_key, link_generation) = link(dead, inputs);
    let snapshot_at = event.data.not_before.map_or(inputs.now, |moment| moment.max(inputs.now));
    let back = BroughtBack {
        entry: NewLaneEntry {
            delivery: dead.id,
            relay: tenant.relay.clone(),
            tenant: dead.tenant.clone(),
            customer: dead.customer.clone(),
            due_at: snapshot_at,
            express: false,
            expires_at,
            claim: dead.claim,
            decision: None,
            message_date: None,
            held: None,
        },
        recipients,
        customer_name: customer.name.clone(),
        locale: locale(inputs.templates, event, customer.locale.as_deref(), &tenant.profile.locale).tag,
        profile_version: tenant.profile_version,
        template_version: inputs.template_version.to_owned(),
        snapshot_at,
        link_key,
        link_generation,
        notes,
    };
    Ok((back, ignored_expiry))
}

/// To and Cc anew, since the customer's address may be corrected. A Bcc is the event's own; what a rest or a resend
/// goes to was chosen, and stays.
fn recipients(
    dead: &DeadDelivery,
    event: &InvoiceSent,
    customer: &CustomerSnapshot,
) -> Result<Recipients, RedriveError> {
    if dead.role != DeliveryRole::Main || dead.is_resend {
        return Ok(Recipients { list: dead.recipients.clone(), fault: None, left_out: Vec::new() });
    }
    let (main, _) = main_and_bcc(&event.data, &customer.name, &customer.address);
    match main.fault {
        Some(fault) => {
            let hint = fault.hint().to_owned();
            Err(RedriveError::SameFault { class: ReasonCode::InvalidRecipient, reason: fault.reason, hint })
        }
        None => Ok(main),
    }
}

/// The token that the mail carries, if it carries one: the same while it is good, another once it was revoked.
fn link(dead: &DeadDelivery, inputs: &PlanInputs<'_>) -> (String, u32) {
    if dead.link_is_revoked {
        let last = dead.link_generation_last.unwrap_or(dead.link_generation);
        (inputs.link_key.to_owned(), last + 1)
    } else if dead.link_is_out {
        (dead.link_key.clone(), dead.link_generation)
    } else {
        (inputs.link_key.to_owned(), dead.link_generation)
    }
}

fn fails(class: ReasonCode, reason: String) -> RedriveError {
    RedriveError::SameFault { class, reason, hint: class.hint().to_owned() }
}
