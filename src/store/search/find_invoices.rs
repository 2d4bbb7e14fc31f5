//! Every invoice that a text names, each once over all pages, however long a page is.
//!
//! A search finds deliveries, and an invoice that was sent again has several, which may stand on several pages. So of each
//! that is found all deliveries of its invoice are looked up: they tell which one its row stands at, and where the invoice
//! stands now.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::cursor::{FindCursor, FindPosition};
use super::find::{FindRequest, FoundBy, FoundItem, Search, SearchStage};
use super::recipients::mailbox;
use super::text::{Needle, number_key};
use crate::clock::Timestamp;
use crate::model::customer::Customer;
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::invoice_ref::InvoiceRef;
use crate::model::reason::ReasonCode;
use crate::model::state::DeliveryRole;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{rows, sql};
use crate::store::db::value::Row;
use crate::store::delivery::invoice_ref::read_invoice;
use crate::store::delivery::row::{Delivery, delivery_columns};

/// All deliveries of some invoices.
pub(super) const DELIVERIES_OF_INVOICES: &str = "WITH {rows}
    SELECT delivery.id, delivery.tenant_id, delivery.customer_id, delivery.invoice_id, delivery.invoice_number,
           delivery.kind, delivery.role, delivery.number_key, delivery.created_at, delivery.class
    FROM rows {sqlite:CROSS} JOIN delivery
         ON delivery.tenant_id = rows.tenant_id AND delivery.invoice_id = rows.invoice_id";

/// Which of some deliveries went to an address.
pub(super) const WENT_TO: &str = "WITH {rows}
    SELECT delivery_recipient.delivery_id AS id
    FROM rows {sqlite:CROSS} JOIN delivery_recipient
         ON delivery_recipient.address_key = rows.address_key AND delivery_recipient.delivery_id = rows.id";

/// Some deliveries by their ids.
pub(super) const DELIVERIES_BY_ID: &str = concat!(
    "WITH {rows} SELECT ",
    delivery_columns!(),
    " FROM rows {sqlite:CROSS} JOIN delivery ON delivery.id = rows.id
         LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id"
);

/// A page of the invoices that a text names.
#[derive(Debug, Clone, Default)]
pub struct InvoiceHitPage {
    pub hits: Vec<InvoiceHit>,
    /// As in a search for deliveries.
    pub customers: Vec<Customer>,
    pub more_customers: bool,
    pub several_ids: bool,
    /// Where the search goes on, if it does.
    pub next: Option<FindCursor>,
}

/// A row of it.
#[derive(Debug, Clone)]
pub struct InvoiceHit {
    /// Where the search goes on behind it; none of what an id names, which stands above the list.
    pub place: Option<FindCursor>,
    pub by: FoundBy,
    /// Of an invoice, its newest delivery that nothing took the place of, whichever of them was found.
    pub item: FoundItem,
}

impl Store {
    /// As [`Store::find`], of each invoice, credit note and reminder one row: where the first of its deliveries stands that
    /// the search finds. So a page has no more rows than `limit`, and may have fewer although the search goes on.
    ///
    /// By address and by customer the newest delivery is the first one: an invoice that is sent again while somebody reads
    /// on goes to the top of the list.
    pub async fn find_invoices(&self, request: &FindRequest<'_>) -> Result<InvoiceHitPage, StoreError> {
        let Some(needle) = Needle::read(request.text) else { return Ok(InvoiceHitPage::default()) };
        let mut search = Search::new(self, request);
        // On every page: what an id names has its row on the first one, and no other.
        search.named(&needle).await?;
        search.listed(&needle).await?;
        search.invoices(&needle).await
    }
}

/// What tells invoices, credit notes and reminders apart.
type InvoiceKey = (TenantId, String, InvoiceKind);

fn key_of(invoice: &InvoiceRef) -> InvoiceKey {
    (invoice.tenant.clone(), invoice.id.clone(), invoice.kind)
}

/// A delivery of an invoice that was found.
struct Sibling {
    id: DeliveryId,
    customer: CustomerId,
    number_key: String,
    is_main: bool,
    /// Another one took its place, or it duplicates one.
    is_aside: bool,
    created_at: Timestamp,
}

/// A delivery's place in a search: the stage that finds it, none of what an id names.
type InvoicePlace = (Option<SearchStage>, DeliveryId);

