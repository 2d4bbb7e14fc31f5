//! What is known of an invoice that is to be sent again.

use super::{Candidate, RESEND_INTERVAL, ResendError, ResendRequest};
use crate::clock::Timestamp;
use crate::compose::Templates;
use crate::event::{self, InvoiceSent, Recipient, RecipientRole};
use crate::intake::{ChosenLocale, Recipients, locale, main_and_bcc};
use crate::model::ids::DeliveryId;
use crate::model::link_cause::LinkCause;
use crate::model::mail_address::MailAddress;
use crate::store::{CustomerSnapshot, IntakeTransaction, Newest, StoreError, TenantSnapshot};

/// So many are named when a number is several's.
const CANDIDATES_MAX: u32 = 10;

/// Where the address comes from that an invoice is sent to again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressOrigin {
    /// The recipients of the event, or the customer's own address.
    AsRecorded,
    /// The person named one address, which the event or the customer's record has.
    NamedAndKnown,
    /// The person named an address that neither has.
    New,
}

/// What is known of the invoice.
pub(super) struct ResendSource {
    pub(super) newest: Newest,
    pub(super) tenant: TenantSnapshot,
    pub(super) event: InvoiceSent,
    pub(super) customer: CustomerSnapshot,
    /// The address that the person named.
    to: Option<MailAddress>,
}

impl ResendSource {
    pub(super) async fn look_up(
        transaction: &mut IntakeTransaction,
        request: &ResendRequest<'_>,
        to: Option<&MailAddress>,
    ) -> Result<Self, ResendError> {
        let ResendRequest { tenant, invoice, .. } = *request;
        let unknown = || ResendError::UnknownInvoice { tenant: tenant.clone(), invoice: invoice.to_owned() };
        if !request.who.principal.scope.allows(tenant) {
            return Err(unknown());
        }
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
        Ok(Self { newest, tenant: snapshot, event, customer, to: to.cloned() })
    }

    /// Whom the new delivery goes to: whom the person named, else To and Cc as the event and the customer say now.
    pub(super) fn recipients(&self) -> Result<Recipients, ResendError> {
        if let Some(to) = &self.to {
            let to = Recipient { role: RecipientRole::To, address: to.as_str().to_owned(), name: None };
            return Ok(Recipients { list: vec![to], fault: None, left_out: Vec::new() });
        }
        let (main, _) = main_and_bcc(&self.event.data, &self.customer.name, &self.customer.address);
        match main.fault {
            Some(fault) => Err(ResendError::Recipient(fault.reason)),
            None => Ok(main),
        }
    }

    /// Whether the event or the customer's record has the address that the person named.
    pub(super) fn origin(&self) -> AddressOrigin {
        let Some(to) = &self.to else { return AddressOrigin::AsRecorded };
        let of_event = self.event.data.recipients.iter().map(|recipient| recipient.address.as_str());
        let mut known = of_event.chain([self.customer.address.as_str()]).filter_map(|one| MailAddress::parse(one).ok());
        if known.any(|known| known.mailbox() == to.mailbox()) {
            AddressOrigin::NamedAndKnown
        } else {
            AddressOrigin::New
        }
    }

    /// Why it goes as a link whatever the settings say; none if they decide.
    pub(super) fn link_cause(&self, request: &ResendRequest<'_>) -> Option<LinkCause> {
        let is_by_default = self.origin() == AddressOrigin::New && !request.confirmed.attach_to_new_address;
        if request.link_only { Some(LinkCause::AskedFor) } else { is_by_default.then_some(LinkCause::NewAddress) }
    }

    /// The delivery that a person made of the invoice a moment ago, and when.
    pub(super) fn resent_within_interval(&self, now: Timestamp) -> Option<(DeliveryId, Timestamp)> {
        let Newest { id, created_at, is_resend, .. } = self.newest;
        (is_resend && now.since(created_at) < RESEND_INTERVAL).then_some((id, created_at))
    }

    pub(super) fn locale(&self, templates: &Templates) -> ChosenLocale {
        locale(templates, &self.event, self.customer.locale.as_deref(), &self.tenant.profile.locale)
    }
}

const fn candidate(newest: &Newest) -> Candidate {
    let Newest { id, created_at, state, .. } = *newest;
    Candidate { kind: newest.invoice.kind, delivery: id, created_at, state }
}
