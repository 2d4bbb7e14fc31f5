//! The list of a customer's invoices.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::LayoutView;
use super::{PageLayout, answer};
use crate::clean;
use crate::compose::date::Dates;
use crate::compose::money::Money;
use crate::event::{Invoice, InvoiceAmounts};

pub struct InvoicesPage<'a> {
    /// Newest first.
    pub rows: &'a [InvoiceRow<'a>],
}

/// One invoice of the list.
pub struct InvoiceRow<'a> {
    /// `/invoices/{root delivery id}`.
    pub path: &'a str,
    pub invoice: &'a Invoice,
    /// The day of its mail, in the tenant's time zone.
    pub mailed_on: jiff::civil::Date,
}

#[derive(Template)]
#[template(path = "portal/invoices.html")]
struct InvoicesTemplate<'a> {
    layout: LayoutView<'a>,
    rows: Vec<RowView>,
}

struct RowView {
    path: String,
    title: String,
    date: String,
    amount_label: &'static str,
    amount: String,
    as_of: String,
}

#[must_use]
pub fn invoices(layout: &PageLayout<'_>, page: &InvoicesPage<'_>) -> Response {
    let words = layout.language.words();
    let money = Money::new(layout.language.locale);
    let dates = Dates::new(layout.language.locale);
    let row = |row: &InvoiceRow<'_>| {
        let amounts = InvoiceAmounts::of(row.invoice);
        RowView {
            path: layout.language.link(row.path),
            title: (words.invoice_title)(
                row.invoice.kind,
                &clean::whole(&row.invoice.number),
                row.invoice.reminder_level,
            ),
            date: dates.long(row.invoice.issue_date),
            amount_label: (words.amount_label)(row.invoice.kind, amounts.balance),
            amount: money.format(amounts.amount, &row.invoice.currency),
            as_of: (words.as_of)(&dates.long(row.mailed_on)),
        }
    };
    let template = InvoicesTemplate { layout: layout.view(), rows: page.rows.iter().map(row).collect() };
    answer(StatusCode::OK, &template.layout, &template)
}
