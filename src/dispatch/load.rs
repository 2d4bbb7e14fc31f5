//! Reads claimed deliveries. One that cannot be read does not fail the others of its batch, and becomes a dead letter:
//! otherwise it would be claimed again forever.

use std::collections::HashMap;

use super::context::Context;
use crate::bisect::bisect;
use crate::model::ids::{DeliveryId, WorkerId};
use crate::model::reason::ReasonCode;
use crate::model::state::Concluded;
use crate::store::{
    Claimed, Conclusion, DeliveryContext, DeliveryIdentity, NewDeadLetter, NextState, Record, StoreError,
};

/// What is known of a delivery, or why that cannot be read.
pub type Loaded = Result<DeliveryContext, String>;

/// Reads what is known of deliveries, each by itself if need be.
///
/// # Errors
/// If the database is away; no delivery is to blame.
pub async fn load(context: &Context, deliveries: &[DeliveryId]) -> Result<HashMap<DeliveryId, Loaded>, StoreError> {
    let results = bisect(deliveries, StoreError::is_about_a_row, |part| async move {
        let loaded = context.store.load(part).await?;
        let mut loaded: HashMap<_, _> = loaded.into_iter().map(|delivery| (delivery.id, delivery)).collect();
        Ok(part.iter().map(|id| loaded.remove(id)).collect())
    })
    .await?;
    let loaded = |result: Result<Option<DeliveryContext>, StoreError>| match result {
        Ok(Some(delivery)) => Ok(delivery),
        Ok(None) => Err("what it is made of is not stored".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    Ok(deliveries.iter().copied().zip(results.into_iter().map(loaded)).collect())
}

/// How a delivery ends that cannot be read: dead, or uncertain if the relay may hold it already.
pub async fn unreadable(context: &Context, claimed: &Claimed, why: &str) -> Result<Record, StoreError> {
    let identity = match context.store.delivery_identity(claimed.delivery).await {
        Err(error) if !error.is_about_a_row() => return Err(error),
        identity => identity.ok().flatten(),
    };
    let lacks = identity.as_ref().and_then(|identity| identity.lacks);
    let reason = format!("the delivery cannot be loaded: {}", lacks.unwrap_or(why));
    let letter = (!claimed.may_be_out).then(|| dead_letter(context, claimed, identity, &reason));
    Ok(concluded(context, context.worker, claimed, reason, letter))
}

fn concluded(
    context: &Context,
    worker: WorkerId,
    claimed: &Claimed,
    reason: String,
    dead_letter: Option<NewDeadLetter>,
) -> Record {
    let (concluded, class) = match dead_letter {
        Some(_) => (Concluded::Dead, ReasonCode::Internal),
        None => (Concluded::Uncertain, ReasonCode::Uncertain),
    };
    let conclusion = Conclusion {
        concluded,
        at: context.clock.now(),
        class,
        reason: Some(reason),
        attempts: claimed.attempts,
        decision: claimed.earlier,
        decision_reason: None,
        decision_inputs: None,
        message_id: None,
        message_sha256: claimed.message_sha256,
        message_date: claimed.message_date,
        message_size: None,
        attachments: None,
        phase: None,
        code: None,
        dead_letter,
        rest: None,
        if_held: None,
    };
    Record { fence: claimed.fence(worker), attempt: None, next: NextState::Concluded(Box::new(conclusion)) }
}

fn dead_letter(
    context: &Context,
    claimed: &Claimed,
    identity: Option<DeliveryIdentity>,
    reason: &str,
) -> NewDeadLetter {
    let now = context.clock.now();
    let (event_key, source, event_id, invoice_number) = match identity {
        Some(known) => (Some(known.event_key), known.source, known.event_id, Some(known.invoice_number)),
        None => (None, None, None, None),
    };
    NewDeadLetter {
        delivery: Some(claimed.delivery),
        event_key,
        source,
        event_id,
        tenant: Some(claimed.tenant.clone()),
        customer: Some(claimed.customer.clone()),
        invoice_number,
        attempts: claimed.attempts,
        first_failed_at: claimed.first_failed_at.unwrap_or(now),
        ..NewDeadLetter::new(context.clock.new_id(), ReasonCode::Internal, &["load", reason], reason.to_owned(), now)
    }
}
