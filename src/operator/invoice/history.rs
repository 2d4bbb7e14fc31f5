//! Everything that is known of one invoice number, sorted by the documents under it.

use std::collections::BTreeMap;

use super::wait_reason::{LaneConditions, WaitReason};
use super::{InvoiceStanding, answered, is_forgotten, newest_of};
use crate::clock::Timestamp;
use crate::event::{self, InvoiceData};
use crate::model::access::TenantScope;
use crate::model::customer::Customer;
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::state::{Concluded, DeadLetterState, DeliveryState, EventState};
use crate::operator::masking::Reader;
use crate::store::{
    DeadLetter, Delivery, ExplainedDelivery, ExplainedEvent, Explanation, PortalLock, Store, StoreError,
};

/// How many spellings of a number are looked through for the one that is meant.
const SPELLINGS_MAX: u32 = 5;

/// One invoice number of a tenant.
#[derive(Debug, Clone)]
pub struct InvoiceHistory {
    pub tenant: TenantId,
    /// As it was published.
    pub number: String,
    /// Whom it is for, if one customer is known.
    pub customer_id: Option<CustomerId>,
    pub customer: Option<Customer>,
    /// Invoice, credit note, reminders: the newest first.
    pub documents: Vec<DocumentHistory>,
    /// Locks of the portal that concern the customer.
    pub locks: Vec<PortalLock>,
    /// What holds deliveries up besides themselves.
    pub conditions: LaneConditions,
    /// When it was read.
    pub now: Timestamp,
}

/// One document under the number, with all that happened to it.
#[derive(Debug, Clone)]
pub struct DocumentHistory {
    pub kind: InvoiceKind,
    /// The billing system's identifier, where that could be read.
    pub invoice_id: Option<String>,
    /// The events that brought it, oldest first.
    pub events: Vec<ExplainedEvent>,
    /// Oldest first.
    pub deliveries: Vec<ExplainedDelivery>,
    /// What could not be sent, oldest first.
    pub dead_letters: Vec<DeadLetter>,
    /// What the event of the newest delivery says, while its bytes are kept.
    pub data: Option<InvoiceData>,
}

impl InvoiceHistory {
    /// Everything that is known of this number (case and blanks do not count) or identifier; none if nothing is.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn read(
        store: &Store,
        tenant: &TenantId,
        number: &str,
        scope: &TenantScope,
    ) -> Result<Option<Self>, StoreError> {
        let Some(explanation) = explain(store, tenant, number, scope).await? else { return Ok(None) };
        let mut documents = documents(explanation);
        for document in &mut documents {
            document.data = data_of(store, document.newest().map(|newest| newest.delivery.id)).await?;
        }
        let customer_id = documents.iter().find_map(DocumentHistory::customer_id);
        let customer = match &customer_id {
            Some(id) => store.customer(tenant, id, scope).await?,
            None => None,
        };
        let locks = match &customer_id {
            Some(id) => store.portal_locks_of(tenant, id, scope).await?,
            None => Vec::new(),
        };
        Ok(Some(Self {
            number: documents.iter().find_map(DocumentHistory::number).unwrap_or(number).to_owned(),
            tenant: tenant.clone(),
            customer_id,
            customer,
            documents,
            locks,
            conditions: LaneConditions::read(store, tenant).await?,
            now: store.now(),
        }))
    }

    /// Why this delivery is not sent now; none of one that is not due.
    #[must_use]
    pub fn wait_reason<'v>(&'v self, explained: &'v ExplainedDelivery) -> Option<WaitReason<'v>> {
        WaitReason::of(&explained.delivery, &self.conditions, self.now)
    }

    /// Why a document stands where it stands: what holds a due delivery up, else what the relay or a check answered last.
    /// May name addresses.
    #[must_use]
    pub fn detail(&self, document: &DocumentHistory) -> Option<String> {
        let Some(newest) = document.newest() else { return document.open_letter().map(|letter| letter.reason.clone()) };
        if let Some(sentence) = self.wait_reason(newest).and_then(WaitReason::sentence) {
            return Some(sentence);
        }
        let Delivery { code, reason, .. } = &newest.delivery;
        match document.acceptance() {
            Some(answer) => {
                let besides = reason.as_deref().map(|reason| format!("; {reason}")).unwrap_or_default();
                Some(format!("the relay accepted it: {answer}{besides}"))
            }
            None => answered(code.as_deref(), reason.as_deref()),
        }
    }

    /// A reader of all that is known of the number.
    #[must_use]
    pub fn reader(&self, whole: bool) -> Reader {
        let deliveries = self.documents.iter().flat_map(|document| &document.deliveries);
        let recipients = deliveries.flat_map(|explained| &explained.delivery.recipients);
        let of_customer = self.customer.as_ref().map(|customer| customer.address.as_str());
        Reader::of(whole, recipients.map(|recipient| recipient.address.as_str()).chain(of_customer))
    }
}

