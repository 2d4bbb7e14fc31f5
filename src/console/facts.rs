//! What the store knows, as pages show it: whole to whoever may read personal data, masked to the others.

use crate::compose::Attachment;
use crate::event::Recipient;
use crate::model::ids::TenantId;
use crate::operator::invoice::{InvoiceStanding, newest_of_each};
pub(super) use crate::operator::masking::Reader;
use crate::store::Delivery;

use super::pages::{CustomerInvoiceRow, DocumentFact, RecipientFact, TenantName};

impl Reader {
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
