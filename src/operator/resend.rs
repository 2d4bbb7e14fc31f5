//! Sending an invoice again because a person asks for it: a new delivery with a new Message-ID.
//!
//! First the plan ([`Resend::plan`]), then the act ([`Resend::resend`]), which can name the plan that a person has seen and
//! does nothing where that does not hold any more. In the act's transaction the delivery whose place the new one takes is
//! concluded, so that never both are sent. Documents or a link are decided afresh, by today's settings; the person may
//! narrow that to a link, never widen it. To an address that neither the event nor the customer's record has goes a link,
//! unless the person confirms once more that documents shall go there.

mod link_cause;
pub mod plan;
mod source;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tracing::info;

use self::plan::ResendPlan;
pub use self::source::AddressOrigin;
use self::source::ResendSource;
use crate::clock::Timestamp;
use crate::event::Recipient;
use crate::failpoint::{self, Failpoint};
use crate::intake::{DeliveryFactory, Recipients, notes};
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::invoice_ref::InvoiceRef;
pub use crate::model::link_cause::LinkCause;
use crate::model::mail_address::{InvalidAddress, MailAddress};
use crate::model::note::NoteKind;
use crate::model::reason::ReasonCode;
use crate::model::state::{DeliveryRole, DeliveryState};
use crate::operator::foresight::Foresight;
use crate::store::{
    Inserted, IntakeRows, IntakeTransaction, NewAuditEntry, NewDelivery, NewLaneEntry, NewNote, Standing, StoreError,
    TenantSnapshot,
};
use crate::telemetry::LoggedId;

/// How often another transaction may change the earlier delivery in between: each time it has one attempt less to make.
const TRIES_MAX: u32 = 10;

/// Between two resends of one invoice there is as much time, unless the person confirms that it is meant.
pub const RESEND_INTERVAL: Duration = Duration::from_mins(1);

/// Why earlier links are revoked; names no address.
const RESENT_ELSEWHERE: &str = "the invoice was sent to another address";

/// What a person asks for.
#[derive(Debug, Clone)]
pub struct ResendRequest<'a> {
    /// Whose invoice it is.
    pub tenant: &'a TenantId,
    /// Its number or identifier.
    pub invoice: &'a str,
    /// The identifier, where the number alone may be another's too.
    pub invoice_id: Option<&'a str>,
    /// An invoice and its reminder often share the number: which of them.
    pub kind: Option<InvoiceKind>,
    /// Who asks.
    pub who: &'a Actor,
    /// Why.
    pub reason: &'a str,
    /// To this address instead of the recipients of the event or the customer's own.
    pub to: Option<&'a str>,
    /// A link instead of documents, whatever the settings say.
    pub link_only: bool,
    /// What the person confirms besides.
    pub confirmed: ResendConfirmations,
    /// The plan that the person has seen ([`ResendPlan::digest`]); none, if whatever holds at the act is meant.
    pub plan: Option<&'a str>,
}

/// What a person says once more before it is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResendConfirmations {
    /// Documents may be attached although neither the event nor the record has the address.
    pub attach_to_new_address: bool,
    /// Earlier links go on working although the invoice goes to a new address.
    pub keep_links: bool,
    /// It is sent again although that was done less than [`RESEND_INTERVAL`] ago.
    pub soon: bool,
}

/// A delivery that is under way again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resent {
    /// The new delivery.
    pub delivery: DeliveryId,
    /// The delivery whose place it takes.
    pub original: DeliveryId,
    /// Where that one stood.
    pub original_was: DeliveryState,
    pub invoice_number: String,
    /// Invoice, credit note or reminder.
    pub kind: InvoiceKind,
    /// Portal links that are revoked.
    pub links_revoked: u64,
    /// Why it goes as a link whatever the settings say; none if they decide.
    pub link_cause: Option<LinkCause>,
}

