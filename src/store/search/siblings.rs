//! The deliveries of the invoices that a search found: they say which of them an invoice's row stands at, and where the
//! invoice stands now.
//!
//! An invoice has few. But of an invoice that a publisher sends again and again, under a new event id each time, every
//! event becomes a delivery that duplicates the first one. Of more than 200 only the oldest, the newest and what was found
//! itself are read, so that a page reads a bounded number of them. The oldest and the newest decide on the row's place;
//! its state may be an earlier one only if the delivery that decides on it has 100 others of its number on either side.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::find::{FoundItem, Search, SearchStage};
use super::recipients::mailbox;
use super::text::{Needle, number_key};
use crate::clock::Timestamp;
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::invoice_ref::InvoiceRef;
use crate::model::reason::ReasonCode;
use crate::model::state::DeliveryRole;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{rows, sql};
use crate::store::db::value::Row;
use crate::store::delivery::invoice_ref::read_invoice;
use crate::store::delivery::row::Delivery;

/// Deliveries of one invoice that are all read.
const SIBLINGS_MAX: u32 = 200;
/// Of the number of an invoice with more: so many of the oldest, and as many of the newest.
const SIBLINGS_AT_ENDS: u32 = SIBLINGS_MAX / 2;

/// What [`Sibling::read`] needs of `delivery`.
macro_rules! sibling_columns {
    () => {
        "delivery.id, delivery.tenant_id, delivery.customer_id, delivery.invoice_id, delivery.invoice_number,
         delivery.kind, delivery.role, delivery.created_at, delivery.class"
    };
}

/// Of some invoices' ids so many deliveries each, in no order.
pub(super) const DELIVERIES_OF_INVOICES: &str = concat!(
    "WITH {rows} SELECT ",
    sibling_columns!(),
    " FROM rows
         {postgres: CROSS JOIN LATERAL (
            SELECT * FROM delivery
            WHERE delivery.tenant_id = rows.tenant_id AND delivery.invoice_id = rows.invoice_id LIMIT $1) AS delivery}
         {sqlite: CROSS JOIN delivery ON delivery.id IN (
            SELECT one.id FROM delivery AS one
            WHERE one.tenant_id = rows.tenant_id AND one.invoice_id = rows.invoice_id LIMIT $1)}"
);

/// Builds the statement that reads the deliveries of one number of a tenant from one end: along an index that is in this
/// order, no further than the limit.
macro_rules! of_number_from {
    ($order:literal) => {
        concat!(
            "SELECT ",
            sibling_columns!(),
            " FROM (SELECT one.id FROM delivery AS one
                    WHERE one.tenant_id = $1 AND one.number_key = $2
                    ORDER BY one.id",
            $order,
            " LIMIT $3) AS ends
             {sqlite:CROSS} JOIN delivery ON delivery.id = ends.id"
        )
    };
}
pub(super) const OLDEST_OF_NUMBER: &str = of_number_from!("");
pub(super) const NEWEST_OF_NUMBER: &str = of_number_from!(" DESC");

/// Which of some deliveries went to an address.
pub(super) const WENT_TO: &str = "WITH {rows}
    SELECT delivery_recipient.delivery_id AS id
    FROM rows {sqlite:CROSS} JOIN delivery_recipient
         ON delivery_recipient.address_key = rows.address_key AND delivery_recipient.delivery_id = rows.id";

/// What distinguishes invoices, credit notes and reminders. The number, too: a billing system may publish one identifier
/// under two numbers, and each of them is searched for. What is sent again keeps the number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct InvoiceKey {
    tenant: TenantId,
    id: String,
    kind: InvoiceKind,
    /// As it is searched for.
    number: String,
}

impl InvoiceKey {
    fn of(invoice: &InvoiceRef) -> Self {
        Self {
            tenant: invoice.tenant.clone(),
            id: invoice.id.clone(),
            kind: invoice.kind,
            number: number_key(&invoice.number),
        }
    }
}

/// A delivery of an invoice that was found.
struct Sibling {
    id: DeliveryId,
    customer: CustomerId,
    is_main: bool,
    /// Another one took its place, or it duplicates one.
    is_aside: bool,
    created_at: Timestamp,
}

