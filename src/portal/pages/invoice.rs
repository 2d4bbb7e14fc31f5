//! The page of one invoice: what it is about, and its documents as far as they may be shown.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::LayoutView;
use super::{PageLayout, answer};
use crate::clean;
use crate::compose::date::Dates;
use crate::compose::file_names::document_names;
use crate::compose::is_checked_reference;
use crate::compose::money::Money;
use crate::event::{Balance, Document, DocumentRole, Invoice, InvoiceAmounts, MediaType};
use crate::portal::stored_zip::{ARCHIVE_BYTES_MAX, archive_size};
use crate::portal::words::Words;

pub struct InvoicePage<'a> {
    /// `/invoices/{root delivery id}`.
    pub path: &'a str,
    pub invoice: &'a Invoice,
    /// Of a reminder: until when it is to be paid now.
    pub deadline: Option<jiff::civil::Date>,
    /// The day of the mail whose amounts the page repeats, in the tenant's time zone.
    pub mailed_on: jiff::civil::Date,
    pub documents: DocumentAccess<'a>,
    /// Whether this visitor may see the list of the customer's invoices.
    pub has_list: bool,
}

/// What the page shows of the documents.
#[derive(Debug, Clone, Copy)]
pub enum DocumentAccess<'a> {
    /// All of them.
    Open(&'a [Document]),
    /// How many there are, and a button that leads to the verification.
    AfterVerification { count: usize },
    /// How many there are, and whom to ask.
    Closed { count: usize },
}

#[derive(Template)]
#[template(path = "portal/invoice.html")]
struct InvoiceTemplate<'a> {
    layout: LayoutView<'a>,
    title: String,
    amount_label: &'static str,
    amount: String,
    /// Instead of a date where nothing is due.
    amount_note: Option<&'static str>,
    due_date: Option<String>,
    as_of: String,
    facts: Vec<FactView>,
    /// Their number, where they are not shown; none if there are none.
    documents_title: Option<String>,
    documents: Vec<FileLinks>,
    archive: Option<String>,
    preview: Option<PreviewView>,
    verification: Option<VerificationOffer>,
    closed: Option<&'static str>,
    list: Option<String>,
}

struct FactView {
    label: &'static str,
    value: String,
}

struct FileLinks {
    name: String,
    /// Its type and size.
    about: String,
    /// Up to four letters.
    kind: String,
    /// Where a browser can show it.
    view: Option<String>,
    download: String,
}

struct VerificationOffer {
    path: String,
    lead: &'static str,
    button: &'static str,
}

struct PreviewView {
    path: String,
    name: String,
}

#[must_use]
pub fn invoice(layout: &PageLayout<'_>, page: &InvoicePage<'_>) -> Response {
    let template = template(layout, page);
    answer(StatusCode::OK, &template.layout, &template)
}

fn template<'a>(layout: &PageLayout<'a>, page: &InvoicePage<'_>) -> InvoiceTemplate<'a> {
    let words = layout.language.words();
    let money = Money::new(layout.language.locale);
    let dates = Dates::new(layout.language.locale);
    let invoice = page.invoice;
    let amounts = InvoiceAmounts::of(invoice);
    let count = match page.documents {
        DocumentAccess::Open(documents) => documents.len(),
        DocumentAccess::AfterVerification { count } | DocumentAccess::Closed { count } => count,
    };
    let shown = match page.documents {
        DocumentAccess::Open(documents) => documents,
        DocumentAccess::AfterVerification { .. } | DocumentAccess::Closed { .. } => &[],
    };
    let deadline = page.deadline.filter(|_| amounts.balance == Balance::Due);
    let documents: Vec<_> =
        (1..).zip(shown).map(|(number, one)| file_links(layout, page, number, one, &money)).collect();
    let preview = shown.iter().position(|document| document.media_type == MediaType::Pdf).map(|at| PreviewView {
        path: format!("{}/documents/{}", page.path, at + 1),
        name: documents[at].name.clone(),
    });
    InvoiceTemplate {
        layout: layout.view(),
        title: (words.invoice_title)(invoice.kind, &clean::whole(&invoice.number), invoice.reminder_level),
        amount_label: (words.amount_label)(invoice.kind, amounts.balance),
        amount: money.format(amounts.amount, &invoice.currency),
        amount_note: match amounts.balance {
            Balance::Due => None,
            Balance::Nothing | Balance::Credit => Some(words.nothing_to_pay),
            Balance::Credited => Some(words.credited),
        },
        due_date: deadline.or(amounts.due_date).map(|date| dates.long(date)),
        as_of: (words.as_of)(&dates.long(page.mailed_on)),
        facts: facts(layout, page, amounts, &money, &dates),
        documents_title: match (count, shown.len()) {
            (0, _) => None,
            (_, 0) => Some((words.document_count)(count)),
            _ => Some((words.documents_title)(count).to_owned()),
        },
        archive: has_archive(&invoice.number, shown).then(|| format!("{}/documents.zip", page.path)),
        documents,
        preview,
        verification: matches!(page.documents, DocumentAccess::AfterVerification { count: 1.. }).then(|| {
            VerificationOffer {
                path: layout.language.link(&format!("{}/verification", page.path)),
                lead: (words.verify_lead)(count),
                button: (words.verify_button)(count),
            }
        }),
        closed: matches!(page.documents, DocumentAccess::Closed { count: 1.. }).then(|| (words.closed_lead)(count)),
        list: page.has_list.then(|| layout.language.link("/invoices")),
    }
}