impl DocumentHistory {
    /// The delivery that its state is.
    #[must_use]
    pub fn newest(&self) -> Option<&ExplainedDelivery> {
        newest_of(&self.deliveries)
    }

    /// What somebody has to do something about, where there is no delivery.
    #[must_use]
    pub fn open_letter(&self) -> Option<&DeadLetter> {
        self.dead_letters.iter().rev().find(|letter| letter.state == DeadLetterState::Open)
    }

    /// What the relay answered when it took the newest delivery, its code and words; none if it did not. May name addresses.
    #[must_use]
    pub fn acceptance(&self) -> Option<String> {
        let ExplainedDelivery { delivery, attempts, .. } = self.newest()?;
        let is_sent = delivery.state == DeliveryState::Concluded(Concluded::Sent);
        if !is_sent || delivery.class != Some(ReasonCode::Accepted) {
            return None;
        }
        match attempts.iter().rev().find(|attempt| attempt.class == ReasonCode::Accepted) {
            Some(attempt) => {
                answered(attempt.code.as_deref(), attempt.reply.as_deref().filter(|text| !text.is_empty()))
            }
            None => delivery.code.clone(),
        }
    }

    #[must_use]
    pub fn standing(&self) -> InvoiceStanding {
        match self.newest() {
            Some(newest) => InvoiceStanding::Delivery(newest.delivery.state),
            None if self.events.iter().any(|event| event.state == EventState::Waiting) => InvoiceStanding::EventWaiting,
            None => InvoiceStanding::EventDead,
        }
    }

    /// Why it stands there, for programs.
    #[must_use]
    pub fn class(&self) -> Option<ReasonCode> {
        match self.newest() {
            Some(newest) => newest.delivery.class,
            None => self.open_letter().map(|letter| letter.class),
        }
    }

    /// Since when.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        let of_delivery = self.newest().map(|newest| {
            let delivery = &newest.delivery;
            delivery.concluded_at.unwrap_or(delivery.created_at)
        });
        let of_letter = || self.dead_letters.last().map(|letter| letter.last_failed_at);
        let of_event = || self.events.last().map(|event| event.received_at);
        of_delivery.or_else(of_letter).or_else(of_event).unwrap_or(Timestamp(0))
    }

    /// When it is tried next.
    #[must_use]
    pub fn next_at(&self) -> Option<Timestamp> {
        let delivery = &self.newest()?.delivery;
        delivery.due_at.filter(|_| delivery.state == DeliveryState::Due)
    }

    /// Who has seen how it ended, and when.
    #[must_use]
    pub fn acknowledged(&self) -> Option<(&str, Timestamp)> {
        let delivery = &self.newest()?.delivery;
        let (by, at) = delivery.acknowledged_by.as_deref().zip(delivery.acknowledged_at)?;
        delivery.concluded_at.is_some_and(|ended| at >= ended).then_some((by, at))
    }

    /// Whether its bytes are still there to be sent again.
    #[must_use]
    pub fn can_be_resent(&self) -> bool {
        self.newest().is_some_and(|newest| !is_forgotten(&self.events, newest.delivery.event_key))
    }

    #[must_use]
    pub fn reminder_level(&self) -> Option<u8> {
        self.data.as_ref()?.invoice.reminder_level
    }

    fn customer_id(&self) -> Option<CustomerId> {
        let of_deliveries = self.deliveries.first().map(|explained| explained.delivery.invoice.customer.clone());
        let of_events = || self.events.first().map(|event| event.invoice.customer.clone());
        of_deliveries.or_else(of_events).or_else(|| self.dead_letters.first()?.customer.clone())
    }

    fn number(&self) -> Option<&str> {
        let of_deliveries = self.deliveries.first().map(|explained| explained.delivery.invoice.number.as_str());
        let of_events = || self.events.first().map(|event| event.invoice.number.as_str());
        of_deliveries.or_else(of_events).or_else(|| self.dead_letters.first()?.invoice_number.as_deref())
    }

    /// When something was made of it last.
    fn at(&self) -> Timestamp {
        let of_deliveries = self.deliveries.iter().map(|explained| explained.delivery.created_at);
        let of_events = self.events.iter().map(|event| event.received_at);
        let of_letters = self.dead_letters.iter().map(|letter| letter.last_failed_at);
        of_deliveries.chain(of_events).chain(of_letters).max().unwrap_or(Timestamp(0))
    }
}

