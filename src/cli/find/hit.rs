//! What a search found, one line each.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::terminal::format::{customer_name, recipients, recipients_whole, relative};
use crate::cli::terminal::output::{ListRow, spelled};
use crate::cli::terminal::table::Column;
use crate::clock::Timestamp;
use crate::model::customer::Customer;
use crate::model::ids::{CustomerId, DeadLetterId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::state::DeliveryRole;
use crate::store::{DeadLetter, Delivery, FoundBy, FoundEvent, SearchHits};
use crate::telemetry::Masked;

/// What a search found.
#[derive(Debug, Serialize)]
pub(super) struct Hit {
    /// `invoice` (whatever its kind), `waiting_event`, `dead_letter`, or `customer`.
    what: &'static str,
    tenant_id: Option<TenantId>,
    customer_id: Option<CustomerId>,
    invoice_number: Option<String>,
    #[serde(serialize_with = "spelled")]
    kind: Option<InvoiceKind>,
    /// Of an invoice, of its newest delivery that counts.
    state: Option<&'static str>,
    #[serde(serialize_with = "spelled")]
    class: Option<ReasonCode>,
    delivery_id: Option<DeliveryId>,
    dead_letter_id: Option<DeadLetterId>,
    event_id: Option<String>,
    /// How many deliveries of it were found.
    deliveries: usize,
    /// Of an invoice, the recipients; of a customer, name and address: masked.
    who: String,
    /// When it was made, came or failed.
    at: Option<Timestamp>,
    #[serde(serialize_with = "spelled")]
    found_by: Option<FoundBy>,
    /// Tenant, customer and number are no more than what an event claims that could not be read.
    claimed: bool,
    #[serde(skip)]
    now: Timestamp,
}

impl Hit {
    const fn empty(what: &'static str, now: Timestamp) -> Self {
        Self {
            what,
            tenant_id: None,
            customer_id: None,
            invoice_number: None,
            kind: None,
            state: None,
            class: None,
            delivery_id: None,
            dead_letter_id: None,
            event_id: None,
            deliveries: 0,
            who: String::new(),
            at: None,
            found_by: None,
            claimed: false,
            now,
        }
    }

    /// Everything that was found, what is named exactly first.
    pub(super) fn all(found: SearchHits, addresses: bool, now: Timestamp) -> Vec<Self> {
        let SearchHits { deliveries, events, dead_letters, customers, .. } = found;
        let mut hits = Self::invoices(deliveries, addresses, now);
        hits.extend(events.into_iter().map(|(by, event)| Self::waiting(by, event, now)));
        hits.extend(dead_letters.into_iter().map(|(by, letter)| Self::dead(by, letter, now)));
        let place = |hit: &Self| match hit.found_by {
            Some(FoundBy::NumberPrefix) => 1,
            Some(FoundBy::Customer) => 3,
            _ => 0,
        };
        hits.extend(customers.into_iter().map(|customer| Self::customer(customer, addresses, now)));
        hits.sort_by_key(|hit| if hit.what == "customer" { 2 } else { place(hit) });
        hits
    }

    /// Tenant and number, of what has both.
    pub(super) fn invoice(&self) -> Option<(&str, &str)> {
        Some((self.tenant_id.as_ref()?.as_str(), self.invoice_number.as_deref()?))
    }

    /// One line for each invoice, credit note and reminder: where its newest delivery stands that nothing took the
    /// place of.
    fn invoices(deliveries: Vec<(FoundBy, Delivery)>, addresses: bool, now: Timestamp) -> Vec<Self> {
        let mut order = Vec::new();
        let mut groups: BTreeMap<_, Vec<(FoundBy, Delivery)>> = BTreeMap::new();
        for (by, delivery) in deliveries {
            let key = (delivery.invoice.tenant.clone(), delivery.invoice.id.clone(), delivery.invoice.kind.into_str());
            if !groups.contains_key(&key) {
                order.push(key.clone());
            }
            groups.entry(key).or_default().push((by, delivery));
        }
        let groups = order.iter().filter_map(|key| groups.remove(key));
        groups.filter_map(|group| Self::of_group(group, addresses, now)).collect()
    }

    fn of_group(group: Vec<(FoundBy, Delivery)>, addresses: bool, now: Timestamp) -> Option<Self> {
        let deliveries = group.len();
        let (by, newest) = group.into_iter().max_by_key(|(_, delivery)| {
            let is_aside = matches!(delivery.class, Some(ReasonCode::Superseded | ReasonCode::DuplicateInvoice));
            (!is_aside, delivery.role == DeliveryRole::Main, delivery.created_at, delivery.id.0)
        })?;
        Some(Self {
            state: Some(newest.state.into_str()),
            class: newest.class,
            delivery_id: Some(newest.id),
            deliveries,
            who: if addresses { recipients_whole(&newest.recipients) } else { recipients(&newest.recipients) },
            at: Some(newest.concluded_at.unwrap_or(newest.created_at)),
            tenant_id: Some(newest.invoice.tenant),
            customer_id: Some(newest.invoice.customer),
            invoice_number: Some(newest.invoice.number),
            kind: Some(newest.invoice.kind),
            found_by: Some(by),
            ..Self::empty("invoice", now)
        })
    }

    fn waiting(by: FoundBy, event: FoundEvent, now: Timestamp) -> Self {
        Self {
            state: Some(event.state.into_str()),
            tenant_id: Some(event.invoice.tenant),
            customer_id: Some(event.invoice.customer),
            invoice_number: Some(event.invoice.number),
            kind: Some(event.invoice.kind),
            event_id: Some(event.id),
            at: Some(event.received_at),
            found_by: Some(by),
            ..Self::empty("waiting_event", now)
        }
    }

    fn dead(by: FoundBy, letter: DeadLetter, now: Timestamp) -> Self {
        Self {
            claimed: letter.is_claimed(),
            state: Some(letter.state.into_str()),
            class: Some(letter.class),
            tenant_id: letter.tenant,
            customer_id: letter.customer,
            invoice_number: letter.invoice_number,
            dead_letter_id: Some(letter.id),
            event_id: letter.event_id,
            at: Some(letter.last_failed_at),
            found_by: Some(by),
            ..Self::empty("dead_letter", now)
        }
    }

    fn customer(customer: Customer, addresses: bool, now: Timestamp) -> Self {
        let address = if addresses { customer.address.clone() } else { Masked(&customer.address).to_string() };
        Self {
            who: format!("{}, {address}", customer_name(&customer, addresses)),
            state: customer.kind.map(|kind| kind.into_str()),
            tenant_id: Some(customer.tenant_id),
            customer_id: Some(customer.id),
            ..Self::empty("customer", now)
        }
    }

    fn stands(&self) -> String {
        let ago = self.at.map(|at| relative(at, self.now)).unwrap_or_default();
        let state = match (self.what, self.class, self.state) {
            ("dead_letter", Some(class), Some("open")) => format!("dead letter, {class}"),
            ("dead_letter", Some(class), Some(state)) => format!("dead letter, {class}, {state}"),
            ("invoice", Some(class), Some(state)) if class != ReasonCode::Accepted => format!("{state}, {class}"),
            ("waiting_event", ..) => "waits for its customer".to_owned(),
            (_, _, state) => state.unwrap_or("unknown type").to_owned(),
        };
        format!("{state} {ago}").trim_end().to_owned()
    }
}

impl ListRow for Hit {
    const COLUMNS: &'static [Column] = &[
        Column::whole("WHAT"),
        Column::text("TENANT"),
        Column::text("STATE"),
        Column::whole("DELIVERY").wide_only(),
        Column::text("FOUND BY").wide_only(),
        Column::text("WHO"),
    ];

    fn cells(&self) -> Vec<String> {
        let kind = self.kind.map_or("invoice", InvoiceKind::label);
        let what = match (self.what, &self.invoice_number, &self.customer_id) {
            ("customer", _, Some(id)) => format!("customer {id}"),
            (_, Some(number), _) if self.claimed => format!("{number} (claimed)"),
            (_, Some(number), _) => format!("{kind} {number}"),
            _ => "unknown invoice".to_owned(),
        };
        let who = match (&self.customer_id, self.who.as_str()) {
            (Some(customer), "") => format!("customer {customer}"),
            (_, who) => who.to_owned(),
        };
        vec![
            what,
            self.tenant_id.as_ref().map_or("-", TenantId::as_str).to_owned(),
            self.stands(),
            self.delivery_id.map_or_else(|| "-".to_owned(), |id| id.to_string()),
            self.found_by.map_or_else(|| "name or id".to_owned(), |by| by.into_str().replace('_', " ")),
            who,
        ]
    }
}
