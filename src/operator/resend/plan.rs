//! What a resend would do, before it is done.

use std::fmt::Write as _;
use std::time::Duration;

use super::source::{AddressOrigin, ResendSource};
use super::{RESEND_INTERVAL, Resend, ResendConfirmations, ResendError, ResendRequest};
use crate::clock::Timestamp;
use crate::compose::{Attachment, all_attached};
use crate::event::Recipient;
use crate::model::access::TenantScope;
use crate::model::ids::{DeliveryId, RelayName};
use crate::model::invoice_ref::InvoiceRef;
use crate::model::link_cause::LinkCause;
use crate::model::mail_address::MailAddress;
use crate::model::settings::VerificationMethod;
use crate::model::state::{BreakerState, Concluded, Decision, DeliveryRole, DeliveryState};
use crate::model::tenant::TenantProfile;
use crate::operator::foresight::{Foreseen, IntendedDelivery, Outlook};
use crate::policy::decision::{self, Inputs, Plan, PortalAccess, Reason};
use crate::sha256::Sha256;
use crate::store::{Delivery, LinkFilter, LinkSelection, StoreError};

/// Of what was sent longer ago a person need not be warned.
const LATELY: Duration = Duration::from_hours(24);

/// What a resend would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResendPlan {
    pub invoice: InvoiceRef,
    /// The delivery whose place the new one takes.
    pub original: DeliveryId,
    /// Where that one stands.
    pub original_is: DeliveryState,
    /// Whom it would go to.
    pub recipients: Vec<Recipient>,
    /// Who of the event gets none, and why.
    pub left_out: Vec<String>,
    pub address: AddressOrigin,
    /// Documents or a link, and why; none where that cannot be seen from here.
    pub content: Option<PlannedContent>,
    /// Why it would fail, if that is certain.
    pub fault: Option<Foreseen>,
    /// Earlier links that would be revoked.
    pub links_to_revoke: u64,
    /// What would not be as it was the last time.
    pub differences: Vec<ResendDifference>,
    pub warnings: Vec<ResendWarning>,
    /// The delivery that was made of the invoice less than [`RESEND_INTERVAL`] ago, and when: another one needs
    /// [`ResendConfirmations::soon`].
    pub resent_just_now: Option<(DeliveryId, Timestamp)>,
    /// Names what was planned: where the act finds something else, it does nothing. Not of what can be confirmed.
    pub digest: String,
}

/// What the mail would hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedContent {
    pub plan: Plan,
    /// By which method the portal verifies, of a link.
    pub method: Option<VerificationMethod>,
    /// Why, as it is recorded.
    pub reason: Reason,
    /// Of [`Reason::LinkOnly`]: who wants the link.
    pub link_cause: Option<LinkCause>,
    /// By which version of the settings.
    pub settings_version: i64,
    /// What is attached, or what the link leads to.
    pub documents: Vec<Attachment>,
    /// The settings would attach them; a link goes because the address is new. Attaching needs
    /// [`ResendConfirmations::attach_to_new_address`].
    pub attaching_needs_confirmation: bool,
}

/// What is not as it was the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResendDifference {
    Recipients {
        was: Vec<Recipient>,
    },
    Decision {
        was: Decision,
    },
    Access {
        was: PortalAccess,
    },
    SettingsVersion {
        was: i64,
        is: i64,
    },
    /// The address that the mail comes from.
    Sender {
        was: String,
        is: String,
    },
    Template,
    Relay {
        was: RelayName,
        is: RelayName,
    },
}

/// What a person should know before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResendWarning {
    /// The relay took the last one then, less than a day ago.
    SentAt(Timestamp),
    /// The relay may hold the last one: the customer may get both.
    EarlierUncertain,
    /// The earlier one still waits, and is cancelled.
    EarlierCancelled,
    /// The same address was refused the last time.
    RejectedBefore,
    /// Neither the event nor the record has the address.
    NewAddress,
    /// The event's own end has passed; it does not count here.
    Expired(Timestamp),
    /// The mail shows that payment is overdue.
    Overdue,
    /// The customer can reach the documents nowhere.
    DocumentsNowhere,
    /// It waits until the tenant is resumed; why the tenant is paused.
    TenantPaused(String),
    /// It waits until the relay works.
    RelayUnusable(RelayName),
}

