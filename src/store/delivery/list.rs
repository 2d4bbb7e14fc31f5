//! Deliveries as people look at them.

use std::fmt::Write as _;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::event::Recipient;
use crate::model::ids::{CustomerId, DeliveryId, EventKey, RelayName, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::invoice_ref::InvoiceRef;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::model::state::{Decision, DeliveryRole, DeliveryState};
use crate::policy::decision::Reason;
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::page::{Cursor, Page, PageRequest};
use crate::store::db::statement::{Statement, built_sql, sql};
use crate::store::db::value::{Row, Value};
use crate::store::delivery::invoice_ref::read_invoice;
use crate::store::search::recipients::mailbox;
use crate::store::search::text::number_key;

/// A delivery and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its identifier.
    pub id: DeliveryId,
    /// Whose Message-ID and token it uses.
    pub root: DeliveryId,
    /// What it is to its event.
    pub role: DeliveryRole,
    /// The main delivery of the same event or resend.
    pub main: DeliveryId,
    pub event_key: EventKey,
    /// The delivery that a person sent again.
    pub resend_of: Option<DeliveryId>,
    /// Why a person sent it again.
    pub resend_reason: Option<String>,
    pub invoice: InvoiceRef,
    /// Whom it goes to.
    pub recipients: Vec<Recipient>,
    /// The language and region of the mail (BCP 47).
    pub locale: String,
    /// The moment of its snapshot, and of the Date header.
    pub snapshot_at: Timestamp,
    /// A person asked for a link instead of documents.
    pub link_only: bool,
    /// Not to be sent after.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: DeliveryState,
    /// The lane that it stands in, if it is due or sending.
    pub relay: Option<RelayName>,
    /// When it is sent, if it is due.
    pub due_at: Option<Timestamp>,
    /// A person waits for it.
    pub express: bool,
    /// Why it is not sent although its time has come.
    pub held: Option<String>,
    /// SMTP transactions that were begun for it, whether they count for the retry schedule or not.
    pub attempts: u32,
    /// The last claim.
    pub claim: u32,
    /// When it ended, if it did.
    pub concluded_at: Option<Timestamp>,
    /// Why it stands where it stands, for programs; of one that is due, how the last attempt ended.
    pub class: Option<ReasonCode>,
    /// The same for people.
    pub reason: Option<String>,
    /// Documents or a link.
    pub decision: Option<Decision>,
    /// Why.
    pub decision_reason: Option<Reason>,
    /// JSON: what was decided upon ([`crate::policy::decision::Inputs`]).
    pub decision_inputs: Option<String>,
    /// The Message-ID, without angle brackets.
    pub message_id: Option<String>,
    /// The message's digest.
    pub message_sha256: Option<Sha256>,
    /// The message's Date, if its digest is known.
    pub message_date: Option<Timestamp>,
    /// The message's size in bytes.
    pub message_size: Option<i64>,
    /// JSON: what was attached ([`crate::compose::Attachment`]).
    pub attachments: Option<String>,
    /// Where in the SMTP conversation it ended.
    pub phase: Option<Phase>,
    /// The relay's code, as `550 5.7.1`.
    pub code: Option<String>,
}

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

