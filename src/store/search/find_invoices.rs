//! Every invoice that a text names, each once over all pages, however long a page is.
//!
//! A search finds deliveries, and an invoice that was sent again has several, which may stand on several pages. So the other
//! deliveries of each invoice that is found are looked up (`siblings`): its row stands at one of them, and on no page but
//! that one's.

use std::collections::HashMap;
use std::mem;

use super::cursor::{FindCursor, FindPosition};
use super::find::{FindRequest, FoundBy, FoundItem, Search, SearchStage};
use super::text::Needle;
use crate::model::customer::Customer;
use crate::model::ids::DeliveryId;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{rows, sql};
use crate::store::delivery::row::{Delivery, delivery_columns};

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
        search.name_dead_deliveries().await?;
        search.listed(&needle).await?;
        search.invoices(&needle).await
    }
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
    /// A dead letter that a delivery has names that delivery: its invoice has a row, and no other one.
    async fn name_dead_deliveries(&mut self) -> Result<(), StoreError> {
        for (by, item) in mem::take(&mut self.named) {
            let dead = match &item {
                FoundItem::DeadLetter(letter) => letter.delivery,
                FoundItem::Delivery(_) | FoundItem::Event(_) => None,
            };
            let delivery = match dead {
                Some(id) => self.store.delivery(id, self.scope).await?,
                None => None,
            };
            match delivery {
                // Unless the text names it, too.
                Some(delivery) => self.push_named(by, FoundItem::Delivery(Box::new(delivery))),
                None => self.named.push((by, item)),
            }
        }
        Ok(())
    }

    /// The page, one row for each invoice.
    async fn invoices(mut self, needle: &Needle) -> Result<InvoiceHitPage, StoreError> {
        let more = self.items.len() > self.limit;
        self.items.truncate(self.limit);
        let next = self.items.last().filter(|_| more).map(|(position, ..)| FindCursor(position.clone()));
        let invoices = self.placed_invoices(needle).await?;
        let is_first = self.is_first_page();
        let listed = self.items.drain(..).map(|(position, by, item)| (Some(position), by, item));
        let found: Vec<PlacedItem> = self.named.drain(..).map(|(by, item)| (None, by, item)).chain(listed).collect();

        let mut deliveries = HashMap::new();
        let mut rows = Vec::new();
        for (position, by, item) in found {
            let stage = position.as_ref().map(SearchStage::of);
            let item = match item {
                FoundItem::Delivery(delivery) => {
                    let newest = invoices.at(stage, &delivery);
                    deliveries.insert(delivery.id, delivery);
                    match newest {
                        Some(newest) => RowItem::Invoice(newest),
                        None => continue,
                    }
                }
                // The list of the numbers has it.
                FoundItem::DeadLetter(letter)
                    if stage.is_none()
                        && letter.delivery.is_none()
                        && letter.invoice_number.as_deref().is_some_and(|number| needle.finds_number(number)) =>
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
