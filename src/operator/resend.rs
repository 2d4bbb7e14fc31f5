//! Sending an invoice again because a person asks for it: a new delivery with a new Message-ID.
//!
//! In the same transaction the delivery whose place it takes is concluded, so that never both are sent. Documents or a
//! link are decided afresh, by today's settings; the person may narrow that to a link, never widen it.

use std::sync::Arc;

use serde_json::json;
use tracing::info;

use crate::clock::Timestamp;
use crate::compose::Templates;
use crate::event::{self, InvoiceSent, Recipient, RecipientRole};
use crate::failpoint::{self, Failpoint};
use crate::intake::{ChosenLocale, DeliveryFactory, Recipients, locale, main_and_bcc, notes};
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::invoice_ref::InvoiceRef;
use crate::model::mail_address::{InvalidAddress, MailAddress};
use crate::model::reason::ReasonCode;
use crate::model::state::{DeliveryRole, DeliveryState};
use crate::operator::foresight::{Foreseen, Foresight, IntendedDelivery};
use crate::store::{
    CustomerSnapshot, Inserted, IntakeRows, IntakeTransaction, NewAuditEntry, NewDelivery, NewLaneEntry, NewNote,
    Newest, Standing, StoreError, TenantSnapshot,
};
use crate::telemetry::LoggedId;

/// How often another transaction may change the earlier delivery in between: each time it has one attempt less to make.
const TRIES_MAX: u32 = 10;

