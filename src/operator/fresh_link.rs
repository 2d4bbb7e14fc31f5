//! A fresh link for an expired one, as a customer asks for it in the portal.
//!
//! It goes to the recipients of the invoice's newest mail that was sent: whoever holds an old link gets nothing that this
//! mailbox did not get. Whoever asks is shown the same answer, whatever came of it. A revoked link never gets a fresh one,
//! nor does any other while the link of that newest mail is revoked; and a fresh one revokes nothing.

use std::sync::Arc;

use metrics::counter;
use tracing::info;

use super::foresight::{Foresight, IntendedDelivery};
use super::resend::lane_entry;
use crate::clock::Timestamp;
use crate::event::{self, InvoiceData};
use crate::intake::{DeliveryFactory, locale_tag};
use crate::model::access::TenantScope;
use crate::model::ids::{CustomerId, DeliveryId};
use crate::model::invoice_ref::InvoiceRef;
use crate::model::note::NoteKind;
use crate::model::portal_event::PortalEventKind;
use crate::model::settings::PortalLevel;
use crate::model::state::DeliveryRole;
use crate::sha256::Sha256;
pub use crate::store::FRESH_LINK_WINDOW;
use crate::store::{
    AskedLink, CustomerSnapshot, IntakeRows, IntakeTransaction, LinkState, NewDelivery, NewPortalEvent, NewestSent,
    Renewal, StoreError, TenantSnapshot,
};
use crate::telemetry::metric;

/// Requests of one network in [`FRESH_LINK_WINDOW`], whatever link they are made with.
pub const REQUESTS_PER_NETWORK_MAX: u32 = 30;
/// Fresh links of one invoice in 24 hours.
pub const LINKS_PER_INVOICE_MAX: u64 = 3;

/// Whom notes name.
const WHO: &str = "customer portal";
/// Why the delivery was made.
const REASON: &str = "a fresh link was asked for with an expired one";

/// What a request is counted as.
pub const FRESH_LINK_RESULTS: [&str; 3] = ["sent", "refused", "too_many"];

/// What came of a request. Customers are shown only whether there were too many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FreshLinkAnswer {
    /// A mail with a fresh link is made.
    Sent(DeliveryId),
    /// None is.
    NotSent(WhyNot),
    /// The network has asked too often.
    TooMany,
}

/// Why no fresh link is sent; shown to support.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    #[error("there is no such link")]
    UnknownLink,
    #[error("the link opens the portal")]
    Valid,
    #[error("the link was revoked: `resend` sends a new one")]
    Revoked,
    #[error("an email of the invoice is under way already")]
    UnderWay,
    #[error("{LINKS_PER_INVOICE_MAX} fresh links were sent in 24 hours")]
    TooManyLately,
    /// It was sent once, or there would be no link: an erasure or the retention took it away.
    #[error("no email of the invoice is known to have been sent")]
    NothingSent,
    #[error("what the invoice says has been deleted (retention or erasure): the billing system must publish it again")]
    Forgotten,
    #[error("the customer {0} is not known any more")]
    UnknownCustomer(CustomerId),
    #[error("the portal is closed by the tenant's settings")]
    Closed,
    #[error("the email would fail: {0}")]
    MustFail(String),
}

/// Makes mails with fresh links.
#[derive(Debug, Clone)]
pub struct FreshLink {
    factory: Arc<DeliveryFactory>,
    foresight: Option<Arc<Foresight>>,
}

impl FreshLink {
    /// A service whose deliveries this factory makes; a mail that would fail is not made, as far as can be foreseen.
    #[must_use]
    pub const fn new(factory: Arc<DeliveryFactory>, foresight: Option<Arc<Foresight>>) -> Self {
        Self { factory, foresight }
    }