/// Why an invoice is not sent again; everything stands as before.
#[derive(Debug, thiserror::Error)]
pub enum ResendError {
    /// No delivery of it.
    #[error("no delivery of invoice {invoice} of {tenant} is known")]
    UnknownInvoice {
        tenant: TenantId,
        /// What was asked for.
        invoice: String,
    },
    /// Several have this number.
    #[error("{invoice} of {tenant} is the number of several: {}", list(candidates))]
    Ambiguous {
        tenant: TenantId,
        /// What was asked for.
        invoice: String,
        /// The newest delivery of each, the newest first.
        candidates: Vec<Candidate>,
    },
    /// The event's bytes are gone after the retention.
    #[error(
        "the event's bytes have been deleted (retention or erasure); publish the invoice again under a new event id"
    )]
    Forgotten,
    /// The customer was removed meanwhile.
    #[error("the customer {0} is not known any more; import the customer first")]
    UnknownCustomer(CustomerId),
    /// A worker has it.
    #[error("delivery {0} is being sent; try again when it has ended")]
    Sending(DeliveryId),
    /// Somebody sent it again a moment ago.
    #[error("it was sent again less than a minute ago, as delivery {delivery}")]
    TooSoon {
        /// The delivery that was made then.
        delivery: DeliveryId,
        /// When.
        at: Timestamp,
    },
    /// What the person has seen does not hold any more; this does.
    #[error("what was planned does not hold any more: look at the plan again")]
    PlanChanged(Box<ResendPlan>),
    /// The address that the person gave.
    #[error("the address cannot be used: {0}")]
    Address(#[from] InvalidAddress),
    /// The event's or the customer's address.
    #[error("{0}; correct it, or name another address")]
    Recipient(String),
    /// It would end as a dead letter, as far as can be seen now.
    #[error("it would fail ({class}): {reason}")]
    MustFail {
        /// Why, for programs.
        class: ReasonCode,
        /// Why, for people.
        reason: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One of several that a number names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Invoice, credit note or reminder.
    pub kind: InvoiceKind,
    /// Its newest delivery.
    pub delivery: DeliveryId,
    /// When that was made.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: DeliveryState,
}

fn list(candidates: &[Candidate]) -> String {
    let described = |candidate: &Candidate| {
        let Candidate { kind, delivery, created_at, state } = candidate;
        format!("{kind} of {created_at} ({state}, delivery {delivery})")
    };
    candidates.iter().map(described).collect::<Vec<_>>().join(", ")
}

/// Sends invoices again.
#[derive(Debug, Clone)]
pub struct Resend {
    factory: Arc<DeliveryFactory>,
    foresight: Option<Arc<Foresight>>,
}

/// What came of one try.
enum Tried {
    Resent(Resent),
    /// The earlier delivery was moved meanwhile: once more.
    Overtaken,
    /// It does not stand as planned any more.
    PlanChanged,
}

impl Resend {
    /// A service whose deliveries this factory makes.
    #[must_use]
    pub const fn new(factory: Arc<DeliveryFactory>) -> Self {
        Self { factory, foresight: None }
    }

    /// The same service; what would fail again is refused before anything is concluded for it.
    #[must_use]
    pub fn looking_ahead(self, foresight: Option<Arc<Foresight>>) -> Self {
        Self { foresight, ..self }
    }

    /// Sends an invoice again, ahead of ordinary traffic. Its Bcc are not sent again.
    ///
    /// # Errors
    /// Why everything stands as before.
    pub async fn resend(&self, request: &ResendRequest<'_>) -> Result<Resent, ResendError> {
        let to = request.to.map(MailAddress::parse).transpose()?;
        // Documents are read for the plan, so no transaction is open meanwhile; what changes until it is sent ends as a
        // dead letter after all.
        let plan = match (&self.foresight, request.plan) {
            (None, None) => None,
            _ => Some(self.plan(request).await?),
        };
        if let Some(plan) = &plan {
            plan.allows(request, self.factory.store.now())?;
        }
        for _ in 0..TRIES_MAX {
            match self.commit(request, to.as_ref(), plan.as_ref().filter(|_| request.plan.is_some())).await? {
                Tried::Resent(resent) => return Ok(resent),
                Tried::Overtaken => {}
                Tried::PlanChanged => {
                    let now = self.plan(request).await?;
                    now.check_interval(self.factory.store.now())?;
                    return Err(ResendError::PlanChanged(Box::new(now)));
                }
            }
        }
        Err(StoreError::Unavailable("the deliveries of the invoice change again and again".to_owned()).into())
    }

    /// Resends in one transaction.
    async fn commit(
        &self,
        request: &ResendRequest<'_>,
        to: Option<&MailAddress>,
        plan: Option<&ResendPlan>,
    ) -> Result<Tried, ResendError> {
        let ResendRequest { tenant, who, reason, confirmed, .. } = *request;
        let mut transaction = self.factory.store.begin_intake(std::slice::from_ref(tenant)).await?;
        let found = ResendSource::look_up(&mut transaction, request, to).await?;
        let recipients = found.recipients()?;
        let newest = &found.newest;
        if plan.is_some_and(|plan| plan.original != newest.id || plan.recipients != recipients.list) {
            return Ok(Tried::PlanChanged);
        }
        // The tenant is locked: of two who ask at once, the second one sees what the first has made.
        if !confirmed.soon
            && let Some((delivery, at)) = found.resent_within_interval(transaction.now())
        {
            return Err(ResendError::TooSoon { delivery, at });
        }
        let id = DeliveryId(self.factory.store.clock().new_id());
        let original_was = match transaction.supersede(tenant, newest, id, who.name()).await? {
            Standing::Concluded { was } => was,
            Standing::Sending => return Err(ResendError::Sending(newest.id)),
            Standing::Overtaken => return Ok(Tried::Overtaken),
        };
        if plan.is_some_and(|plan| plan.original_is != original_was) {
            return Ok(Tried::PlanChanged);
        }
        transaction.acknowledge_resent(newest.id, who.name()).await?;
        let is_new_address = found.origin() == AddressOrigin::New;
        let links_revoked = if is_new_address && !confirmed.keep_links {
            transaction.revoke_links(tenant, &newest.invoice.id, who.name(), RESENT_ELSEWHERE).await?
        } else {
            0
        };
        self.insert(&mut transaction, id, request, &found, recipients).await?;
        if is_new_address {
            let links_revoked = (!confirmed.keep_links).then_some(links_revoked);
            let note = NoteKind::ToNewAddress { link: found.link_cause(request), links_revoked };
            transaction.note(id, who.name(), &note.into()).await?;
        }
        let change = json!({
            "invoice_number": newest.invoice.number, "kind": newest.invoice.kind.into_str(), "original": newest.id,
            "original_was": original_was.to_string(), "to": to.map(MailAddress::as_str),
            "link_only": found.link_cause(request).is_some(), "links_revoked": links_revoked,
        });
        let entry = NewAuditEntry::new(AuditAction::InvoiceResent, who).because(reason).with(change);
        let entry = entry.of_customer(tenant, &newest.invoice.customer).about(id.to_string());
        transaction.audit(&entry).await?;
        failpoint::reach(Failpoint::BeforeResendCommit);
        transaction.commit().await?;
        failpoint::reach(Failpoint::AfterResendCommit);
        self.factory.wakes.wake_all();
        let (number, shown_tenant) = (LoggedId(&newest.invoice.number), LoggedId(tenant.as_str()));
        info!(
            invoice.number = %number, tenant = %shown_tenant, delivery.id = %id,
            "{} {number} of {shown_tenant} is sent again", newest.invoice.kind.label()
        );
        Ok(Tried::Resent(Resent {
            delivery: id,
            original: newest.id,
            original_was,
            invoice_number: newest.invoice.number.clone(),
            kind: newest.invoice.kind,
            links_revoked,
            link_cause: found.link_cause(request),
        }))
    }

    /// Writes the new delivery, and why it was made.
    async fn insert(
        &self,
        transaction: &mut IntakeTransaction,
        id: DeliveryId,
        request: &ResendRequest<'_>,
        found: &ResendSource,
        recipients: Recipients,
    ) -> Result<(), ResendError> {
        let locale = found.locale(&self.factory.templates);
        let event_notes = notes(&found.event, &locale, &recipients);
        let delivery = self.delivery(id, request, found, (recipients.list, locale.tag), transaction.now());
        let rows = IntakeRows {
            notes: event_notes.into_iter().map(|kind| NewNote { delivery: id, kind }).collect(),
            lane_entries: vec![lane_entry(&delivery, &found.tenant)],
            deliveries: vec![delivery],
            ..IntakeRows::default()
        };
        let inserted = transaction.insert(&rows).await?;
        debug_assert!(matches!(inserted, Inserted::All { .. }), "no event is inserted, so none was overtaken");
        transaction.note(id, request.who.name(), &NoteKind::Resent.because(request.reason)).await?;
        Ok(())
    }

    fn delivery(
        &self,
        id: DeliveryId,
        request: &ResendRequest<'_>,
        found: &ResendSource,
        (recipients, locale): (Vec<Recipient>, String),
        now: Timestamp,
    ) -> NewDelivery {
        let ResendSource { newest, tenant, event, customer, .. } = found;
        NewDelivery {
            id,
            root: id,
            role: DeliveryRole::Main,
            main: id,
            event_key: newest.event_key,
            resend_of: Some(newest.id),
            resend_reason: Some(request.reason.to_owned()),
            invoice: InvoiceRef {
                tenant: tenant.id.clone(),
                customer: customer.id.clone(),
                id: newest.invoice.id.clone(),
                number: newest.invoice.number.clone(),
                kind: event.data.invoice.kind,
            },
            recipients,
            customer_name: customer.name.clone(),
            locale,
            profile_version: tenant.profile_version,
            template_version: self.factory.template_version.clone(),
            snapshot_at: now,
            link_key: self.factory.link_key.clone(),
            link_generation: 0,
            link_only: found.link_cause(request).is_some(),
            // A person wants it sent: the event's own end does not count.
            expires_at: None,
            created_at: now,
            concluded: None,
        }
    }
}

/// A place ahead of ordinary traffic: somebody waits for it.
pub(super) fn lane_entry(delivery: &NewDelivery, tenant: &TenantSnapshot) -> NewLaneEntry {
    NewLaneEntry {
        delivery: delivery.id,
        relay: tenant.relay.clone(),
        tenant: delivery.invoice.tenant.clone(),
        customer: delivery.invoice.customer.clone(),
        due_at: delivery.snapshot_at,
        express: true,
        expires_at: None,
        claim: 0,
        decision: None,
        message_date: None,
        held: None,
    }
}
