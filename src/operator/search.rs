//! What a text names, one line for each invoice, credit note and reminder; a page at a time, and as a file.

use serde_json::json;

use super::invoice::InvoiceStanding;
use super::masking::Reader;
use crate::clock::Timestamp;
use crate::event::Recipient;
use crate::model::access::TenantScope;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::customer::Customer;
use crate::model::ids::{CustomerId, DeadLetterId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::state::DeadLetterState;
use crate::store::{
    DeadLetter, Delivery, FindCursor, FindRequest, FoundBy, FoundEvent, FoundItem, InvoiceHit, InvoiceHitPage,
    NewAuditEntry, Store, StoreError,
};

/// What a page reads at once, at least: of an invoice that was sent again several deliveries make one row.
const READ_MIN: u32 = 50;
/// How often a page reads on until it is full: there may be much that has its row elsewhere, or stands otherwise than is
/// wanted.
const READS_MAX: usize = 5;
/// What a file reads at once.
const EXPORT_PAGE: u32 = 500;
/// The longest file, in rows: whoever wants more writes more of the number.
const EXPORT_ROWS_MAX: usize = 10_000;
/// Pages that are read for a file: of invoices that have many deliveries, and of one state, the rows may be few among all
/// that is named.
const EXPORT_PAGES_MAX: usize = 100;
/// The longest text that is searched for, in characters.
const TEXT_CHARS_MAX: usize = 300;

/// What is searched for; each part narrows.
#[derive(Debug, Clone, Default)]
pub struct InvoiceSearch {
    /// What is named. Of a longer text than anything has, the beginning counts.
    text: String,
    tenant: Option<TenantId>,
    standing: Option<InvoiceStanding>,
}

/// A page of what a text names.
#[derive(Debug, Clone)]
pub struct FoundInvoices {
    pub invoices: Vec<FoundInvoice>,
    /// Some of the customers that it names; on the first page only.
    pub customers: Vec<Customer>,
    /// There are more of them.
    pub more_customers: bool,
    /// The text is the beginning of several ids; none of them was looked up.
    pub several_ids: bool,
    /// Where the search goes on, if it does.
    pub next: Option<FindCursor>,
}

/// An invoice that a text names, or an event that claims one.
#[derive(Debug, Clone)]
pub struct FoundInvoice {
    pub tenant: TenantId,
    pub number: String,
    /// Unknown of what could not be read.
    pub kind: Option<InvoiceKind>,
    pub customer: Option<CustomerId>,
    pub standing: InvoiceStanding,
    pub class: Option<ReasonCode>,
    /// Its newest delivery that nothing took the place of.
    pub delivery: Option<DeliveryId>,
    pub dead_letter: Option<DeadLetterId>,
    pub event_id: Option<String>,
    pub recipients: Vec<Recipient>,
    /// Whether a person has to do something.
    pub needs_person: bool,
    /// When it was made, came or failed.
    pub at: Timestamp,
    /// What of it the text is.
    pub by: FoundBy,
}

/// What the file says of each invoice.
pub const SEARCH_COLUMNS: [&str; 7] =
    ["tenant_id", "invoice_number", "kind", "state", "customer_id", "recipient", "created_at"];

impl InvoiceSearch {
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self { text: text.chars().take(TEXT_CHARS_MAX).collect(), ..Self::default() }
    }

    /// Of one tenant, and of what stands so.
    #[must_use]
    pub fn narrowed(self, tenant: Option<TenantId>, standing: Option<InvoiceStanding>) -> Self {
        Self { tenant, standing, ..self }
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Up to `limit` invoices that it names behind `after`, beside the few that it names by an id: each stands on one page,
    /// with where it stands now. What is named exactly comes first.
    ///
    /// A page is filled from several reads, a bounded number of them: where much of what it names are further deliveries of
    /// invoices that have their rows elsewhere, or stands otherwise than it wants, a page has less than `limit`, perhaps
    /// nothing, and goes on.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn find(
        &self,
        store: &Store,
        scope: &TenantScope,
        after: Option<&FindCursor>,
        limit: u32,
    ) -> Result<FoundInvoices, StoreError> {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let FoundRows { mut rows, customers, more_customers, several_ids, mut next } =
            self.read(store, scope, after, limit.max(READ_MIN)).await?;
        for _ in 1..READS_MAX {
            if listed(&rows) >= wanted || next.is_none() {
                break;
            }
            let more = self.read(store, scope, next.as_ref(), limit.max(READ_MIN)).await?;
            rows.extend(more.rows);
            next = more.next;
        }
        // What does not fit stands on the next page: it goes on behind the last that fits.
        let above = rows.len() - listed(&rows);
        if rows.len() - above > wanted {
            rows.truncate(above + wanted);
            next = rows.last().and_then(|(place, _)| place.clone());
        }
        let invoices = rows.into_iter().map(|(_, found)| found).collect();
        Ok(FoundInvoices { invoices, customers, more_customers, several_ids, next })
    }

    /// The rows of one read.
    async fn read(
        &self,
        store: &Store,
        scope: &TenantScope,
        after: Option<&FindCursor>,
        limit: u32,
    ) -> Result<FoundRows, StoreError> {
        let scope = scope.narrowed_to(self.tenant.as_ref());
        let request = FindRequest { text: &self.text, scope: &scope, after, limit };
        let InvoiceHitPage { hits, customers, more_customers, several_ids, next } =
            store.find_invoices(&request).await?;
        let is_wanted = |found: &FoundInvoice| self.standing.is_none_or(|wanted| found.standing == wanted);
        let row = |InvoiceHit { place, by, item }| Some((place, FoundInvoice::of(by, item).filter(is_wanted)?));
        let rows = hits.into_iter().filter_map(row).collect();
        Ok(FoundRows { rows, customers, more_customers, several_ids, next })
    }
}

