//! Everything that a text may name, over all tenants, a page at a time.
//!
//! A search is read in stages, each along an index that is in its order: by number (`find_numbered`), by recipient, by
//! customer. A page ends anywhere in one of them, and its cursor says behind which row; what comes in meanwhile moves
//! nothing. What the text names by an id (`find_named`), and the customers themselves, are few: they stand on the first
//! page.

use std::cmp::Ordering;
use std::collections::HashSet;

use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use uuid::Uuid;

use super::cursor::{CustomerPosition, FindCursor, FindPosition, NumberPosition, NumberedKind};
use super::text::Needle;
use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::customer::Customer;
use crate::model::ids::EventKey;
use crate::model::invoice_ref::InvoiceRef;
use crate::model::state::EventState;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::page::{Cursor, PageRequest};
use crate::store::db::value::Row;
use crate::store::dead_letter::list::DeadLetter;
use crate::store::delivery::invoice_ref::read_invoice;
use crate::store::delivery::list::DeliveryFilter;
use crate::store::delivery::row::Delivery;

/// Customers that a page names.
const CUSTOMERS_MAX: u32 = 20;
/// Of so many customers at most their deliveries are found too …
const CUSTOMERS_WITH_DELIVERIES_MAX: usize = 5;
/// … the newest of each, so many; of one alone, all.
const DELIVERIES_EACH: u32 = 5;

/// What is searched for, and which page of it is wanted.
#[derive(Debug, Clone, Copy)]
pub struct FindRequest<'q> {
    /// As somebody typed it. Of a longer text the first 320 characters count.
    pub text: &'q str,
    pub scope: &'q TenantScope,
    /// Behind which hit; the first page if `None`. One that came with another text is no error: it goes on where its
    /// hit would stand.
    pub after: Option<&'q FindCursor>,
    /// The most deliveries, events and dead letters of a page, beside the few that the text names by an id.
    pub limit: u32,
}

/// A page of what was found.
#[derive(Debug, Clone, Default)]
pub struct FindPage {
    pub hits: SearchHits,
    /// Where the search goes on, if it does.
    pub next: Option<FindCursor>,
}

/// What a text named.
#[derive(Debug, Clone, Default)]
pub struct SearchHits {
    /// Deliveries, each once. Those of one number and tenant stand on one page, unless they alone are more than a page.
    pub deliveries: Vec<(FoundBy, Delivery)>,
    /// Events that wait for their customers.
    pub events: Vec<(FoundBy, FoundEvent)>,
    /// What never became a delivery.
    pub dead_letters: Vec<(FoundBy, DeadLetter)>,
    /// Up to 20 of this id or name; on the first page only.
    pub customers: Vec<Customer>,
    /// There are more of them: no page names the others.
    pub more_customers: bool,
    /// The text is the beginning of several ids, of whatever kind; none of them was looked up.
    pub several_ids: bool,
}

/// What of it the text named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum FoundBy {
    Number,
    /// The beginning of its number.
    NumberPrefix,
    Recipient,
    MessageId,
    /// Its id, or the first digits of it.
    DeliveryId,
    /// The dead letter's id, or the first digits of it.
    DeadLetterId,
    /// Its event's id, or the beginning of it.
    EventId,
    Customer,
}

/// An event that waits for its customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEvent {
    pub key: EventKey,
    /// Who published it.
    pub source: String,
    /// The publisher's name for it.
    pub id: String,
    /// The invoice that it brought.
    pub invoice: InvoiceRef,
    /// When it came.
    pub received_at: Timestamp,
    /// What became of it.
    pub state: EventState,
    /// Until when its customer is waited for.
    pub wait_until: Option<Timestamp>,
}

impl Store {
    /// Everything that a text may name: a number or the beginning of one, an address, a Message-ID, the id of a
    /// delivery, a dead letter or an event or the beginning of one that nothing else has, a customer's id or words of a
    /// name. What has exactly this id or number comes first.
    pub async fn find(&self, request: &FindRequest<'_>) -> Result<FindPage, StoreError> {
        let Some(needle) = Needle::read(request.text) else { return Ok(FindPage::default()) };
        let mut search = Search::new(self, request);
        if search.is_first_page() {
            search.named(&needle).await?;
        }
        search.listed(&needle).await?;
        Ok(search.page())
    }
}

/// In what order a search is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SearchStage {
    Numbers,
    Recipient,
    Customers,
}