    /// Sends a fresh link if this one's time is over, ahead of ordinary traffic. `token` is none of what is no token;
    /// `network` is whose requests are counted together.
    pub async fn ask(&self, token: Option<&str>, network: &str) -> Result<FreshLinkAnswer, StoreError> {
        let answer = self.answer(token, network).await?;
        let [sent, refused, too_many] = FRESH_LINK_RESULTS;
        let result = match answer {
            FreshLinkAnswer::Sent(_) => sent,
            FreshLinkAnswer::NotSent(_) => refused,
            FreshLinkAnswer::TooMany => too_many,
        };
        counter!(metric::PORTAL_FRESH_LINKS, "result" => result).increment(1);
        Ok(answer)
    }

    async fn answer(&self, token: Option<&str>, network: &str) -> Result<FreshLinkAnswer, StoreError> {
        let store = &self.factory.store;
        if !store.count_fresh_link_request(network, REQUESTS_PER_NETWORK_MAX).await? {
            return Ok(FreshLinkAnswer::TooMany);
        }
        let link = match token {
            Some(token) => store.asked_link(Sha256::of(token.as_bytes())).await?,
            None => None,
        };
        let Some(link) = link else { return Ok(FreshLinkAnswer::NotSent(WhyNot::UnknownLink)) };
        let why_not = match self.send(&link, network).await? {
            Ok(delivery) => return Ok(FreshLinkAnswer::Sent(delivery)),
            Err(why_not) => why_not,
        };
        let refused = NewPortalEvent {
            root: link.root,
            kind: PortalEventKind::FreshLinkAsked,
            detail: Some(why_not.to_string()),
            network: Some(network.to_owned()),
        };
        store.record_portal_event(&refused).await?;
        Ok(FreshLinkAnswer::NotSent(why_not))
    }

    async fn send(&self, link: &AskedLink, network: &str) -> Result<Result<DeliveryId, WhyNot>, StoreError> {
        // Documents are looked at for that, so no transaction is open meanwhile.
        if let Err(why_not) = self.look_ahead(link).await? {
            return Ok(Err(why_not));
        }
        let mut transaction = self.begin(link).await?;
        let source = match FreshLinkSource::look_up(&mut transaction, link).await? {
            Ok(source) => source,
            Err(why_not) => return Ok(Err(why_not)),
        };
        let id = DeliveryId(self.factory.store.clock().new_id());
        let delivery = self.delivery(id, &source, transaction.now());
        let rows = IntakeRows {
            lane_entries: vec![lane_entry(&delivery, &source.tenant)],
            deliveries: vec![delivery],
            ..IntakeRows::default()
        };
        transaction.insert(&rows).await?;
        transaction.note(id, WHO, &NoteKind::FreshLinkAsked.into()).await?;
        transaction.record_fresh_link(link.root, network).await?;
        transaction.commit().await?;
        self.factory.wakes.wake_all();
        let InvoiceRef { tenant, number, kind, .. } = &source.newest.invoice;
        info!(
            invoice.number = %number, tenant = %tenant, delivery.id = %id,
            "a fresh link to {} {number} of {tenant} is sent: one was asked for with an expired link", kind.label()
        );
        Ok(Ok(id))
    }

    async fn begin(&self, link: &AskedLink) -> Result<IntakeTransaction, StoreError> {
        self.factory.store.begin_intake(std::slice::from_ref(&link.invoice.tenant)).await
    }

    /// Whether a mail could be made, and would not fail.
    async fn look_ahead(&self, link: &AskedLink) -> Result<Result<(), WhyNot>, StoreError> {
        let mut transaction = self.begin(link).await?;
        let source = FreshLinkSource::look_up(&mut transaction, link).await?;
        drop(transaction);
        let data = match &source {
            Ok(source) => &source.data,
            Err(why_not) => return Ok(Err(why_not.clone())),
        };
        let settings = self.factory.store.settings(&link.invoice.tenant, &TenantScope::All).await?;
        if settings.is_some_and(|now| now.settings.portal_authentication.level == PortalLevel::Inaccessible) {
            return Ok(Err(WhyNot::Closed));
        }
        let Some(foresight) = &self.foresight else { return Ok(Ok(())) };
        let wanted = IntendedDelivery { data, link_only: true, role: DeliveryRole::Main };
        let foreseen = foresight.fault(wanted).await?;
        Ok(foreseen.map_or(Ok(()), |foreseen| Err(WhyNot::MustFail(foreseen.reason))))
    }