impl Resend {
    /// What would be done.
    ///
    /// # Errors
    /// Why it cannot be done at all; not that it would fail ([`ResendPlan::fault`]).
    pub async fn plan(&self, request: &ResendRequest<'_>) -> Result<ResendPlan, ResendError> {
        let to = request.to.map(MailAddress::parse).transpose()?;
        let store = &self.factory.store;
        let mut transaction = store.begin_intake(std::slice::from_ref(request.tenant)).await?;
        let found = ResendSource::look_up(&mut transaction, request, to.as_ref()).await?;
        let now = transaction.now();
        drop(transaction);
        if found.newest.state == DeliveryState::Sending {
            // The same form twice: what the first one made is on its way already.
            return Err(match found.resent_within_interval(now).filter(|_| request.plan.is_some()) {
                Some((delivery, at)) => ResendError::TooSoon { delivery, at },
                None => ResendError::Sending(found.newest.id),
            });
        }
        let recipients = found.recipients()?;
        let link_only = found.link_cause(request).is_some();
        let outlook = match &self.foresight {
            Some(foresight) => {
                let data = &found.event.data;
                foresight.outlook(IntendedDelivery { data, link_only, role: DeliveryRole::Main }).await?
            }
            None => None,
        };
        let content = outlook.as_ref().and_then(|outlook| planned_content(&found, request, outlook));
        let address = found.origin();
        let revokes = address == AddressOrigin::New && !request.confirmed.keep_links;
        let links_to_revoke = if revokes {
            let selection =
                LinkSelection::Invoice { tenant: request.tenant.clone(), invoice: found.newest.invoice.id.clone() };
            store.count_links(&selection, &TenantScope::All, LinkFilter::NotRevoked).await?
        } else {
            0
        };
        let original = store.delivery(found.newest.id, &TenantScope::All).await?.ok_or_else(|| {
            ResendError::UnknownInvoice { tenant: request.tenant.clone(), invoice: request.invoice.to_owned() }
        })?;
        let digest = digest(&found, &original, &recipients.list, request, outlook.as_ref());
        let mut plan = ResendPlan {
            invoice: found.newest.invoice.clone(),
            original: original.id,
            original_is: original.state,
            recipients: recipients.list,
            left_out: recipients.left_out.iter().map(ToString::to_string).collect(),
            address,
            content,
            fault: outlook.and_then(|outlook| outlook.fault),
            links_to_revoke,
            differences: Vec::new(),
            warnings: Vec::new(),
            resent_just_now: found.resent_within_interval(now),
            digest,
        };
        plan.differences = self.differences(&found, &original, &plan).await?;
        plan.warnings = self.warnings(&found, &original, &plan, now).await?;
        Ok(plan)
    }

    async fn differences(
        &self,
        found: &ResendSource,
        original: &Delivery,
        plan: &ResendPlan,
    ) -> Result<Vec<ResendDifference>, StoreError> {
        let store = &self.factory.store;
        let mut differences = Vec::new();
        if !is_same_mailboxes(&original.recipients, &plan.recipients) {
            differences.push(ResendDifference::Recipients { was: original.recipients.clone() });
        }
        let then = DecidedBefore::of(original);
        if let (Some(content), Some(decision)) = (&plan.content, original.decision) {
            if decision != content.plan.decision() {
                differences.push(ResendDifference::Decision { was: decision });
            }
            match (then.access, content.plan) {
                (Some(was), Plan::Link { access }) if was != access => {
                    differences.push(ResendDifference::Access { was });
                }
                _ => {}
            }
            let is = content.settings_version;
            differences.extend(
                then.settings_version.filter(|was| *was != is).map(|was| ResendDifference::SettingsVersion { was, is }),
            );
        }
        if let Some(context) = store.load(&[original.id]).await?.pop() {
            if let Ok(profile) = serde_json::from_str::<TenantProfile>(&context.profile)
                && profile.sender.address != found.tenant.profile.sender.address
            {
                let is = found.tenant.profile.sender.address.clone();
                differences.push(ResendDifference::Sender { was: profile.sender.address, is });
            }
            if context.template_version != self.factory.template_version {
                differences.push(ResendDifference::Template);
            }
        }
        let is = &found.tenant.relay;
        if let Some(was) = store.last_relay(original.id).await?.filter(|was| was != is) {
            differences.push(ResendDifference::Relay { was, is: is.clone() });
        }
        Ok(differences)
    }

    async fn warnings(
        &self,
        found: &ResendSource,
        original: &Delivery,
        plan: &ResendPlan,
        now: Timestamp,
    ) -> Result<Vec<ResendWarning>, StoreError> {
        let mut warnings = earlier_warnings(original, &plan.recipients, now);
        if plan.address == AddressOrigin::New {
            warnings.push(ResendWarning::NewAddress);
        }
        let data = &found.event.data;
        warnings.extend(data.expires_at.filter(|at| *at <= now).map(ResendWarning::Expired));
        let today = jiff::tz::TimeZone::UTC.to_datetime(now.to_jiff()).date();
        if data.invoice.due_date.is_some_and(|due| due < today) {
            warnings.push(ResendWarning::Overdue);
        }
        let closed = Plan::Link { access: PortalAccess::Closed };
        if plan.content.as_ref().is_some_and(|content| content.plan == closed) {
            warnings.push(ResendWarning::DocumentsNowhere);
        }
        warnings.extend(found.tenant.pause.as_ref().map(|pause| ResendWarning::TenantPaused(pause.reason.clone())));
        let relay = self.factory.store.relay_state(&found.tenant.relay).await?;
        if relay.paused || relay.breaker == BreakerState::Open {
            warnings.push(ResendWarning::RelayUnusable(relay.relay));
        }
        Ok(warnings)
    }
}