impl SearchStage {
    pub(super) const fn of(position: &FindPosition) -> Self {
        match position {
            FindPosition::Number(_) => Self::Numbers,
            FindPosition::Recipient(_) => Self::Recipient,
            FindPosition::Customer(_) => Self::Customers,
        }
    }
}

/// What a search finds.
#[derive(Debug, Clone)]
pub enum FoundItem {
    Delivery(Box<Delivery>),
    Event(Box<FoundEvent>),
    DeadLetter(Box<DeadLetter>),
}

impl FoundItem {
    pub(super) fn delivery(&self) -> Option<&Delivery> {
        match self {
            Self::Delivery(delivery) => Some(delivery.as_ref()),
            Self::Event(_) | Self::DeadLetter(_) => None,
        }
    }

    fn key(&self) -> (NumberedKind, Uuid) {
        match self {
            Self::Delivery(delivery) => (NumberedKind::Delivery, delivery.id.0),
            Self::Event(event) => (NumberedKind::Event, event.key.0),
            Self::DeadLetter(letter) => (NumberedKind::DeadLetter, letter.id.0),
        }
    }
}

/// A search under way.
pub(super) struct Search<'s> {
    pub(super) store: &'s Store,
    pub(super) scope: &'s TenantScope,
    after: Option<&'s FindPosition>,
    pub(super) limit: usize,
    /// What has exactly this id: above the others, and not counted.
    pub(super) named: Vec<(FoundBy, FoundItem)>,
    /// In order; one more than the limit says that there is more.
    pub(super) items: Vec<(FindPosition, FoundBy, FoundItem)>,
    seen: HashSet<(NumberedKind, Uuid)>,
    /// Those of this id or name, if they were looked for, and whether there are more.
    pub(super) customers: (Vec<Customer>, bool),
    pub(super) several_ids: bool,
}

impl<'s> Search<'s> {
    pub(super) fn new(store: &'s Store, request: &FindRequest<'s>) -> Self {
        Self {
            store,
            scope: request.scope,
            after: request.after.map(|after| &after.0),
            limit: usize::try_from(request.limit).unwrap_or(usize::MAX),
            named: Vec::new(),
            items: Vec::new(),
            seen: HashSet::new(),
            customers: (Vec::new(), false),
            several_ids: false,
        }
    }

    pub(super) const fn is_first_page(&self) -> bool {
        self.after.is_none()
    }