/// What [`Delivery::read`] needs, of `delivery LEFT JOIN lane_entry`.
macro_rules! delivery_columns {
    () => {
        "delivery.id, delivery.root_id, delivery.role, delivery.main_id, delivery.event_key, delivery.resend_of,
         delivery.resend_reason, delivery.tenant_id, delivery.customer_id, delivery.invoice_id,
         delivery.invoice_number, delivery.kind, delivery.recipients, delivery.locale, delivery.snapshot_at,
         delivery.link_only, delivery.expires_at, delivery.created_at,
         COALESCE(delivery.concluded, lane_entry.state, 'due') AS state, lane_entry.relay, lane_entry.due_at,
         COALESCE(lane_entry.express, FALSE) AS express, lane_entry.held,
         (SELECT CAST(COUNT(*) AS INTEGER) FROM attempt WHERE attempt.delivery_id = delivery.id)
             -- DATA had begun, and its worker died before it recorded how that ended.
             + CASE WHEN delivery.phase IS NOT NULL
                         AND NOT EXISTS (SELECT 1 FROM attempt
                                         WHERE attempt.delivery_id = delivery.id AND attempt.claim = delivery.claim)
                    THEN 1 ELSE 0 END AS attempts,
         COALESCE(lane_entry.claim, delivery.claim) AS claim, delivery.concluded_at,
         COALESCE(delivery.class, lane_entry.last_class) AS class,
         COALESCE(delivery.reason, lane_entry.last_reply) AS reason,
         COALESCE(delivery.decision, lane_entry.decision) AS decision,
         COALESCE(delivery.decision_reason, lane_entry.decision_reason) AS decision_reason,
         COALESCE(delivery.decision_inputs, lane_entry.decision_inputs) AS decision_inputs,
         delivery.message_id, COALESCE(delivery.message_sha256, lane_entry.message_sha256) AS message_sha256,
         CASE WHEN delivery.message_sha256 IS NOT NULL THEN delivery.message_date
              WHEN lane_entry.message_sha256 IS NOT NULL THEN lane_entry.message_date
         END AS message_date,
         delivery.message_size, delivery.attachments, delivery.phase, delivery.code"
    };
}
pub(in crate::store) use delivery_columns;

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
    pub(in crate::store) fn statement(&self, page: PageRequest, address_key: Option<i64>) -> Statement<'_> {
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
        self.narrow(&mut listing, order);
        listing.end(by, page.limit.saturating_add(1))
    }

    /// What narrows a list. SQLite takes an index for whatever could use one, also where another one is in the list's
    /// order: an operation that changes nothing keeps it from that.
    fn narrow<'v>(&'v self, listing: &mut Listing<'v>, order: Order) {
        let leads = order == Order::Creation;
        let (invoice, customer, tenant) =
            (self.invoice.as_deref().map(number_key), self.customer.as_ref(), self.tenant.as_ref());
        if leads && invoice.is_some() {
            listing.and_some("delivery.number_key = ?", invoice);
            listing.and_some("delivery.customer_id{sqlite: || ''} = ?", customer);
            listing.and_some("delivery.tenant_id{sqlite: || ''} = ?", tenant);
        } else if leads {
            listing.and_some("delivery.tenant_id = ?", tenant);
            listing.and_some("delivery.customer_id = ?", customer);
        } else {
            listing.and_some("delivery.number_key{sqlite: || ''} = ?", invoice);
            listing.and_some("delivery.customer_id{sqlite: || ''} = ?", customer);
            listing.and_some("delivery.tenant_id{sqlite: || ''} = ?", tenant);
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
    pub async fn deliveries(&self, filter: &DeliveryFilter, page: PageRequest) -> Result<Page<Delivery>, StoreError> {
        let Some(to) = &filter.to else {
            return Page::of(&self.page_of(filter, page, None).await?, page.limit, Delivery::read, |delivery| {
                filter.cursor(delivery)
            });
        };
        let mut found = Vec::new();
        // One address may stand under several keys while the secret keys change; each list is in order.
        for key in self.address_keys.all(&mailbox(to)) {
            for row in &self.page_of(filter, page, Some(key)).await? {
                found.push(Delivery::read(row)?);
            }
        }
        found.sort_unstable_by_key(|delivery| std::cmp::Reverse(delivery.id.0));
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
        page: PageRequest,
        address_key: Option<i64>,
    ) -> Result<Vec<Row>, StoreError> {
        filter.statement(page, address_key).all(&mut self.read().await?).await
    }

    /// Up to `limit` deliveries whose ids lie in this range, both ends included; in the order of their ids.
    pub async fn deliveries_between(&self, range: (Uuid, Uuid), limit: u32) -> Result<Vec<DeliveryId>, StoreError> {
        sql("SELECT id FROM delivery WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $3")
            .bind(range.0)
            .bind(range.1)
            .bind(limit)
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(|row| row.get("id"))
            .collect()
    }

    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let row = sql(concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM delivery LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id WHERE delivery.id = $1"
        ))
        .bind(id)
        .optional(&mut self.read().await?)
        .await?;
        row.as_ref().map(Delivery::read).transpose()
    }
}

impl Delivery {
    pub(in crate::store) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            root: row.get("root_id")?,
            role: row.get("role")?,
            main: row.get("main_id")?,
            event_key: row.get("event_key")?,
            resend_of: row.get("resend_of")?,
            resend_reason: row.get("resend_reason")?,
            invoice: read_invoice(row)?,
            recipients: row.json("recipients")?,
            locale: row.get("locale")?,
            snapshot_at: row.get("snapshot_at")?,
            link_only: row.get("link_only")?,
            expires_at: row.get("expires_at")?,
            created_at: row.get("created_at")?,
            state: row.get("state")?,
            relay: row.get("relay")?,
            due_at: row.get("due_at")?,
            express: row.get("express")?,
            held: row.get("held")?,
            attempts: row.get("attempts")?,
            claim: row.get("claim")?,
            concluded_at: row.get("concluded_at")?,
            class: row.get("class")?,
            reason: row.get("reason")?,
            decision: row.get("decision")?,
            decision_reason: row.get("decision_reason")?,
            decision_inputs: row.get("decision_inputs")?,
            message_id: row.get("message_id")?,
            message_sha256: row.get("message_sha256")?,
            message_date: row.get("message_date")?,
            message_size: row.get("message_size")?,
            attachments: row.get("attachments")?,
            phase: row.get("phase")?,
            code: row.get("code")?,
        })
    }
}
