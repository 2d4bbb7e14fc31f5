//! One invoice number as people look at it: which documents stand under it, where each stands, and what holds it up.
//!
//! The command line and the pages say it in their own words; what they say is decided here.

pub mod history;
pub mod wait_reason;

use crate::model::ids::EventKey;
use crate::model::reason::ReasonCode;
use crate::model::state::DeliveryRole;
use crate::store::{Delivery, ExplainedDelivery, ExplainedEvent};

/// The delivery that the state of these is: the newest main one that nothing took the place of.
#[must_use]
pub fn newest_of<'d>(deliveries: impl IntoIterator<Item = &'d ExplainedDelivery>) -> Option<&'d ExplainedDelivery> {
    let is_aside =
        |delivery: &Delivery| matches!(delivery.class, Some(ReasonCode::Superseded | ReasonCode::DuplicateInvoice));
    deliveries.into_iter().filter(|explained| explained.delivery.role == DeliveryRole::Main).max_by_key(|explained| {
        let delivery = &explained.delivery;
        (!is_aside(delivery), delivery.created_at, delivery.id.0)
    })
}

/// Whether nothing is left of this event to make a mail of.
#[must_use]
pub fn is_forgotten(events: &[ExplainedEvent], event: EventKey) -> bool {
    events.iter().any(|known| known.key == event && !known.has_body)
}