impl Sibling {
    fn of(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id,
            customer: delivery.invoice.customer.clone(),
            is_main: delivery.role == DeliveryRole::Main,
            is_aside: is_aside(delivery.class),
            created_at: delivery.created_at,
        }
    }

    fn read(row: &Row) -> Result<(InvoiceKey, Self), StoreError> {
        let invoice = read_invoice(row)?;
        let key = InvoiceKey::of(&invoice);
        let sibling = Self {
            id: row.get("id")?,
            customer: invoice.customer,
            is_main: row.get::<DeliveryRole>("role")? == DeliveryRole::Main,
            is_aside: is_aside(row.get("class")?),
            created_at: row.get("created_at")?,
        };
        Ok((key, sibling))
    }
}

const fn is_aside(class: Option<ReasonCode>) -> bool {
    matches!(class, Some(ReasonCode::Superseded | ReasonCode::DuplicateInvoice))
}

/// Deliveries of the invoices that were found.
type SiblingsOfInvoices = HashMap<InvoiceKey, Vec<Sibling>>;

/// A delivery's place in a search: the stage that finds it, none of what an id names.
type InvoicePlace = (Option<SearchStage>, DeliveryId);

/// An invoice and where its row stands.
struct PlacedInvoice {
    place: Option<InvoicePlace>,
    /// The delivery that its state is.
    newest: DeliveryId,
}

/// The invoices that were found, each with the place of its row.
pub(super) struct PlacedInvoices(HashMap<InvoiceKey, PlacedInvoice>);

impl PlacedInvoices {
    /// The delivery that the invoice's state is, if its row stands where this stage found this delivery.
    pub(super) fn at(&self, stage: Option<SearchStage>, delivery: &Delivery) -> Option<DeliveryId> {
        let placed = self.0.get(&InvoiceKey::of(&delivery.invoice))?;
        (placed.place == Some((stage, delivery.id))).then_some(placed.newest)
    }
}

/// What is searched for, as it decides on the place of a row.
struct Sought<'s> {
    needle: &'s Needle,
    /// What an id names, each with its place among them.
    named: HashMap<DeliveryId, usize>,
    /// Those that went to the address that is searched for.
    went_to: HashSet<DeliveryId>,
    /// The customers whose deliveries are found.
    customers: HashSet<(&'s TenantId, &'s CustomerId)>,
}

impl Sought<'_> {
    fn placed(&self, invoice: &InvoiceKey, siblings: &[Sibling]) -> Option<PlacedInvoice> {
        let rank = |one: &&Sibling| (!one.is_aside, one.is_main, one.created_at, one.id);
        let newest = siblings.iter().max_by_key(rank)?.id;
        Some(PlacedInvoice { place: self.place(invoice, siblings), newest })
    }

    fn place(&self, invoice: &InvoiceKey, siblings: &[Sibling]) -> Option<InvoicePlace> {
        // They share their number: the first one of it is the oldest.
        let first = siblings.iter().filter(|one| one.is_main).map(|one| one.id).min();
        if let Some(first) = first.filter(|_| self.needle.finds_number(&invoice.number)) {
            return Some((Some(SearchStage::Numbers), first));
        }
        let named = siblings.iter().filter_map(|one| Some((self.named.get(&one.id)?, one.id)));
        if let Some((_, named)) = named.min() {
            return Some((None, named));
        }
        let went_to = siblings.iter().map(|one| one.id).filter(|id| self.went_to.contains(id));
        if let Some(newest) = went_to.max() {
            return Some((Some(SearchStage::Recipient), newest));
        }
        let theirs = siblings.iter().filter(|one| self.customers.contains(&(&invoice.tenant, &one.customer)));
        let newest = theirs.max_by_key(|one| (one.created_at, one.id))?;
        Some((Some(SearchStage::Customers), newest.id))
    }
}

