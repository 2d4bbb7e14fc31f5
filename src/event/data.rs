//! The rules of `data` that its types alone do not say.

use std::collections::HashSet;

use rust_decimal::Decimal;
use serde_json::Value;

use super::bounds::{
    self, ADDRESS_MAX, KEY_MAX, NAME_MAX, date, identifier, line, loose_text, moment, object_key, text,
};
use super::{Document, Invoice, InvoiceData, Malformed, Recipient, json};
use crate::model::invoice_kind::InvoiceKind;

/// The most documents of an event.
pub const DOCUMENTS_MAX: usize = 50;
/// The most recipients that are read. More than ten are a fault too, but one that a person can redrive.
pub const RECIPIENTS_READ_MAX: usize = 100;
/// The largest document, in bytes (1 GiB).
const DOCUMENT_BYTES_MAX: u64 = 1 << 30;
const REMINDER_LEVEL_MAX: u8 = 99;

/// Reads `data`, which stands at `data`, and checks all of it.
pub(super) fn read(value: &Value) -> Result<InvoiceData, Malformed> {
    json::expect_object(value, "data")?;
    json::no_array(value.get("invoice"), "data.invoice")?;
    json::no_array(value.get("reminder"), "data.reminder")?;
    for name in ["recipients", "documents"] {
        let items = value.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for (index, item) in items.iter().enumerate() {
            json::no_array(Some(item), format_args!("data.{name}[{index}]"))?;
        }
    }
    let data: InvoiceData = json::read(value, "data")?;
    check(&data)?;
    Ok(data)
}

/// Checks that every document lies under the tenant's prefix in the document store.
///
/// The prefix belongs to the tenant and is known only when the event is taken in.
///
/// # Errors
/// [`Malformed`] at the first document that lies elsewhere.
pub fn check_objects(data: &InvoiceData, prefix: &str) -> Result<(), Malformed> {
    let folder = prefix.trim_end_matches('/');
    let stray = data.documents.iter().position(|document| {
        // `acme/` holds `acme/x`, not `acme2/x`, however the prefix ends.
        document.object.strip_prefix(folder).is_none_or(|rest| !rest.starts_with('/')) || folder.is_empty()
    });
    match stray {
        Some(index) => Err(Malformed::at(
            format_args!("data.documents[{index}].object"),
            format!("does not begin with the tenant's prefix {folder}/"),
        )),
        None => Ok(()),
    }
}

fn check(data: &InvoiceData) -> Result<(), Malformed> {
    identifier("data.tenant_id", data.tenant_id.as_str(), KEY_MAX)?;
    identifier("data.customer_id", data.customer_id.as_str(), KEY_MAX)?;
    check_invoice(&data.invoice)?;
    check_reminder(data)?;
    check_recipients(&data.recipients)?;
    check_documents(&data.documents, data.invoice.kind)?;
    check_times(data)
}

fn check_invoice(invoice: &Invoice) -> Result<(), Malformed> {
    identifier("data.invoice.id", &invoice.id, KEY_MAX)?;
    text("data.invoice.number", &invoice.number, 128)?;
    line("data.invoice.number", &invoice.number, 128)?;
    match invoice.reminder_level {
        Some(_) if invoice.kind != InvoiceKind::Reminder => {
            return Err(Malformed::at("data.invoice.reminder_level", "stands at something else than a reminder"));
        }
        Some(level) if level > REMINDER_LEVEL_MAX => {
            return Err(Malformed::at("data.invoice.reminder_level", "is out of range"));
        }
        _ => {}
    }
    date("data.invoice.issue_date", invoice.issue_date)?;
    if let Some(due) = invoice.due_date {
        date("data.invoice.due_date", due)?;
    }
    if invoice.currency.len() != 3 || !invoice.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(Malformed::at("data.invoice.currency", "is not a currency code (ISO 4217) like EUR"));
    }
    for (path, reference) in [
        ("data.invoice.payment_reference", &invoice.payment_reference),
        ("data.invoice.buyer_reference", &invoice.buyer_reference),
    ] {
        line(path, reference.as_deref().unwrap_or(""), 255)?;
    }
    Ok(())
}

/// A reminder asks for money that is due. (Of an invoice, zero and credits are said as what they are.)
fn check_reminder(data: &InvoiceData) -> Result<(), Malformed> {
    let Invoice { kind, amount_due, .. } = &data.invoice;
    let deadline = data.reminder.as_ref().and_then(|reminder| reminder.deadline);
    if *kind != InvoiceKind::Reminder {
        return match deadline {
            Some(_) => Err(Malformed::at("data.reminder.deadline", "stands at something else than a reminder")),
            None => Ok(()),
        };
    }
    if data.invoice.asked() <= Decimal::ZERO {
        let field = if amount_due.is_some() { "amount_due" } else { "total" };
        return Err(Malformed::at(
            format_args!("data.invoice.{field}"),
            "is not more than 0; a reminder is about money that is still due",
        ));
    }
    deadline.map_or(Ok(()), |deadline| date("data.reminder.deadline", deadline))
}

/// Whether addresses can be used is not asked here: that has a dead letter of its own.
fn check_recipients(recipients: &[Recipient]) -> Result<(), Malformed> {
    if recipients.len() > RECIPIENTS_READ_MAX {
        return Err(Malformed::at("data.recipients", format!("has more than {RECIPIENTS_READ_MAX} elements")));
    }
    for (index, recipient) in recipients.iter().enumerate() {
        loose_text(format_args!("data.recipients[{index}].address"), &recipient.address, ADDRESS_MAX)?;
        let name = recipient.name.as_deref().unwrap_or("");
        bounds::name(format_args!("data.recipients[{index}].name"), name, NAME_MAX)?;
    }
    Ok(())
}

fn check_documents(documents: &[Document], kind: InvoiceKind) -> Result<(), Malformed> {
    if documents.is_empty() && kind != InvoiceKind::Reminder {
        return Err(Malformed::at("data.documents", "is empty; only a reminder may come without documents"));
    }
    if documents.len() > DOCUMENTS_MAX {
        return Err(Malformed::at("data.documents", format!("has more than {DOCUMENTS_MAX} elements")));
    }
    let mut ids = HashSet::with_capacity(documents.len());
    for (index, document) in documents.iter().enumerate() {
        let at = |field: &str| format!("data.documents[{index}].{field}");
        identifier(format_args!("data.documents[{index}].id"), &document.id, KEY_MAX)?;
        if !ids.insert(document.id.as_str()) {
            return Err(Malformed::at(at("id"), "is the id of an earlier document too"));
        }
        let name = document.name.as_deref().unwrap_or("");
        bounds::name(format_args!("data.documents[{index}].name"), name, NAME_MAX)?;
        if !(1..=DOCUMENT_BYTES_MAX).contains(&document.size) {
            return Err(Malformed::at(at("size"), format!("is not between 1 and {DOCUMENT_BYTES_MAX} bytes")));
        }
        object_key(format_args!("data.documents[{index}].object"), &document.object)?;
    }
    Ok(())
}

fn check_times(data: &InvoiceData) -> Result<(), Malformed> {
    if let Some(not_before) = data.not_before {
        moment("data.not_before", not_before)?;
    }
    if let Some(expires_at) = data.expires_at {
        moment("data.expires_at", expires_at)?;
        if data.not_before.is_some_and(|not_before| not_before >= expires_at) {
            return Err(Malformed::at("data.expires_at", "is not after not_before, so it could never be sent"));
        }
    }
    Ok(())
}