/// What one read finds: rows, each with where the search goes on behind it. What an id names has no such place, and stands
/// above the others.
struct FoundRows {
    rows: Vec<(Option<FindCursor>, FoundInvoice)>,
    customers: Vec<Customer>,
    more_customers: bool,
    several_ids: bool,
    next: Option<FindCursor>,
}

/// How many rows the list has, without what an id names.
fn listed(rows: &[(Option<FindCursor>, FoundInvoice)]) -> usize {
    rows.iter().filter(|(place, _)| place.is_some()).count()
}

impl FoundInvoice {
    fn of(by: FoundBy, item: FoundItem) -> Option<Self> {
        match item {
            FoundItem::Delivery(newest) => Some(Self::delivery(by, *newest)),
            FoundItem::Event(event) => Some(Self::waiting(by, *event)),
            FoundItem::DeadLetter(letter) => Self::dead(by, *letter),
        }
    }

    fn delivery(by: FoundBy, newest: Delivery) -> Self {
        Self {
            tenant: newest.invoice.tenant,
            number: newest.invoice.number,
            kind: Some(newest.invoice.kind),
            customer: Some(newest.invoice.customer),
            standing: InvoiceStanding::Delivery(newest.state),
            class: newest.class,
            delivery: Some(newest.id),
            dead_letter: None,
            event_id: None,
            recipients: newest.recipients,
            needs_person: newest.work_kind.is_some(),
            at: newest.created_at,
            by,
        }
    }

    fn waiting(by: FoundBy, event: FoundEvent) -> Self {
        Self {
            tenant: event.invoice.tenant,
            number: event.invoice.number,
            kind: Some(event.invoice.kind),
            customer: Some(event.invoice.customer),
            standing: InvoiceStanding::EventWaiting,
            class: None,
            delivery: None,
            dead_letter: None,
            event_id: Some(event.id),
            recipients: Vec::new(),
            needs_person: false,
            at: event.received_at,
            by,
        }
    }

    /// None of bytes that claim neither a tenant nor a number.
    fn dead(by: FoundBy, letter: DeadLetter) -> Option<Self> {
        Some(Self {
            tenant: letter.tenant?,
            number: letter.invoice_number?,
            kind: letter.kind,
            customer: letter.customer,
            standing: InvoiceStanding::EventDead,
            class: Some(letter.class),
            delivery: None,
            dead_letter: Some(letter.id),
            event_id: letter.event_id,
            recipients: Vec::new(),
            needs_person: letter.state == DeadLetterState::Open,
            at: letter.last_failed_at,
            by,
        })
    }

    fn csv_cells(self) -> [String; SEARCH_COLUMNS.len()] {
        let reader = Reader::of(false, []);
        let kind = self.kind.map(|kind| kind.into_str().to_owned()).unwrap_or_default();
        let customer = self.customer.as_ref().map(ToString::to_string).unwrap_or_default();
        let recipient = self.recipients.first().map(|first| reader.address(&first.address)).unwrap_or_default();
        let state = self.standing.into_str().to_owned();
        [self.tenant.to_string(), self.number, kind, state, customer, recipient, self.at.to_string()]
    }
}

/// The same as a file, all pages in one. A file is kept where nobody sees who reads it: it is masked as lists are, and that it was
/// made is an entry of the audit log.
///
/// # Errors
/// If the database does not answer: then nothing is shown.
pub async fn export_search(
    store: &Store,
    who: &Actor,
    search: &InvoiceSearch,
) -> Result<Vec<[String; SEARCH_COLUMNS.len()]>, StoreError> {
    let (invoices, more) = find_all(store, &who.principal.scope, search).await?;
    let InvoiceSearch { text, tenant, standing } = search;
    let change = json!({
        "query": text, "tenant_id": tenant, "state": standing.map(InvoiceStanding::into_str), "rows": invoices.len(),
        "more": more,
    });
    let entry = NewAuditEntry::new(AuditAction::ListExported, who).about("search");
    store.audit(&NewAuditEntry { tenant: tenant.as_ref(), ..entry }.with(change)).await?;
    Ok(invoices.into_iter().map(FoundInvoice::csv_cells).collect())
}

/// The invoices of all pages, and whether there are more than a file takes.
async fn find_all(
    store: &Store,
    scope: &TenantScope,
    search: &InvoiceSearch,
) -> Result<(Vec<FoundInvoice>, bool), StoreError> {
    let (mut invoices, mut after) = (Vec::new(), None);
    for _ in 0..EXPORT_PAGES_MAX {
        let found = search.read(store, scope, after.as_ref(), EXPORT_PAGE).await?;
        invoices.extend(found.rows.into_iter().map(|(_, found)| found));
        after = found.next;
        if after.is_none() || invoices.len() >= EXPORT_ROWS_MAX {
            break;
        }
    }
    let more = after.is_some() || invoices.len() > EXPORT_ROWS_MAX;
    invoices.truncate(EXPORT_ROWS_MAX);
    Ok((invoices, more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_text_longer_than_any_name_the_beginning_counts() {
        assert_eq!(InvoiceSearch::of(&"x".repeat(TEXT_CHARS_MAX + 1)).text().len(), TEXT_CHARS_MAX);
    }
}