impl Search<'_> {
    /// The invoices whose deliveries were found, each decided on once.
    pub(super) async fn placed_invoices(&self, needle: &Needle) -> Result<PlacedInvoices, StoreError> {
        let siblings = self.siblings().await?;
        let (customers, _) = &self.customers;
        let named = self.named.iter().filter_map(|(_, item)| item.delivery());
        let mut sought = Sought {
            needle,
            named: named.enumerate().map(|(place, delivery)| (delivery.id, place)).collect(),
            went_to: HashSet::new(),
            customers: customers.iter().map(|one| (&one.tenant_id, &one.id)).collect(),
        };
        if let Some(mailbox) = &needle.mailbox {
            let all: HashSet<DeliveryId> = siblings.values().flatten().map(|one| one.id).collect();
            sought.went_to = self.went_to(mailbox, &all).await?;
        }
        let placed = siblings.into_iter().filter_map(|(invoice, siblings)| {
            let placed = sought.placed(&invoice, &siblings)?;
            Some((invoice, placed))
        });
        Ok(PlacedInvoices(placed.collect()))
    }

    /// The deliveries of the invoices whose deliveries were found; some of them twice.
    async fn siblings(&self) -> Result<SiblingsOfInvoices, StoreError> {
        let found = self.named.iter().map(|(_, item)| item).chain(self.items.iter().map(|(.., item)| item));
        let mut siblings = SiblingsOfInvoices::new();
        for delivery in found.filter_map(FoundItem::delivery) {
            siblings.entry(InvoiceKey::of(&delivery.invoice)).or_default().push(Sibling::of(delivery));
        }
        let ids: BTreeSet<(TenantId, String)> =
            siblings.keys().map(|invoice| (invoice.tenant.clone(), invoice.id.clone())).collect();
        if ids.is_empty() {
            return Ok(siblings);
        }
        let read = self.siblings_of_ids(&ids).await?;
        let mut counts: HashMap<(TenantId, String), u32> = HashMap::new();
        for (invoice, _) in &read {
            *counts.entry((invoice.tenant.clone(), invoice.id.clone())).or_default() += 1;
        }
        counts.retain(|_, count| *count > SIBLINGS_MAX);
        let has_more = |invoice: &InvoiceKey| counts.contains_key(&(invoice.tenant.clone(), invoice.id.clone()));
        for (invoice, sibling) in read {
            // Which ones of more came is up to the database, and every page has to decide alike.
            if !has_more(&invoice)
                && let Some(siblings) = siblings.get_mut(&invoice)
            {
                siblings.push(sibling);
            }
        }
        for (invoice, siblings) in &mut siblings {
            if has_more(invoice) {
                siblings.extend(self.siblings_at_ends(invoice).await?);
            }
        }
        Ok(siblings)
    }

    /// The deliveries of these invoices' ids, of each one more than [`SIBLINGS_MAX`] at most.
    async fn siblings_of_ids(
        &self,
        ids: &BTreeSet<(TenantId, String)>,
    ) -> Result<Vec<(InvoiceKey, Sibling)>, StoreError> {
        sql(DELIVERIES_OF_INVOICES)
            .bind(SIBLINGS_MAX + 1)
            .batch(rows!(ids, |(tenant, id)| { tenant_id: text = tenant, invoice_id: text = id }))
            .all(&mut self.store.read().await?)
            .await?
            .iter()
            .map(Sibling::read)
            .collect()
    }

    /// Of an invoice that has many deliveries, those among the oldest and the newest of its number.
    async fn siblings_at_ends(&self, invoice: &InvoiceKey) -> Result<Vec<Sibling>, StoreError> {
        let mut connection = self.store.read().await?;
        let mut siblings = Vec::new();
        for text in [OLDEST_OF_NUMBER, NEWEST_OF_NUMBER] {
            let statement = sql(text).bind(&invoice.tenant).bind(&invoice.number).bind(SIBLINGS_AT_ENDS);
            for row in &statement.all(&mut connection).await? {
                let (key, sibling) = Sibling::read(row)?;
                if key == *invoice {
                    siblings.push(sibling);
                }
            }
        }
        Ok(siblings)
    }

    /// Which of these went to an address, under whichever key it was written down.
    async fn went_to(
        &self,
        address: &str,
        deliveries: &HashSet<DeliveryId>,
    ) -> Result<HashSet<DeliveryId>, StoreError> {
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
}
