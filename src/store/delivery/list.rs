//! Deliveries as people look at them.

use std::cmp::Reverse;
use std::fmt::Write as _;

use uuid::Uuid;

use super::row::{Delivery, delivery_columns};
use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::ids::{CustomerId, DeliveryId, RelayName, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::state::DeliveryState;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::page::{Cursor, Page, PageRequest};
use crate::store::db::scope::in_scope;
use crate::store::db::statement::{Statement, built_sql, sql};
use crate::store::db::value::{Row, Value};
use crate::store::search::recipients::mailbox;
use crate::store::search::text::number_key;

/// Which deliveries are wanted; each part narrows.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    pub state: Option<DeliveryState>,
    pub tenant: Option<TenantId>,
    /// In this relay's lane, or attempted with this relay.
    pub relay: Option<RelayName>,
    /// That came to this state at this moment or later; due, sending, sent and all, and where an invoice, a customer or
    /// a recipient is named: that were made then or later.
    pub since: Option<Timestamp>,
    /// Of this number; case and blanks do not count.
    pub invoice: Option<String>,
    /// For this customer; quick beside a tenant only.
    pub customer: Option<CustomerId>,
    /// To this address, as To, Cc or Bcc.
    pub to: Option<String>,
    /// Invoices, credit notes or reminders.
    pub kind: Option<InvoiceKind>,
}

/// What is due or sending.
const IN_LANES: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    " FROM lane_entry JOIN delivery ON delivery.id = lane_entry.delivery_id WHERE TRUE"
);

/// Everything.
const ALL: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    " FROM delivery LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id WHERE TRUE"
);

/// What was sent to a recipient.
const TO_RECIPIENT: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    " FROM delivery_recipient JOIN delivery ON delivery.id = delivery_recipient.delivery_id
         LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id WHERE TRUE"
);

/// Deliveries whose ids lie in a range: of the first of all tenants, those of a scope.
pub(in crate::store) const DELIVERIES_BETWEEN: &str = concat!(
    "SELECT id FROM (SELECT id, tenant_id FROM delivery WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $5) AS found
    WHERE ",
    in_scope!("tenant_id", "$3"),
    " ORDER BY id LIMIT $4"
);

/// Ids of all tenants that are looked through for those of a scope: the first digits of an id are a time, and one tenant may
/// have made all ids of that time.
const LOOKED_THROUGH_MAX: u32 = 1_000;

/// How many ids are looked through for `limit` of this scope.
pub(in crate::store) fn looked_through(scope: &TenantScope, limit: u32) -> u32 {
    if scope.is_all() { limit } else { limit.max(LOOKED_THROUGH_MAX) }
}

/// A list's statement while it is put together. Only what is asked for stands in it: a condition that may be none (`$1
/// IS NULL OR …`) has PostgreSQL expect a single row, and sort a whole table by time instead of reading the index that
/// is in order (measured: 8 s among a million deliveries).
struct Listing<'v> {
    text: String,
    values: Vec<Value<'v>>,
}