/// So many are named when a number is several's.
const CANDIDATES_MAX: u32 = 10;

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
    /// To this address instead of the recipients of the event or the customer's own: earlier links are revoked.
    pub to: Option<&'a str>,
    /// A link instead of documents, whatever the settings say.
    pub link_only: bool,
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
        if let Some(foresight) = &self.foresight {
            self.look_ahead(foresight, request).await?;
        }
        for _ in 0..TRIES_MAX {
            if let Some(resent) = self.commit(request, to.as_ref()).await? {
                return Ok(resent);
            }
        }
        Err(StoreError::Unavailable("the deliveries of the invoice change again and again".to_owned()).into())
    }

    /// Whether a mail as requested would fail. Documents are read for that, so no transaction is open meanwhile; what
    /// changes until it is sent ends as a dead letter after all.
    async fn look_ahead(&self, foresight: &Foresight, request: &ResendRequest<'_>) -> Result<(), ResendError> {
        let mut transaction = self.factory.store.begin_intake(std::slice::from_ref(request.tenant)).await?;
        let found = ResendSource::look_up(&mut transaction, request).await?;
        drop(transaction);
        let wanted =
            IntendedDelivery { data: &found.event.data, link_only: request.link_only, role: DeliveryRole::Main };
        match foresight.fault(wanted).await? {
            Some(Foreseen { class, reason }) => Err(ResendError::MustFail { class, reason }),
            None => Ok(()),
        }
    }

    /// Resends in one transaction; `None` if the earlier delivery was moved meanwhile.
    async fn commit(
        &self,
        request: &ResendRequest<'_>,
        to: Option<&MailAddress>,
    ) -> Result<Option<Resent>, ResendError> {
        let ResendRequest { tenant, who, reason, .. } = *request;
        let mut transaction = self.factory.store.begin_intake(std::slice::from_ref(tenant)).await?;
        let found = ResendSource::look_up(&mut transaction, request).await?;
        let recipients = found.recipients(to)?;
        let newest = &found.newest;

        let id = DeliveryId(self.factory.store.clock().new_id());
        let original_was = match transaction.supersede(tenant, newest, id, who.name()).await? {
            Standing::Concluded { was } => was,
            Standing::Sending => return Err(ResendError::Sending(newest.id)),
            Standing::Overtaken => return Ok(None),
        };
        let links_revoked = match to {
            Some(_) => transaction.revoke_links(tenant, &newest.invoice.id, who.name(), RESENT_ELSEWHERE).await?,
            None => 0,
        };
        let locale = found.locale(&self.factory.templates);
        let notes = notes(&found.event, &locale, &recipients);
        let delivery = self.delivery(id, request, &found, (recipients.list, locale.tag), transaction.now());
        let rows = IntakeRows {
            notes: notes.into_iter().map(|what| NewNote { delivery: id, what }).collect(),
            lane_entries: vec![lane_entry(&delivery, &found.tenant)],
            deliveries: vec![delivery],
            ..IntakeRows::default()
        };
        let inserted = transaction.insert(&rows).await?;
        debug_assert!(matches!(inserted, Inserted::All { .. }), "no event is inserted, so none was overtaken");
        transaction.note(id, who.name(), &format!("resent: {reason}")).await?;
        let change = json!({
            "invoice_number": newest.invoice.number, "kind": newest.invoice.kind.into_str(), "original": newest.id,
            "original_was": original_was.to_string(), "to": to.map(MailAddress::as_str),
            "link_only": request.link_only, "links_revoked": links_revoked,
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
        Ok(Some(Resent {
            delivery: id,
            original: newest.id,
            original_was,
            invoice_number: newest.invoice.number.clone(),
            kind: newest.invoice.kind,
            links_revoked,
        }))
    }

    fn delivery(
        &self,
        id: DeliveryId,
        request: &ResendRequest<'_>,
        found: &ResendSource,
        (recipients, locale): (Vec<Recipient>, String),
        now: Timestamp,
    ) -> NewDelivery {
        let ResendSource { newest, tenant, event, customer } = found;
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
            link_only: request.link_only,
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

const fn candidate(newest: &Newest) -> Candidate {
    let Newest { id, created_at, state, .. } = *newest;
    Candidate { kind: newest.invoice.kind, delivery: id, created_at, state }
}

/// What is known of the invoice.
struct ResendSource {
    newest: Newest,
    tenant: TenantSnapshot,
    event: InvoiceSent,
    customer: CustomerSnapshot,
}

impl ResendSource {
    async fn look_up(transaction: &mut IntakeTransaction, request: &ResendRequest<'_>) -> Result<Self, ResendError> {
        let ResendRequest { tenant, invoice, .. } = *request;
        let unknown = || ResendError::UnknownInvoice { tenant: tenant.clone(), invoice: invoice.to_owned() };
        let mut known = transaction.newest_deliveries(tenant, invoice, CANDIDATES_MAX).await?;
        known.retain(|newest| request.kind.is_none_or(|kind| newest.invoice.kind == kind));
        known.retain(|newest| request.invoice_id.is_none_or(|id| newest.invoice.id == id));
        if known.len() > 1 {
            let candidates = known.iter().map(candidate).collect();
            return Err(ResendError::Ambiguous { tenant: tenant.clone(), invoice: invoice.to_owned(), candidates });
        }
        let newest = known.pop().ok_or_else(unknown)?;
        let snapshot = transaction.tenants().first().cloned().ok_or_else(unknown)?;
        let body = newest.body.as_ref().ok_or(ResendError::Forgotten)?;
        let event = event::parse(body).map_err(|fault| StoreError::Unreadable(format!("an event: {fault}")))?;
        let customers = [(tenant.clone(), newest.invoice.customer.clone())];
        let known = transaction.context(&[], &customers, &[], transaction.now()).await?;
        let customer = known
            .customers
            .into_iter()
            .next()
            .ok_or_else(|| ResendError::UnknownCustomer(newest.invoice.customer.clone()))?;
        Ok(Self { newest, tenant: snapshot, event, customer })
    }

    /// Whom the new delivery goes to: whom the person named, else To and Cc as the event and the customer say now.
    fn recipients(&self, to: Option<&MailAddress>) -> Result<Recipients, ResendError> {
        if let Some(to) = to {
            let to = Recipient { role: RecipientRole::To, address: to.as_str().to_owned(), name: None };
            return Ok(Recipients { list: vec![to], fault: None, left_out: Vec::new() });
        }
        let (main, _) = main_and_bcc(&self.event.data, &self.customer.name, &self.customer.address);
        match main.fault {
            Some(fault) => Err(ResendError::Recipient(fault.reason)),
            None => Ok(main),
        }
    }

    fn locale(&self, templates: &Templates) -> ChosenLocale {
        locale(templates, &self.event, self.customer.locale.as_deref(), &self.tenant.profile.locale)
    }
}
