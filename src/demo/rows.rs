//! One row of the report for each message that an event made, and one for an event that made none.

use crate::demo::catcher::Mailbox;
use crate::demo::report::ReportRow;
use crate::event::{self, InvoiceSent};
use crate::intake::Verdict;
use crate::model::access::TenantScope;
use crate::model::reason::ReasonCode;
use crate::store::{Delivery, Store, StoreError};

/// The rows of the event with these bytes.
pub(super) async fn rows_of(
    store: &Store,
    mailbox: &Mailbox,
    bytes: &[u8],
    verdict: Verdict,
) -> Result<Vec<ReportRow>, StoreError> {
    let Ok(event) = event::parse(bytes) else {
        return Ok(vec![without_delivery(ReportRow::default(), verdict)]);
    };
    let row = of_event(store, &event).await?;
    // These made nothing of their own: what the first event of the same id made is in its own row.
    let deliveries = match verdict {
        Verdict::Duplicate | Verdict::DeadLetter(ReasonCode::ConflictingEvent) => Vec::new(),
        _ => store.deliveries_of_event(event.key(), &TenantScope::All).await?,
    };
    if deliveries.is_empty() {
        return Ok(vec![without_delivery(row, verdict)]);
    }
    Ok(deliveries.iter().map(|delivery| of_delivery(&row, mailbox, delivery)).collect())
}

async fn of_event(store: &Store, event: &InvoiceSent) -> Result<ReportRow, StoreError> {
    let data = &event.data;
    let settings = store.settings(&data.tenant_id, &TenantScope::All).await?;
    let customer = store.customer(&data.tenant_id, &data.customer_id, &TenantScope::All).await?;
    Ok(ReportRow {
        event_id: Some(event.id.clone()),
        tenant: Some(data.tenant_id.to_string()),
        invoice: Some(data.invoice.number.clone()),
        policy: settings.map(|settings| settings.settings.sensitive_attachments.to_string()),
        customer_type: customer.and_then(|customer| customer.kind).map(|kind| kind.to_string()),
        ..ReportRow::default()
    })
}

fn without_delivery(row: ReportRow, verdict: Verdict) -> ReportRow {
    let (state, class) = match verdict {
        Verdict::Duplicate => ("duplicate", None),
        Verdict::Waiting => ("waiting", None),
        Verdict::DeadLetter(class) => ("dead", Some(class)),
        Verdict::Accepted(_) | Verdict::Redrive(_) | Verdict::DuplicateInvoice(_) => ("accepted", None),
    };
    ReportRow { state: state.to_owned(), class, ..row }
}

fn of_delivery(row: &ReportRow, mailbox: &Mailbox, delivery: &Delivery) -> ReportRow {
    let caught = delivery.message_id.as_deref().map(|id| mailbox.with_message_id(id)).unwrap_or_default();
    let mail = caught.first();
    ReportRow {
        decision: delivery.decision,
        reason: delivery.decision_reason,
        state: delivery.state.to_string(),
        class: delivery.class,
        message_id: delivery.message_id.clone(),
        // What we recorded as attached; a mail that was refused reached no recipient.
        attachments: mail
            .and(delivery.attachments.as_deref())
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default(),
        portal_link: mail.is_some_and(|mail| mail.portal_link.is_some()),
        eml: mail.map(|mail| mail.file.clone()),
        ..row.clone()
    }
}