/// What the rows of a page are made of.
struct Siblings<'n> {
    needle: &'n Needle,
    of: HashMap<InvoiceKey, Vec<Sibling>>,
    /// What an id names, in order.
    named: Vec<DeliveryId>,
    /// Those that went to the address that is searched for.
    went_to: HashSet<DeliveryId>,
    /// The customers whose deliveries are found.
    customers: HashSet<(TenantId, CustomerId)>,
}

impl Siblings<'_> {
    /// Where the row of an invoice stands.
    fn place(&self, invoice: &InvoiceKey) -> Option<InvoicePlace> {
        let siblings = self.of.get(invoice)?;
        // By number in the order of the numbers, then of the ids.
        let numbered = siblings.iter().filter(|one| one.is_main && is_numbered(self.needle, &one.number_key));
        let first = numbered.min_by(|one, other| (&one.number_key, one.id).cmp(&(&other.number_key, other.id)));
        if let Some(first) = first {
            return Some((Some(SearchStage::Numbers), first.id));
        }
        let named = self.named.iter().find(|named| siblings.iter().any(|one| one.id == **named));
        if let Some(named) = named {
            return Some((None, *named));
        }
        let went_to = siblings.iter().filter(|one| self.went_to.contains(&one.id));
        if let Some(newest) = went_to.max_by_key(|one| one.id) {
            return Some((Some(SearchStage::Recipient), newest.id));
        }
        let theirs = siblings.iter().filter(|one| self.customers.contains(&(invoice.0.clone(), one.customer.clone())));
        let newest = theirs.max_by_key(|one| (one.created_at, one.id))?;
        Some((Some(SearchStage::Customers), newest.id))
    }

    /// The delivery that the state of an invoice is.
    fn newest(&self, invoice: &InvoiceKey) -> Option<DeliveryId> {
        let rank = |one: &&Sibling| (!one.is_aside, one.is_main, one.created_at, one.id);
        self.of.get(invoice)?.iter().max_by_key(rank).map(|one| one.id)
    }
}

/// Whether what has this key of a number is found by it.
fn is_numbered(needle: &Needle, key: &str) -> bool {
    needle.numbers.iter().any(|wanted| key.starts_with(wanted.as_str()))
}

/// What a row is about.
enum RowItem {
    /// An invoice, by the delivery that its state is.
    Invoice(DeliveryId),
    Other(FoundItem),
}

/// A hit and where it stands; nowhere in the list if an id names it.
type PlacedItem = (Option<FindPosition>, FoundBy, FoundItem);

