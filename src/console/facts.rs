//! What the store knows, as pages show it: whole to whoever may read personal data, masked to the others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::compose::Attachment;
use crate::event::Recipient;
use crate::model::ids::TenantId;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::state::DeliveryRole;
use crate::store::Delivery;
use crate::telemetry::{AddressMask, Masked};

use super::pages::{CustomerInvoiceRow, DocumentFact, InvoiceStanding, RecipientFact, TenantName};

/// How personal data is shown to one reader.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader {
    /// As it is.
    pub(super) whole: bool,
    mask: AddressMask,
}

impl Reader {
    /// A reader who is shown these addresses, whole or masked.
    pub(super) fn of<'a>(whole: bool, addresses: impl IntoIterator<Item = &'a str>) -> Self {
        Self { whole, mask: AddressMask::of(addresses) }
    }

    pub(super) fn address(&self, address: &str) -> String {
        if self.whole { address.to_owned() } else { Masked(address).to_string() }
    }

    /// A text of ours or of an operator's.
    pub(super) fn text(&self, text: &str) -> String {
        if self.whole { text.to_owned() } else { self.mask.text_without_addresses(text) }
    }

    /// A relay's words.
    pub(super) fn reply(&self, reply: &str) -> String {
        if self.whole { reply.to_owned() } else { self.mask.reply(reply) }
    }

    pub(super) fn addresses(&self, recipients: &[Recipient]) -> Vec<String> {
        recipients.iter().map(|recipient| self.address(&recipient.address)).collect()
    }

    pub(super) fn recipients(&self, recipients: &[Recipient]) -> Vec<RecipientFact> {
        let fact = |recipient: &Recipient| RecipientFact {
            role: recipient.role,
            address: self.address(&recipient.address),
            name: recipient.name.clone().filter(|_| self.whole),
        };
        recipients.iter().map(fact).collect()
    }
}

pub(super) fn documents(attachments: &[Attachment]) -> Vec<DocumentFact> {
    let fact = |one: &Attachment| DocumentFact {
        name: one.name.clone(),
        media_type: one.media_type.to_string(),
        size_bytes: one.size,
    };
    attachments.iter().map(fact).collect()
}

pub(super) fn tenant_name(id: &TenantId, name: Option<&String>) -> TenantName {
    TenantName { id: id.to_string(), name: name.cloned().unwrap_or_else(|| id.to_string()) }
}

/// One row for each invoice, credit note and reminder among these deliveries: where its newest stands that nothing took the
/// place of. In the order in which the deliveries come.
pub(super) fn invoice_rows(deliveries: &[Delivery]) -> Vec<CustomerInvoiceRow> {
    newest_of_each(deliveries).into_iter().map(invoice_row).collect()
}

fn invoice_row(delivery: &Delivery) -> CustomerInvoiceRow {
    CustomerInvoiceRow {
        number: delivery.invoice.number.clone(),
        kind: delivery.invoice.kind,
        standing: InvoiceStanding::Delivery(delivery.state),
        needs_you: delivery.work_kind.is_some(),
        at: delivery.created_at,
    }
}

/// The newest delivery of each invoice that nothing took the place of.
pub(super) fn newest_of_each(deliveries: &[Delivery]) -> Vec<&Delivery> {
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
