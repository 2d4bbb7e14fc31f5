//! A test: the email that customers would get under some settings, sent to the person who asks for it and to nobody else.
//!
//! It goes past the lanes, over a connection of its own: no delivery stands behind it, so it waits for nothing, is tried once
//! and leaves nothing behind but its entry in the audit log. What it says of itself is `compose`'s
//! ([`compose_test`]).

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::warn;

use super::portal_settings::PortalSettings;
use crate::compose::{ComposeError, Mail, compose_test};
use crate::config::Config;
use crate::model::access::PrincipalKind;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::customer::CustomerType;
use crate::model::ids::{DeliveryId, RelayName};
use crate::model::reason::ReasonCode;
use crate::model::settings::Settings;
use crate::model::tenant::Tenant;
use crate::relay::outcome::Outcome;
use crate::relay::{Connector, DataPermit, Permit, RelayConfig, Session, Submission};
use crate::store::{NewAuditEntry, Store, StoreError};

/// One test a person in this time.
const TEST_INTERVAL: Duration = Duration::from_mins(1);
/// How long a relay may take for all of it: a person waits.
const SUBMIT_MAX: Duration = Duration::from_secs(9);
/// How long it is waited for the answer to QUIT.
const FAREWELL_MAX: Duration = Duration::from_secs(1);
/// Tests under way at once; each is a connection more than `relays.<name>.connections` says.
const AT_ONCE_MAX: usize = 2;

/// Sends tests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TestSender {
    store: Store,
    config: Arc<Config>,
    settings: PortalSettings,
    at_once: Arc<Semaphore>,
}

/// Which test is wanted.
#[derive(Debug, Clone, Copy)]
pub struct TestRequest<'a> {
    pub tenant: &'a Tenant,
    /// Those that would hold.
    pub settings: Settings,
    /// As to whom.
    pub customer_type: CustomerType,
    /// Who asks: it goes to the address that they sign in with.
    pub who: &'a Actor,
}

/// Why no test was sent.
#[derive(Debug, thiserror::Error)]
pub enum TestNotSent {
    #[error("only who signs in has an address of their own")]
    NoAddress,
    #[error("one test a minute")]
    TooSoon,
    #[error("such customers would be sent no email: {0}")]
    NoMail(ReasonCode),
    #[error("the relay {0} is not configured here, or not to be used now")]
    NoRelay(RelayName),
    #[error(transparent)]
    Unmakeable(#[from] ComposeError),
    #[error("the relay cannot be reached")]
    Unreachable,
    /// With its words, or ours of what it does not offer.
    #[error("the relay refused it: {0}")]
    Refused(String),
    #[error("the relay did not answer; the test may arrive nonetheless")]
    Unanswered,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TestSender {
    /// By the relays of this configuration.
    #[must_use]
    pub fn new(store: Store, config: Arc<Config>, settings: PortalSettings) -> Self {
        Self { store, config, settings, at_once: Arc::new(Semaphore::new(AT_ONCE_MAX)) }
    }

    /// Sends a test, and waits until the relay has taken it.
    ///
    /// # Errors
    /// Why it was not sent, or is not known to be.
    pub async fn send(&self, request: &TestRequest<'_>) -> Result<(), TestNotSent> {
        let TestRequest { tenant, who, .. } = *request;
        let mail = self.compose(request)?;
        let relay = self.usable_relay(&tenant.relay).await?;
        let Ok(_turn) = self.at_once.try_acquire() else { return Err(TestNotSent::TooSoon) };
        // Kept before it goes: a test that went and is not in the log would be worse than one that is there and did not.
        let entry = NewAuditEntry::new(AuditAction::TestSent, who).of_tenant(&tenant.id).about(tenant.id.as_str());
        let entry = entry.with(json!({ "relay": relay.name.as_str() }));
        if !self.store.audit_once_in(&entry, TEST_INTERVAL).await? {
            return Err(TestNotSent::TooSoon);
        }
        submit(relay, &mail).await
    }

    fn compose(&self, request: &TestRequest<'_>) -> Result<Mail, TestNotSent> {
        let principal = &request.who.principal;
        if !matches!(principal.kind, PrincipalKind::Operator(_)) {
            return Err(TestNotSent::NoAddress);
        }
        let sample = self.settings.sample(request.tenant, request.settings, request.customer_type);
        let mut delivery = sample.delivery().map_err(TestNotSent::NoMail)?;
        delivery.address_to(DeliveryId(self.store.clock().new_id()), &principal.name);
        let templates = self.settings.templates();
        Ok(compose_test(templates, &delivery.snapshot, delivery.plan, &delivery.documents)?)
    }

    /// The relay, unless people have paused it, or it refuses a login: trying on may lock the account.
    async fn usable_relay(&self, name: &RelayName) -> Result<&RelayConfig, TestNotSent> {
        let unusable = || TestNotSent::NoRelay(name.clone());
        let relay = self.config.relays.get(name).ok_or_else(unusable)?;
        let is_paused = self.store.relay_state(name).await?.paused;
        let now = self.store.now();
        let is_refused = self.store.refused_credentials(name).await?.iter().any(|refused| refused.are_in_use(now));
        if is_paused || is_refused { Err(unusable()) } else { Ok(relay) }
    }
}

/// There is nothing to ask: no delivery could have changed meanwhile.
struct NothingToAsk;

impl DataPermit for NothingToAsk {
    async fn permit(&mut self) -> Permit {
        Permit::Go
    }
}

async fn submit(relay: &RelayConfig, mail: &Mail) -> Result<(), TestNotSent> {
    let name = &relay.name;
    let Ok(handed_over) = timeout(SUBMIT_MAX, hand_over(relay, mail)).await else {
        warn!("a test message was not answered by the relay {name} within {} s", SUBMIT_MAX.as_secs());
        return Err(TestNotSent::Unanswered);
    };
    let (session, submission) = handed_over?;
    // Whether and how it answers changes nothing.
    let _ = timeout(FAREWELL_MAX, session.quit()).await;
    match submission.outcome {
        Outcome::Accepted => Ok(()),
        Outcome::Uncertain => Err(TestNotSent::Unanswered),
        Outcome::Deferred | Outcome::RelayUnavailable if submission.reply.is_none() => {
            let detail = submission.detail.unwrap_or_default();
            warn!("a test message could not be sent by the relay {name}: {detail} in phase {}", submission.phase);
            Err(TestNotSent::Unreachable)
        }
        outcome => {
            let reply = submission.reply.map(|reply| reply.to_string());
            let words = reply.or(submission.detail).unwrap_or_default();
            warn!("a test message was refused by the relay {name}: {outcome:?} in phase {}", submission.phase);
            Err(TestNotSent::Refused(words))
        }
    }
}

async fn hand_over(relay: &RelayConfig, mail: &Mail) -> Result<(Session, Submission), TestNotSent> {
    // What a relay is called, and where it is, is not everybody's to read who may send a test.
    let unreachable = |problem: &dyn std::fmt::Display| {
        warn!("a test message could not be sent by the relay {}: {problem}", relay.name);
        TestNotSent::Unreachable
    };
    let connector = Connector::new(relay.clone()).map_err(|problem| unreachable(&problem))?;
    let mut session = connector.connect().await.map_err(|problem| unreachable(&problem))?;
    let submission = session.submit(&mail.envelope, &mail.bytes, &mut NothingToAsk).await;
    Ok((session, submission))
}