impl<'v> Listing<'v> {
    fn of(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    /// Narrows it by `condition`, in which `?` stands for each of the values.
    fn and<const N: usize>(&mut self, condition: &str, values: [Value<'v>; N]) {
        self.text.push_str(" AND ");
        let mut parts = condition.split('?');
        self.text.push_str(parts.next().unwrap_or_default());
        for (value, part) in values.into_iter().zip(parts) {
            self.values.push(value);
            let place = self.values.len();
            write!(self.text, "${place}{part}").expect("a String takes any text");
        }
    }

    /// Narrows it by `condition` if there is a value.
    fn and_some(&mut self, condition: &str, value: Option<impl Into<Value<'v>>>) {
        if let Some(value) = value {
            self.and(condition, [value.into()]);
        }
    }

    /// Narrows it to the tenants of a scope. Where that is one tenant, `lead` says whether an index may begin with it.
    fn within(&mut self, scope: &TenantScope, lead: bool) {
        let Some(tenants) = scope.tenants() else { return };
        // Compared with one value, the index is in the list's order; one of several values would have to be sorted.
        if let (Some(only), 1) = (tenants.first(), tenants.len()) {
            let column = if lead { "delivery.tenant_id = ?" } else { "delivery.tenant_id{sqlite: || ''} = ?" };
            return self.and(column, [only.as_str().to_owned().into()]);
        }
        let tenants = serde_json::to_string(tenants).expect("texts are always JSON");
        self.values.push(tenants.into());
        let place = self.values.len();
        write!(
            self.text,
            " AND delivery.tenant_id {{postgres: = ANY (ARRAY(SELECT json_array_elements_text(CAST(${place} AS JSON))))}}\
             {{sqlite:|| '' IN (SELECT value FROM json_each(${place}))}}"
        )
        .expect("a String takes any text");
    }

    /// Narrows it to what stands behind a row.
    fn go_on_behind(&mut self, order: Order, after: Cursor) {
        let Cursor { at, id } = after;
        match order {
            Order::Lane => self.and("lane_entry.delivery_id < ?", [id.into()]),
            Order::Recipient => self.and("delivery_recipient.delivery_id < ?", [id.into()]),
            Order::Attention => self.and(
                "delivery.attention_at <= ? AND (delivery.attention_at, delivery.id) < (?, ?)",
                [at.into(), at.into(), id.into()],
            ),
            Order::Creation => self.and(
                "delivery.created_at <= ? AND (delivery.created_at, delivery.id) < (?, ?)",
                [at.into(), at.into(), id.into()],
            ),
        }
    }

    fn end(mut self, order: &str, limit: u32) -> Statement<'v> {
        self.values.push(limit.into());
        let place = self.values.len();
        write!(self.text, " ORDER BY {order} LIMIT ${place}").expect("a String takes any text");
        built_sql(self.text, self.values)
    }
}

/// What a list goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Lane,
    Attention,
    Creation,
    Recipient,
}

impl DeliveryFilter {
    fn order(&self) -> Order {
        match self.state {
            _ if self.to.is_some() => Order::Recipient,
            _ if self.invoice.is_some() || self.customer.is_some() => Order::Creation,
            Some(DeliveryState::Due | DeliveryState::Sending) => Order::Lane,
            Some(DeliveryState::Concluded(concluded)) if concluded != crate::model::state::Concluded::Sent => {
                Order::Attention
            }
            _ => Order::Creation,
        }
    }