/// Whether there is anything to put together, and an archive takes it.
fn has_archive(number: &str, documents: &[Document]) -> bool {
    let names = document_names(number, documents);
    let files = names.iter().zip(documents).map(|(name, document)| (name.as_str(), document.size));
    documents.len() > 1 && archive_size(files) <= ARCHIVE_BYTES_MAX
}

/// What stands below the amount. References tell how to pay, as the documents do, and are shown with them only.
fn facts(
    layout: &PageLayout<'_>,
    page: &InvoicePage<'_>,
    amounts: InvoiceAmounts,
    money: &Money,
    dates: &Dates,
) -> Vec<FactView> {
    let words = layout.language.words();
    let invoice = page.invoice;
    let reference = |text: &Option<String>| text.as_deref().map(clean::whole).filter(|text| !text.is_empty());
    let is_shown = matches!(page.documents, DocumentAccess::Open(_));
    let payment_reference = reference(&invoice.payment_reference).filter(|_| is_shown);
    let payment_label = (words.payment_reference_label)(
        layout.language.locale.region(),
        payment_reference.as_deref().is_some_and(is_checked_reference),
    );
    let first_due = amounts.due_date.filter(|_| page.deadline.is_some());
    let facts = [
        ((words.number_label)(invoice.kind), Some(clean::whole(&invoice.number))),
        ((words.date_label)(invoice.kind), Some(dates.long(invoice.issue_date))),
        (words.first_due_label, first_due.map(|date| dates.long(date))),
        (words.total_label, amounts.total.map(|total| money.format(total, &invoice.currency))),
        (payment_label, payment_reference),
        (words.buyer_reference_label, reference(&invoice.buyer_reference).filter(|_| is_shown)),
    ];
    facts.into_iter().filter_map(|(label, value)| Some(FactView { label, value: value? })).collect()
}

fn file_links(
    layout: &PageLayout<'_>,
    page: &InvoicePage<'_>,
    number: usize,
    document: &Document,
    money: &Money,
) -> FileLinks {
    let path = format!("{}/documents/{number}", page.path);
    let kind = document.media_type.extension().to_ascii_uppercase();
    let name = document.name.as_deref().map(clean::whole).filter(|name| !name.is_empty());
    FileLinks {
        name: name.unwrap_or_else(|| clean::whole(&page.invoice.number)),
        about: format!("{} · {}", file_type(layout.language.words(), document, &kind), money.file_size(document.size)),
        kind,
        view: matches!(document.media_type, MediaType::Pdf | MediaType::Png | MediaType::Jpeg).then(|| path.clone()),
        download: format!("{path}?download=1"),
    }
}

fn file_type(words: &Words, document: &Document, kind: &str) -> String {
    match document.role {
        DocumentRole::InvoiceXml => format!("{} ({kind})", words.e_invoice),
        DocumentRole::InvoicePdf | DocumentRole::Attachment => kind.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sha256::Sha256;

    #[test]
    fn an_archive_is_offered_where_there_can_be_one() {
        let document = |size: u64| Document {
            id: size.to_string(),
            role: DocumentRole::Attachment,
            name: None,
            media_type: MediaType::Pdf,
            size,
            sha256: Sha256::of(b"its bytes"),
            object: "nordlicht/1".to_owned(),
        };
        let offered = |sizes: &[u64]| {
            let documents: Vec<Document> = sizes.iter().map(|size| document(*size)).collect();
            has_archive("R-1", &documents)
        };
        assert!(!offered(&[]) && !offered(&[1_000]) && offered(&[1_000, 1_000]));
        assert!(offered(&[1 << 30, (1 << 30) - 1_000]) && !offered(&[1 << 30, 1 << 30]), "2 GiB and headers");
        assert!(!offered(&[u64::MAX, u64::MAX]));
    }
}
