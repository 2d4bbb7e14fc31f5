//! Sends the code of a verification to the number on record.

use std::time::Duration;

use tracing::{debug, warn};
use uuid::Uuid;

use super::Portal;
use crate::model::ids::{CustomerId, TenantId};
use crate::policy::sms_limits::{SmsLimit, SmsUse};
use crate::secrets::OneTimeCode;
use crate::sms::{SmsOutcome, code_text};
use crate::store::{NewSms, SentCode, SmsReservation, SmsResult, StoreError, VerificationOf};
use crate::telemetry::metric;

/// The purpose of the subkey that codes are kept by.
pub(super) const CODE_LABEL: &str = "invoice-dispatcher one-time codes v1";
/// The purpose of the subkey that mobile numbers are counted by.
pub(super) const NUMBER_LABEL: &str = "invoice-dispatcher mobile numbers v1";

/// A code that somebody asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct WantedCode<'a> {
    pub(super) of: VerificationOf<'a>,
    /// The number on record.
    pub(super) mobile: &'a str,
    /// The network of the peer.
    pub(super) network: &'a str,
    /// The page's language.
    pub(super) language: &'a str,
    pub(super) tenant_name: &'a str,
}

/// What became of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeSent {
    Sent,
    /// It has to wait.
    Limited(Duration),
    /// The provider did not take it, or said nothing; then it may still arrive.
    NotSent {
        may_arrive: bool,
    },
    /// The number will never receive one: it is not used any more.
    NumberRefused,
}

impl WantedCode<'_> {
    /// Sends it, within the limits. What has begun goes on when the visitor does not wait for it.
    pub(super) async fn send(self, portal: &Portal) -> Result<CodeSent, StoreError> {
        let numbers = portal.number_keys.all(&[self.mobile.as_bytes()]);
        let reservation = portal.store.reserve_sms(&self.sms(portal, &numbers)).await?;
        let (sms, earlier) = match reservation {
            SmsReservation::Reserved { sms, earlier } => (sms, earlier),
            SmsReservation::Wait { limit, until } => {
                count("limited");
                if limit == SmsLimit::Budget {
                    warn!(tenant.id = %self.of.tenant, "the tenant has sent as many text messages as sms.daily_budget allows");
                }
                return Ok(CodeSent::Limited(until.since(portal.store.now())));
            }
        };
        warn_of_pumping(self.of.tenant, earlier);
        let code = OneTimeCode::random();
        // Before it is sent: it may arrive sooner than the provider answers.
        let sent = SentCode { code: &code, mobile: self.mobile };
        if !portal.store.add_portal_code(self.of, sms, sent, &portal.code_keys).await? {
            portal.store.conclude_sms(sms, &SmsResult::Failed).await?;
            return Ok(CodeSent::NotSent { may_arrive: false });
        }
        let text = code_text(self.language, self.tenant_name, code.digits(), portal.config.portal.url.host());
        let sending = SendingSms {
            portal: portal.clone(),
            sms,
            tenant: self.of.tenant.clone(),
            customer: self.of.customer.clone(),
            mobile: self.mobile.to_owned(),
            text,
        };
        let sent = tokio::spawn(sending.send()).await;
        sent.unwrap_or_else(|error| Err(StoreError::Unavailable(format!("the task that sends it ended: {error}"))))
    }

    /// How long the next message to the number has to wait.
    pub(super) async fn wait(self, portal: &Portal) -> Result<Duration, StoreError> {
        let numbers = portal.number_keys.all(&[self.mobile.as_bytes()]);
        let wait = portal.store.sms_wait(&self.sms(portal, &numbers)).await?;
        Ok(wait.map(|(_, until)| until.since(portal.store.now())).unwrap_or_default())
    }

    fn sms<'s>(&'s self, portal: &Portal, numbers: &'s [[u8; 32]]) -> NewSms<'s> {
        NewSms {
            tenant: self.of.tenant,
            customer: self.of.customer,
            number_hmacs: numbers,
            network: Some(self.network),
            budget: portal.config.sms.daily_budget,
        }
    }
}

/// A message that counts, on its way to the provider.
struct SendingSms {
    portal: Portal,
    sms: Uuid,
    tenant: TenantId,
    customer: CustomerId,
    mobile: String,
    text: String,
}

impl SendingSms {
    async fn send(self) -> Result<CodeSent, StoreError> {
        let Self { portal, sms, tenant, customer, mobile, text } = self;
        let outcome = match &portal.sms {
            Some(sender) => sender.send(&mobile, &text).await,
            None => SmsOutcome::Down,
        };
        let (word, result, sent) = match outcome {
            SmsOutcome::Sent => ("sent", SmsResult::Sent, CodeSent::Sent),
            SmsOutcome::Refused { code, number_for_good: true } => {
                portal.store.refuse_mobile(&tenant, &customer, &mobile).await?;
                debug!(customer.id = %customer, "the SMS provider refuses the customer's number for good ({code})");
                ("refused", SmsResult::Refused(code), CodeSent::NumberRefused)
            }
            SmsOutcome::Refused { code, number_for_good: false } => {
                warn!(customer.id = %customer, "the SMS provider refuses a text message ({code})");
                ("refused", SmsResult::Refused(code), CodeSent::NotSent { may_arrive: false })
            }
            SmsOutcome::NotSent { fault } => {
                warn!("failed to send a text message: {fault}");
                ("failed", SmsResult::Failed, CodeSent::NotSent { may_arrive: false })
            }
            SmsOutcome::Unanswered { fault } => {
                warn!("failed to send a text message, which may arrive nevertheless: {fault}");
                ("unanswered", SmsResult::Unanswered, CodeSent::NotSent { may_arrive: true })
            }
            SmsOutcome::Down => ("down", SmsResult::Failed, CodeSent::NotSent { may_arrive: false }),
        };
        count(word);
        portal.store.conclude_sms(sms, &result).await?;
        Ok(sent)
    }
}

fn warn_of_pumping(tenant: &TenantId, earlier: SmsUse) {
    if earlier.is_suspicious() {
        metrics::counter!(metric::SMS_PUMPING).increment(1);
        warn!(
            tenant.id = %tenant,
            "of {} text messages in the last hour only {} codes were entered: somebody may be earning from them (SMS \
             pumping); see docs/security.md",
            earlier.sent,
            earlier.entered
        );
    }
}

fn count(result: &'static str) {
    metrics::counter!(metric::SMS, "result" => result).increment(1);
}
