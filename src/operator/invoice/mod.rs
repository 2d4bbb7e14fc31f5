//! One invoice number as people look at it: which documents stand under it, where each stands, and what holds it up.
//!
//! The command line and the pages say it in their own words; what they say is decided here.

pub mod history;
pub mod timeline;
pub mod wait_reason;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::str::FromStr;

use crate::model::ids::{EventKey, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::state::{DeliveryRole, DeliveryState};
use crate::store::{Delivery, ExplainedDelivery, ExplainedEvent};

/// Where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvoiceStanding {
    Delivery(DeliveryState),
    /// An event that waits for its tenant, customer or documents.
    EventWaiting,
    /// An event that became a dead letter.
    EventDead,
}

impl InvoiceStanding {
    /// The one spelling: the delivery's state, `waiting` or `dead_letter`.
    #[must_use]
    pub const fn into_str(self) -> &'static str {
        match self {
            Self::Delivery(state) => state.into_str(),
            Self::EventWaiting => "waiting",
            Self::EventDead => "dead_letter",
        }
    }
}

impl FromStr for InvoiceStanding {
    type Err = strum::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "waiting" => Ok(Self::EventWaiting),
            "dead_letter" => Ok(Self::EventDead),
            state => state.parse().map(Self::Delivery),
        }
    }
}

/// What a relay or a check answered: its code and the reason, or the reason alone if that names the code.
#[must_use]
pub fn answered(code: Option<&str>, reason: Option<&str>) -> Option<String> {
    match (code, reason) {
        (Some(code), Some(reason)) if !reason.contains(code) => Some(format!("{code} {reason}")),
        (code, reason) => reason.or(code).map(str::to_owned),
    }
}

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

/// The newest delivery of each invoice that nothing took the place of.
#[must_use]
pub fn newest_of_each(deliveries: &[Delivery]) -> Vec<&Delivery> {
    let rank = |delivery: &Delivery| {
        let aside = matches!(delivery.class, Some(ReasonCode::Superseded | ReasonCode::DuplicateInvoice));
        (!aside, delivery.role == DeliveryRole::Main, delivery.created_at, delivery.id.0)
    };
    let mut places: HashMap<(&TenantId, &str, InvoiceKind), usize> = HashMap::new();
    let mut newest: Vec<&Delivery> = Vec::new();
    for delivery in deliveries {
        let invoice = &delivery.invoice;
        match places.entry((&invoice.tenant, invoice.id.as_str(), invoice.kind)) {
            Entry::Vacant(place) => {
                place.insert(newest.len());
                newest.push(delivery);
            }
            Entry::Occupied(place) => {
                let known = &mut newest[*place.get()];
                if rank(delivery) > rank(known) {
                    *known = delivery;
                }
            }
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::state::Concluded;

    #[test]
    fn where_an_invoice_stands_reads_back() {
        for standing in [
            InvoiceStanding::Delivery(DeliveryState::Due),
            InvoiceStanding::Delivery(DeliveryState::Concluded(Concluded::Dead)),
            InvoiceStanding::EventWaiting,
            InvoiceStanding::EventDead,
        ] {
            assert_eq!(standing.into_str().parse(), Ok(standing));
        }
        assert!("open".parse::<InvoiceStanding>().is_err());
    }

    #[test]
    fn a_code_is_said_once() {
        let both = |code, reason| answered(code, reason).unwrap_or_default();
        assert_eq!(both(Some("550 5.1.1"), Some("the relay answered 550 5.1.1 no")), "the relay answered 550 5.1.1 no");
        assert_eq!(both(Some("451"), Some("no mobile number")), "451 no mobile number");
        assert_eq!((both(Some("451"), None), both(None, Some("late"))), ("451".to_owned(), "late".to_owned()));
        assert_eq!(answered(None, None), None);
    }
}