    /// The statement that lists what it wants, newest first: found by an index whose order is the list's, which the
    /// rest only narrows. `address_key` is one of the recipient's, if there is one.
    pub(in crate::store) fn statement(
        &self,
        scope: &TenantScope,
        page: PageRequest,
        address_key: Option<i64>,
    ) -> Statement<'_> {
        let order = self.order();
        let (mut listing, by) = match order {
            // The identifiers are ordered by time.
            Order::Lane => (Listing::of(IN_LANES), "lane_entry.delivery_id DESC"),
            Order::Recipient => (Listing::of(TO_RECIPIENT), "delivery_recipient.delivery_id DESC"),
            Order::Attention => (Listing::of(ALL), "delivery.attention_at DESC, delivery.id DESC"),
            // One number has few deliveries; sorting them is less than reading all others in order.
            Order::Creation if self.invoice.is_some() => {
                (Listing::of(ALL), "delivery.created_at{sqlite: + 0} DESC, delivery.id DESC")
            }
            Order::Creation => (Listing::of(ALL), "delivery.created_at DESC, delivery.id DESC"),
        };
        match order {
            Order::Lane => {
                listing.and_some("lane_entry.state = ?", self.state);
                listing.and_some("lane_entry.relay = ?", self.relay.as_ref());
            }
            Order::Recipient => listing.and_some("delivery_recipient.address_key = ?", address_key),
            Order::Attention => {
                listing.and("delivery.attention_at IS NOT NULL", []);
                listing.and_some("delivery.concluded = ?", self.state);
            }
            Order::Creation => {}
        }
        if let Some(after) = page.after {
            listing.go_on_behind(order, after);
        }
        self.narrow(&mut listing, &scope.narrowed_to(self.tenant.as_ref()), order);
        listing.end(by, page.limit.saturating_add(1))
    }

    /// What narrows a list. SQLite takes an index for whatever could use one, also where another one is in the list's
    /// order: an operation that changes nothing keeps it from that.
    fn narrow<'v>(&'v self, listing: &mut Listing<'v>, scope: &TenantScope, order: Order) {
        let leads = order == Order::Creation;
        let (invoice, customer) = (self.invoice.as_deref().map(number_key), self.customer.as_ref());
        if leads && invoice.is_some() {
            listing.and_some("delivery.number_key = ?", invoice);
            listing.and_some("delivery.customer_id{sqlite: || ''} = ?", customer);
            listing.within(scope, false);
        } else if leads {
            listing.within(scope, true);
            listing.and_some("delivery.customer_id = ?", customer);
        } else {
            listing.and_some("delivery.number_key{sqlite: || ''} = ?", invoice);
            listing.and_some("delivery.customer_id{sqlite: || ''} = ?", customer);
            listing.within(scope, false);
        }
        listing.and_some("delivery.kind = ?", self.kind);
        match order {
            Order::Attention => listing.and_some("delivery.attention_at >= ?", self.since),
            Order::Creation if self.invoice.is_none() => listing.and_some("delivery.created_at >= ?", self.since),
            _ => listing.and_some("delivery.created_at{sqlite: + 0} >= ?", self.since),
        }
        if matches!(order, Order::Creation | Order::Recipient) {
            listing.and_some("COALESCE(delivery.concluded, lane_entry.state, 'due') = ?", self.state);
        }
        if let Some(relay) = self.relay.as_ref().filter(|_| order != Order::Lane) {
            listing.and(
                "(lane_entry.relay = ? OR EXISTS (SELECT 1 FROM attempt
                  WHERE attempt.delivery_id = delivery.id AND attempt.relay = ?))",
                [relay.into(), relay.into()],
            );
        }
    }

    /// The scopes that are read one by one, and merged. One of several tenants is read a tenant at a time where the list
    /// goes by time: of all tenants' deliveries together, those of two small ones may be the last that are reached.
    fn parts(&self, scope: &TenantScope) -> Vec<TenantScope> {
        let scope = scope.narrowed_to(self.tenant.as_ref());
        match scope.tenants() {
            Some(tenants) if tenants.len() > 1 && self.order() == Order::Creation && self.invoice.is_none() => {
                tenants.iter().map(|tenant| TenantScope::of([tenant.clone()])).collect()
            }
            _ => vec![scope],
        }
    }

    /// Where the list goes on behind this delivery of it.
    #[must_use]
    pub fn cursor(&self, delivery: &Delivery) -> Cursor {
        let at = match self.order() {
            Order::Lane | Order::Recipient => Timestamp(i64::MAX),
            Order::Attention => delivery.concluded_at.unwrap_or(delivery.created_at),
            Order::Creation => delivery.created_at,
        };
        Cursor { at, id: delivery.id.0 }
    }
}

impl Store {
    /// Deliveries, newest first.
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        scope: &TenantScope,
        page: PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        // One address may stand under several keys while the secret keys change; each list is in order.
        let keys: Vec<Option<i64>> = match &filter.to {
            Some(to) => self.address_keys.all(&mailbox(to)).into_iter().map(Some).collect(),
            None => vec![None],
        };
        let mut found = Vec::new();
        for part in filter.parts(scope) {
            for key in &keys {
                for row in &self.page_of(filter, &part, page, *key).await? {
                    found.push(Delivery::read(row)?);
                }
            }
        }
        found.sort_by_cached_key(|delivery| {
            let Cursor { at, id } = filter.cursor(delivery);
            Reverse((at, id))
        });
        found.dedup_by_key(|delivery| delivery.id);
        let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let more = found.len() > wanted;
        found.truncate(wanted);
        let next = found.last().filter(|_| more).map(|last| filter.cursor(last));
        Ok(Page { items: found, next })
    }

    /// The rows of a page, and one more if there is more.
    async fn page_of(
        &self,
        filter: &DeliveryFilter,
        scope: &TenantScope,
        page: PageRequest,
        address_key: Option<i64>,
    ) -> Result<Vec<Row>, StoreError> {
        filter.statement(scope, page, address_key).all(&mut self.read().await?).await
    }

    /// Up to `limit` deliveries whose ids lie in this range, both ends included; in the order of their ids. Those of a
    /// scope are looked for among the first thousand.
    pub async fn deliveries_between(
        &self,
        range: (Uuid, Uuid),
        scope: &TenantScope,
        limit: u32,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        sql(DELIVERIES_BETWEEN)
            .bind(range.0)
            .bind(range.1)
            .bind(scope)
            .bind(limit)
            .bind(looked_through(scope, limit))
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(|row| row.get("id"))
            .collect()
    }
}