    fn delivery(&self, id: DeliveryId, source: &FreshLinkSource, now: Timestamp) -> NewDelivery {
        let FreshLinkSource { newest, tenant, data, customer } = source;
        let factory = &self.factory;
        NewDelivery {
            id,
            root: id,
            role: DeliveryRole::Main,
            main: id,
            event_key: newest.event_key,
            resend_of: Some(newest.id),
            resend_reason: Some(REASON.to_owned()),
            invoice: newest.invoice.clone(),
            recipients: newest.recipients.clone(),
            customer_name: customer.name.clone(),
            locale: locale_tag(&factory.templates, data, customer.locale.as_deref(), &tenant.profile.locale),
            profile_version: tenant.profile_version,
            template_version: factory.template_version.clone(),
            snapshot_at: now,
            link_key: factory.link_key.clone(),
            link_generation: 0,
            link_only: true,
            expires_at: None,
            created_at: now,
            concluded: None,
        }
    }
}

/// What a fresh link is made of.
struct FreshLinkSource {
    newest: NewestSent,
    tenant: TenantSnapshot,
    data: InvoiceData,
    customer: CustomerSnapshot,
}

impl FreshLinkSource {
    async fn look_up(
        transaction: &mut IntakeTransaction,
        link: &AskedLink,
    ) -> Result<Result<Self, WhyNot>, StoreError> {
        let renewal = transaction.renewal(link).await?;
        let (newest, body) = match renewable(renewal) {
            Ok(renewable) => renewable,
            Err(why_not) => return Ok(Err(why_not)),
        };
        let Some(tenant) = transaction.tenants().first().cloned() else { return Ok(Err(WhyNot::Forgotten)) };
        // As the portal reads it: what was accepted once is not judged anew by today's rules.
        let data = match event::reread(&body) {
            Ok(data) => data,
            Err(fault) => {
                tracing::error!(delivery.id = %newest.id, "failed to read the event of a fresh link: {fault}");
                return Ok(Err(WhyNot::Forgotten));
            }
        };
        let customers = [(newest.invoice.tenant.clone(), newest.invoice.customer.clone())];
        let known = transaction.context(&[], &customers, &[], transaction.now()).await?;
        Ok(match known.customers.into_iter().next() {
            Some(customer) => Ok(Self { newest, tenant, data, customer }),
            None => Err(WhyNot::UnknownCustomer(newest.invoice.customer)),
        })
    }
}

/// What a fresh link may be made of: the newest mail that was sent, and its event's bytes.
fn renewable(renewal: Renewal) -> Result<(NewestSent, bytes::Bytes), WhyNot> {
    let Renewal { link_state, newest_sent, is_under_way, sent_lately } = renewal;
    match link_state {
        LinkState::Expired => {}
        LinkState::Valid => return Err(WhyNot::Valid),
        LinkState::Revoked => return Err(WhyNot::Revoked),
    }
    if is_under_way {
        return Err(WhyNot::UnderWay);
    }
    if sent_lately >= LINKS_PER_INVOICE_MAX {
        return Err(WhyNot::TooManyLately);
    }
    let mut newest = newest_sent.ok_or(WhyNot::NothingSent)?;
    // Somebody decided that what this mailbox got must not open the portal.
    if newest.link_is_revoked {
        return Err(WhyNot::Revoked);
    }
    match newest.body.take() {
        Some(body) if !newest.recipients.is_empty() => Ok((newest, body)),
        _ => Err(WhyNot::Forgotten),
    }
}