async fn explain(
    store: &Store,
    tenant: &TenantId,
    number: &str,
    scope: &TenantScope,
) -> Result<Option<Explanation>, StoreError> {
    if let Some(explanation) = store.explain(tenant, number, scope).await? {
        return Ok(Some(explanation));
    }
    // Written otherwise than it was published.
    let spellings = store.invoices_numbered(number, &scope.narrowed_to(Some(tenant)), SPELLINGS_MAX).await?;
    match spellings.first() {
        Some(published) => store.explain(tenant, &published.number, scope).await,
        None => Ok(None),
    }
}

/// What the event of a delivery says, while its bytes are kept.
async fn data_of(store: &Store, delivery: Option<DeliveryId>) -> Result<Option<InvoiceData>, StoreError> {
    let Some(delivery) = delivery else { return Ok(None) };
    let context = store.load(&[delivery]).await?.pop();
    Ok(context.and_then(|context| event::reread(&context.event_body).ok()))
}

/// The documents of an explanation, the newest first. What only an event claims, whose kind could not be read, stands
/// with the invoices.
fn documents(explanation: Explanation) -> Vec<DocumentHistory> {
    type Key = (&'static str, Option<String>);
    let Explanation { events, deliveries, dead_letters } = explanation;
    let mut found: BTreeMap<Key, DocumentHistory> = BTreeMap::new();
    let mut of = |kind: InvoiceKind, id: Option<&str>, add: &mut dyn FnMut(&mut DocumentHistory)| {
        let key = (kind.into_str(), id.map(str::to_owned));
        let document = found.entry(key).or_insert_with(|| DocumentHistory {
            kind,
            invoice_id: id.map(str::to_owned),
            events: Vec::new(),
            deliveries: Vec::new(),
            dead_letters: Vec::new(),
            data: None,
        });
        add(document);
    };
    for letter in dead_letters {
        let delivery = deliveries.iter().find(|explained| Some(explained.delivery.id) == letter.delivery);
        let event = events.iter().find(|event| Some(event.key) == letter.event_key);
        let invoice = delivery.map(|explained| &explained.delivery.invoice).or(event.map(|event| &event.invoice));
        let kind = invoice.map(|invoice| invoice.kind).or(letter.kind).unwrap_or(InvoiceKind::Invoice);
        let id = invoice.map(|invoice| invoice.id.as_str());
        of(kind, id, &mut |document| document.dead_letters.push(letter.clone()));
    }
    for event in events {
        let (kind, id) = (event.invoice.kind, event.invoice.id.clone());
        of(kind, Some(&id), &mut |document| document.events.push(event.clone()));
    }
    for explained in deliveries {
        let (kind, id) = (explained.delivery.invoice.kind, explained.delivery.invoice.id.clone());
        of(kind, Some(&id), &mut |document| document.deliveries.push(explained.clone()));
    }
    let mut documents: Vec<DocumentHistory> = found.into_values().collect();
    documents.sort_by_key(|document| std::cmp::Reverse(document.at()));
    documents
}