    pub(super) const fn number_position(&self) -> Option<&'s NumberPosition> {
        match self.after {
            Some(FindPosition::Number(position)) => Some(position),
            _ => None,
        }
    }

    /// How many rows the page takes still, with the one that says that there is more.
    pub(super) fn missing(&self) -> u32 {
        u32::try_from((self.limit.saturating_add(1)).saturating_sub(self.items.len())).unwrap_or(u32::MAX)
    }

    /// Takes in what has exactly this id.
    pub(super) fn push_named(&mut self, by: FoundBy, item: FoundItem) {
        if self.seen.insert(item.key()) {
            self.named.push((by, item));
        }
    }

    /// Takes in the next hit by number: what has an id that begins so, too, stands in the order of the numbers.
    pub(super) fn push_numbered(&mut self, position: NumberPosition, by: FoundBy, item: FoundItem) {
        let key = item.key();
        if !self.seen.insert(key) {
            self.named.retain(|(_, other)| other.key() != key);
        }
        self.items.push((FindPosition::Number(position), by, item));
    }

    /// Takes in the next hit of a later stage, unless it stands on the page already.
    fn push(&mut self, position: FindPosition, by: FoundBy, delivery: Delivery) {
        let item = FoundItem::Delivery(Box::new(delivery));
        if self.seen.insert(item.key()) {
            self.items.push((position, by, item));
        }
    }

    /// Reads what stands in pages, from behind the cursor on.
    pub(super) async fn listed(&mut self, needle: &Needle) -> Result<(), StoreError> {
        // A cursor stands in one stage, and those before it have been read.
        let stage = self.after.map_or(SearchStage::Numbers, SearchStage::of);
        if stage <= SearchStage::Numbers {
            self.numbered(&needle.numbers).await?;
        }
        if stage <= SearchStage::Recipient {
            self.recipient(needle.mailbox.as_deref()).await?;
        }
        if needle.mailbox.is_none() && needle.root.is_none() {
            self.customers(needle).await?;
        }
        Ok(())
    }

    /// What was sent to an address, as To, Cc or Bcc.
    async fn recipient(&mut self, mailbox: Option<&str>) -> Result<(), StoreError> {
        let Some(mailbox) = mailbox else { return Ok(()) };
        let filter = DeliveryFilter { to: Some(mailbox.to_owned()), ..DeliveryFilter::default() };
        let mut after = match self.after {
            Some(FindPosition::Recipient(id)) => Some(Cursor { at: Timestamp(i64::MAX), id: *id }),
            _ => None,
        };
        while self.missing() > 0 {
            let request = PageRequest { limit: self.missing(), after };
            let page = self.store.deliveries(&filter, self.scope, request).await?;
            for delivery in page.items {
                let position = FindPosition::Recipient(delivery.id.0);
                self.push(position, FoundBy::Recipient, delivery);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Customers of this id or name, and what was sent to them.
    async fn customers(&mut self, needle: &Needle) -> Result<(), StoreError> {
        // Later pages need the customers only for what was sent to them.
        if !self.is_first_page() && self.missing() == 0 {
            return Ok(());
        }
        let (customers, more) = self.store.customers_like(needle, self.scope, CUSTOMERS_MAX).await?;
        if !more && customers.len() <= CUSTOMERS_WITH_DELIVERIES_MAX {
            let each = if customers.len() > 1 { DELIVERIES_EACH } else { u32::MAX };
            for customer in &customers {
                self.deliveries_of(customer, each).await?;
            }
        }
        self.customers = (customers, more);
        Ok(())
    }

    /// The newest deliveries of a customer, `most` of them.
    async fn deliveries_of(&mut self, customer: &Customer, most: u32) -> Result<(), StoreError> {
        let (mut after, mut listed) = match self.after {
            Some(FindPosition::Customer(position)) => match position.compared_with(customer) {
                Ordering::Less => (None, 0),
                Ordering::Equal => (Some(position.cursor()), position.listed),
                // Its deliveries stood on a page before.
                Ordering::Greater => return Ok(()),
            },
            _ => (None, 0),
        };
        let filter = DeliveryFilter {
            tenant: Some(customer.tenant_id.clone()),
            customer: Some(customer.id.clone()),
            ..DeliveryFilter::default()
        };
        while self.missing() > 0 && listed < most {
            let request = PageRequest { limit: self.missing().min(most - listed), after };
            let page = self.store.deliveries(&filter, self.scope, request).await?;
            for delivery in page.items {
                listed += 1;
                let position = CustomerPosition::of(customer, filter.cursor(&delivery), listed);
                self.push(FindPosition::Customer(position), FoundBy::Customer, delivery);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// What was found, without what stands on the next page.
    fn page(mut self) -> FindPage {
        let kept = self.kept();
        let more = self.items.len() > kept;
        self.items.truncate(kept);
        let next = self.items.last().filter(|_| more).map(|(position, ..)| FindCursor(position.clone()));
        let (customers, more_customers) = if self.is_first_page() { self.customers } else { (Vec::new(), false) };
        let several_ids = self.several_ids;
        let mut hits = SearchHits { customers, more_customers, several_ids, ..SearchHits::default() };
        for (by, item) in self.named.into_iter().chain(self.items.into_iter().map(|(_, by, item)| (by, item))) {
            match item {
                FoundItem::Delivery(delivery) => hits.deliveries.push((by, *delivery)),
                FoundItem::Event(event) => hits.events.push((by, *event)),
                FoundItem::DeadLetter(letter) => hits.dead_letters.push((by, *letter)),
            }
        }
        FindPage { hits, next }
    }

    /// How many of the hits the page keeps. A number's deliveries are not torn apart: those that do not fit stand
    /// together on the next page.
    fn kept(&self) -> usize {
        let Some((position, ..)) = self.items.get(self.limit) else { return self.items.len() };
        let Some(torn) = position.number_of_deliveries() else { return self.limit };
        let before =
            self.items[..self.limit].iter().rposition(|(other, ..)| other.number_of_deliveries() != Some(torn));
        before.map_or(self.limit, |before| before + 1)
    }
}

pub(super) fn read_event(row: &Row) -> Result<FoundEvent, StoreError> {
    Ok(FoundEvent {
        key: row.get("key")?,
        source: row.get("source")?,
        id: row.get("event_id")?,
        invoice: read_invoice(row)?,
        received_at: row.get("received_at")?,
        state: row.get("state")?,
        wait_until: row.get("wait_until")?,
    })
}
