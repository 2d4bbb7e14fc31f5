//! What an invoice means for its customer, in amounts.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use strum::IntoStaticStr;

use super::Invoice;
use crate::model::invoice_kind::InvoiceKind;

/// Which way the money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Balance {
    /// The customer is asked to pay.
    Due,
    /// There is nothing to pay.
    Nothing,
    /// An invoice in the customer's favour.
    Credit,
    /// A credit note.
    Credited,
}

/// What mails and pages say about an invoice's amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvoiceAmounts {
    pub balance: Balance,
    /// What is to be paid, or what is credited; never negative.
    pub amount: Decimal,
    /// The whole amount, if it is another.
    pub total: Option<Decimal>,
    /// Less is due than the whole amount.
    pub partly_paid: bool,
    /// When it is to be paid; none if nothing is due.
    pub due_date: Option<jiff::civil::Date>,
}

impl InvoiceAmounts {
    #[must_use]
    pub fn of(invoice: &Invoice) -> Self {
        let asked = invoice.asked();
        // Billing systems write the total of a credit note with either sign: the word says which way the money goes.
        let (balance, amount) = match (invoice.kind, asked.cmp(&Decimal::ZERO)) {
            (InvoiceKind::CreditNote, _) => (Balance::Credited, invoice.total.abs()),
            (_, Ordering::Greater) => (Balance::Due, asked),
            (_, Ordering::Equal) => (Balance::Nothing, asked),
            (_, Ordering::Less) => (Balance::Credit, asked.abs()),
        };
        let is_due = balance == Balance::Due;
        Self {
            balance,
            amount,
            total: (balance != Balance::Credited && asked != invoice.total).then_some(invoice.total),
            partly_paid: is_due && asked < invoice.total,
            due_date: invoice.due_date.filter(|_| is_due),
        }
    }
}