impl Search<'_> {
    /// The page, one row for each invoice.
    async fn invoices(mut self, needle: &Needle) -> Result<InvoiceHitPage, StoreError> {
        let more = self.items.len() > self.limit;
        self.items.truncate(self.limit);
        let next = self.items.last().filter(|_| more).map(|(position, ..)| FindCursor(position.clone()));
        let siblings = self.siblings(needle).await?;
        let is_first = self.is_first_page();
        let listed = self.items.drain(..).map(|(position, by, item)| (Some(position), by, item));
        let found: Vec<PlacedItem> = self.named.drain(..).map(|(by, item)| (None, by, item)).chain(listed).collect();

        let mut deliveries = HashMap::new();
        let mut rows = Vec::new();
        for (position, by, item) in found {
            let stage = position.as_ref().map(SearchStage::of);
            let item = match item {
                FoundItem::Delivery(delivery) => {
                    let invoice = key_of(&delivery.invoice);
                    let stands_here = siblings.place(&invoice) == Some((stage, delivery.id));
                    deliveries.insert(delivery.id, delivery);
                    match siblings.newest(&invoice).filter(|_| stands_here) {
                        Some(newest) => RowItem::Invoice(newest),
                        None => continue,
                    }
                }
                // The list of the numbers has it.
                FoundItem::DeadLetter(letter)
                    if stage.is_none()
                        && letter.delivery.is_none()
                        && letter.invoice_number.as_deref().is_some_and(|it| is_numbered(needle, &number_key(it))) =>
                {
                    continue;
                }
                other => RowItem::Other(other),
            };
            if stage.is_some() || is_first {
                rows.push((position, by, item));
            }
        }
        self.complete(&mut deliveries, &rows).await?;
        let hits = rows.into_iter().filter_map(|(position, by, item)| {
            let item = match item {
                // None if the retention has taken it meanwhile.
                RowItem::Invoice(newest) => FoundItem::Delivery(deliveries.remove(&newest)?),
                RowItem::Other(item) => item,
            };
            Some(InvoiceHit { place: position.map(FindCursor), by, item })
        });
        let hits = hits.collect();
        let (customers, more_customers) = if is_first { self.customers } else { (Vec::new(), false) };
        Ok(InvoiceHitPage { hits, customers, more_customers, several_ids: self.several_ids, next })
    }

    /// All deliveries of the invoices whose deliveries were found.
    async fn siblings<'n>(&self, needle: &'n Needle) -> Result<Siblings<'n>, StoreError> {
        let named = self.named.iter().filter_map(|(_, item)| delivery_of(item));
        let found = named.clone().chain(self.items.iter().filter_map(|(.., item)| delivery_of(item)));
        let invoices: BTreeSet<(&TenantId, &String)> =
            found.map(|delivery| (&delivery.invoice.tenant, &delivery.invoice.id)).collect();
        let (customers, _) = &self.customers;
        let mut siblings = Siblings {
            needle,
            of: HashMap::new(),
            named: named.map(|delivery| delivery.id).collect(),
            went_to: HashSet::new(),
            customers: customers.iter().map(|one| (one.tenant_id.clone(), one.id.clone())).collect(),
        };
        if invoices.is_empty() {
            return Ok(siblings);
        }
        let statement = sql(DELIVERIES_OF_INVOICES).batch(rows!(invoices, |(tenant, id)| {
            tenant_id: text = tenant,
            invoice_id: text = id,
        }));
        for row in &statement.all(&mut self.store.read().await?).await? {
            let (invoice, sibling) = read(row)?;
            siblings.of.entry(invoice).or_default().push(sibling);
        }
        if let Some(mailbox) = &needle.mailbox {
            let all: Vec<DeliveryId> = siblings.of.values().flatten().map(|one| one.id).collect();
            siblings.went_to = self.went_to(mailbox, &all).await?;
        }
        Ok(siblings)
    }

    /// Which of these went to an address, under whichever key it was written down.
    async fn went_to(&self, address: &str, deliveries: &[DeliveryId]) -> Result<HashSet<DeliveryId>, StoreError> {
        let keys = self.store.address_keys.all(&mailbox(address));
        let pairs: Vec<(i64, DeliveryId)> =
            deliveries.iter().flat_map(|id| keys.iter().map(move |key| (*key, *id))).collect();
        if pairs.is_empty() {
            return Ok(HashSet::new());
        }
        sql(WENT_TO)
            .batch(rows!(pairs, |(key, id)| { address_key: bigint = key, id: uuid = id }))
            .all(&mut self.store.read().await?)
            .await?
            .iter()
            .map(|row| row.get("id"))
            .collect()
    }

    /// Reads the deliveries that rows show and that were not found themselves.
    async fn complete(
        &self,
        deliveries: &mut HashMap<DeliveryId, Box<Delivery>>,
        rows: &[(Option<FindPosition>, FoundBy, RowItem)],
    ) -> Result<(), StoreError> {
        let shown = rows.iter().filter_map(|(.., item)| match item {
            RowItem::Invoice(newest) => Some(*newest),
            RowItem::Other(_) => None,
        });
        let missing: Vec<DeliveryId> = shown.filter(|newest| !deliveries.contains_key(newest)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let statement = sql(DELIVERIES_BY_ID).batch(rows!(missing, |id| { id: uuid = id }));
        for row in &statement.all(&mut self.store.read().await?).await? {
            let delivery = Delivery::read(row)?;
            deliveries.insert(delivery.id, Box::new(delivery));
        }
        Ok(())
    }
}

fn delivery_of(item: &FoundItem) -> Option<&Delivery> {
    match item {
        FoundItem::Delivery(delivery) => Some(delivery.as_ref()),
        FoundItem::Event(_) | FoundItem::DeadLetter(_) => None,
    }
}

fn read(row: &Row) -> Result<(InvoiceKey, Sibling), StoreError> {
    let invoice = read_invoice(row)?;
    let class: Option<ReasonCode> = row.get("class")?;
    let sibling = Sibling {
        id: row.get("id")?,
        customer: invoice.customer.clone(),
        number_key: row.get("number_key")?,
        is_main: row.get::<DeliveryRole>("role")? == DeliveryRole::Main,
        is_aside: matches!(class, Some(ReasonCode::Superseded | ReasonCode::DuplicateInvoice)),
        created_at: row.get("created_at")?,
    };
    Ok((key_of(&invoice), sibling))
}