impl ResendPlan {
    /// Whether the act may go on.
    pub(super) fn allows(&self, request: &ResendRequest<'_>, now: Timestamp) -> Result<(), ResendError> {
        if request.plan.is_some_and(|seen| seen != self.digest) {
            // The same form twice is no second plan, whatever it confirms.
            self.check_interval(now)?;
            return Err(ResendError::PlanChanged(Box::new(self.clone())));
        }
        if !request.confirmed.soon {
            self.check_interval(now)?;
        }
        match &self.fault {
            Some(Foreseen { class, reason }) => Err(ResendError::MustFail { class: *class, reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Refuses what follows another resend too closely.
    pub(super) fn check_interval(&self, now: Timestamp) -> Result<(), ResendError> {
        match self.resent_just_now {
            Some((delivery, at)) if now.since(at) < RESEND_INTERVAL => Err(ResendError::TooSoon { delivery, at }),
            _ => Ok(()),
        }
    }
}

fn planned_content(found: &ResendSource, request: &ResendRequest<'_>, outlook: &Outlook) -> Option<PlannedContent> {
    let ruling = outlook.ruling?;
    let by_settings = decision::rule(&Inputs { link_only: request.link_only, ..outlook.inputs });
    let settings_attach = by_settings.is_ok_and(|ruling| ruling.plan == Plan::Attach);
    Some(PlannedContent {
        plan: ruling.plan,
        method: ruling.method,
        reason: ruling.reason,
        link_cause: found.link_cause(request).filter(|_| ruling.reason == Reason::LinkOnly),
        settings_version: outlook.inputs.settings_version,
        documents: all_attached(&found.event.data),
        attaching_needs_confirmation: settings_attach && found.origin() == AddressOrigin::New,
    })
}

/// What the last one means for another.
fn earlier_warnings(original: &Delivery, recipients: &[Recipient], now: Timestamp) -> Vec<ResendWarning> {
    let lately = original.concluded_at.filter(|at| now.since(*at) < LATELY);
    match original.state {
        DeliveryState::Due => vec![ResendWarning::EarlierCancelled],
        DeliveryState::Concluded(Concluded::Sent) => lately.map(ResendWarning::SentAt).into_iter().collect(),
        DeliveryState::Concluded(Concluded::Uncertain) => vec![ResendWarning::EarlierUncertain],
        DeliveryState::Concluded(Concluded::Rejected) if is_same_mailboxes(&original.recipients, recipients) => {
            vec![ResendWarning::RejectedBefore]
        }
        _ => Vec::new(),
    }
}

fn is_same_mailboxes(one: &[Recipient], other: &[Recipient]) -> bool {
    let mailboxes = |list: &[Recipient]| {
        let mailbox = |recipient: &Recipient| {
            let address = &recipient.address;
            let mailbox = MailAddress::parse(address).map_or_else(|_| address.clone(), |parsed| parsed.mailbox());
            (recipient.role.into_str(), mailbox)
        };
        let mut all: Vec<_> = list.iter().map(mailbox).collect();
        all.sort_unstable();
        all
    };
    mailboxes(one) == mailboxes(other)
}

/// What was decided for a delivery, out of what was recorded to have been decided upon.
struct DecidedBefore {
    access: Option<PortalAccess>,
    settings_version: Option<i64>,
}

impl DecidedBefore {
    fn of(delivery: &Delivery) -> Self {
        let inputs = delivery.decision_inputs.as_deref().and_then(|json| serde_json::from_str::<Inputs>(json).ok());
        let plan = inputs.and_then(|inputs| decision::rule(&inputs).ok()).map(|ruling| ruling.plan);
        let access = match plan {
            Some(Plan::Link { access }) => Some(access),
            _ => None,
        };
        Self { access, settings_version: inputs.map(|inputs| inputs.settings_version) }
    }
}

/// Names what a person was shown: whose place it takes, whom it goes to, what decides, and what they chose. What they may
/// confirm besides is left out, so that the plan holds with the confirmation, too.
fn digest(
    found: &ResendSource,
    original: &Delivery,
    recipients: &[Recipient],
    request: &ResendRequest<'_>,
    outlook: Option<&Outlook>,
) -> String {
    let ResendConfirmations { keep_links, attach_to_new_address: _, soon: _ } = request.confirmed;
    let mut text = format!("{} {} {} {keep_links}\n", original.id, original.state, request.link_only);
    for Recipient { role, address, .. } in recipients {
        writeln!(text, "{role} {address}").expect("a String takes any text");
    }
    if let Some(outlook) = outlook {
        let base = Inputs { link_only: request.link_only, ..outlook.inputs };
        let ruling = decision::rule(&base).ok().map(|ruling| (ruling.plan, ruling.method, ruling.reason));
        writeln!(text, "{:?} {ruling:?}", base.settings_version).expect("a String takes any text");
    }
    writeln!(text, "{:?} {}", found.origin(), found.tenant.profile_version).expect("a String takes any text");
    let digest = Sha256::of(text.as_bytes()).to_string();
    digest[..32].to_owned()
}
