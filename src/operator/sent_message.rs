//! Composes a message again as it was sent.
//!
//! No message is kept: it is a pure function of what the database remembers of its delivery and of the documents. The
//! digest that was recorded with the permit to send it proves that what is put together is what was sent.

pub mod parts;

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::compose::{self, ComposeError, Mail, Snapshot, Templates};
use crate::documents::{DocumentError, DocumentStore};
use crate::event;
use crate::event::LoadedDocument;
use crate::model::ids::DeliveryId;
use crate::model::settings::VerificationMethod;
use crate::model::state::{Decision, DeliveryRole};
use crate::policy::decision::{Inputs, Plan, PortalAccess, rule};
use crate::secrets::LinkKeys;
use crate::sha256::Sha256;
use crate::store::{Delivery, DeliveryContext, Store, StoreError};

/// What messages are put together with.
#[derive(Debug, Clone, Copy)]
pub struct Rebuilder<'a> {
    /// What is remembered.
    pub store: &'a Store,
    pub documents: &'a DocumentStore,
    /// The templates of today.
    pub templates: &'a Templates,
    /// The keys of portal tokens.
    pub link_keys: &'a LinkKeys,
    /// The portal's address, without a slash at its end.
    pub portal_url: &'a str,
}

/// A message that was put together again.
#[derive(Debug, Clone)]
pub struct Rebuilt {
    /// The message.
    pub mail: Mail,
    /// The digest of what was sent.
    pub sent_sha256: Sha256,
    /// The templates that it was made with are gone: it is made with today's.
    pub with_other_templates: bool,
    /// What opens the portal, of a link mail: it lets its holder in as the customer.
    pub portal_token: Option<String>,
}

impl Rebuilt {
    /// Whether it is what was sent, byte for byte.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.mail.sha256 == self.sent_sha256
    }
}

/// Why a message cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum CannotRebuild {
    /// Nothing was permitted to go out.
    #[error("no message of delivery {0} was ever sent")]
    NothingSent(DeliveryId),
    /// The event's bytes have been deleted, by the retention or because the customer was erased.
    #[error("what the message was made of has been deleted: after the retention, or because the customer was erased")]
    Forgotten,
    /// What is kept cannot be read.
    #[error("the {what} cannot be read again: {problem}")]
    Unreadable {
        what: &'static str,
        /// Why.
        problem: String,
    },
    /// The link's key is not in use any more.
    #[error("SECRET_KEYS no longer holds the key {0} that the message's link is made with")]
    LinkKey(String),
    /// A document is not what it was.
    #[error("the documents cannot be attached again: {0}")]
    Documents(#[from] DocumentError),
    /// It cannot be written any more.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a message is made of, but for its Date and what it leaves out.
struct Ingredients {
    snapshot: Snapshot,
    plan: Plan,
    documents: Vec<LoadedDocument>,
    templates: Arc<Templates>,
}

impl Rebuilder<'_> {
    /// Puts a delivery's message together again.
    ///
    /// # Errors
    /// Why it cannot be.
    pub async fn rebuild(&self, delivery: &Delivery) -> Result<Rebuilt, CannotRebuild> {
        let (Some(sent_sha256), Some(date)) = (delivery.message_sha256, delivery.message_date) else {
            return Err(CannotRebuild::NothingSent(delivery.id));
        };
        let context = self.store.load(&[delivery.id]).await?.pop().ok_or(CannotRebuild::Forgotten)?;
        let (plan, portal_method) = plan(delivery).ok_or(CannotRebuild::NothingSent(delivery.id))?;
        let (templates, with_other_templates) = self.templates_of(&context.template_version).await?;
        let portal_token = self.portal_token(&context, plan)?;
        let snapshot = Snapshot { portal_method, ..self.snapshot(&context, date, portal_token.as_deref())? };
        let documents = match plan {
            Plan::Attach => self.documents.load_all(&snapshot.data.documents).await?,
            Plan::Link { .. } => Vec::new(),
        };
        let ingredients = Ingredients { snapshot, plan, documents, templates };
        let mail = ingredients.compose(sent_sha256)?;
        Ok(Rebuilt { mail, sent_sha256, with_other_templates, portal_token })
    }

    /// The templates that it was made with, else today's.
    async fn templates_of(&self, version: &str) -> Result<(Arc<Templates>, bool), CannotRebuild> {
        let today = || Arc::new(self.templates.clone());
        if version == self.templates.version() {
            return Ok((today(), false));
        }
        let Some(sources) = self.store.template_sources(version).await? else { return Ok((today(), true)) };
        let templates = Templates::from_sources(&sources);
        let templates = templates
            .map_err(|problem| CannotRebuild::Unreadable { what: "templates", problem: problem.to_string() })?;
        Ok((Arc::new(templates), false))
    }

    fn portal_token(&self, context: &DeliveryContext, plan: Plan) -> Result<Option<String>, CannotRebuild> {
        if plan == Plan::Attach || context.role == DeliveryRole::Bcc {
            return Ok(None);
        }
        let key = self.link_keys.by_fingerprint(&context.link_key);
        let key = key.ok_or_else(|| CannotRebuild::LinkKey(context.link_key.clone()))?;
        Ok(Some(key.link_token(context.root.0, context.link_generation)))
    }

    fn snapshot(
        &self,
        context: &DeliveryContext,
        date: Timestamp,
        portal_token: Option<&str>,
    ) -> Result<Snapshot, CannotRebuild> {
        let data = event::reread(&context.event_body)
            .map_err(|fault| CannotRebuild::Unreadable { what: "event", problem: fault.to_string() })?;
        let tenant = serde_json::from_str(&context.profile)
            .map_err(|error| CannotRebuild::Unreadable { what: "tenant's profile", problem: error.to_string() })?;
        Ok(Snapshot {
            root: context.root,
            data,
            tenant: Arc::new(tenant),
            customer_name: context.customer_name.clone(),
            locale: context.locale.clone(),
            recipients: context.recipients.clone(),
            shown: context.shown.clone(),
            date,
            portal_link: portal_token.map(|token| format!("{}/i/{token}", self.portal_url)),
            portal_method: None,
        })
    }
}

impl Ingredients {
    /// The message of this digest; if none is, the most likely one.
    fn compose(&self, sent: Sha256) -> Result<Mail, ComposeError> {
        let likely = self.compose_from(&self.snapshot)?;
        if likely.sha256 == sent {
            return Ok(likely);
        }
        // To a relay without SMTPUTF8 it went without what it can do without; that is not remembered.
        let mut without = self.snapshot.clone();
        without.leave_spare_utf8_out();
        let without = self.compose_from(&without)?;
        Ok(if without.sha256 == sent { without } else { likely })
    }

    fn compose_from(&self, snapshot: &Snapshot) -> Result<Mail, ComposeError> {
        compose::compose(&self.templates, snapshot, self.plan, &self.documents)
    }
}

/// What was decided, and by which method the portal verifies, out of what was recorded to have been decided upon.
fn plan(delivery: &Delivery) -> Option<(Plan, Option<VerificationMethod>)> {
    let inputs = delivery.decision_inputs.as_deref().and_then(|json| serde_json::from_str::<Inputs>(json).ok());
    let ruled = inputs.and_then(|inputs| rule(&inputs).ok()).map(|ruling| (ruling.plan, ruling.method));
    match delivery.decision? {
        Decision::Attach => Some((Plan::Attach, None)),
        // Of a version that did not record it, or by hand.
        Decision::Link => Some(
            ruled
                .filter(|(plan, _)| plan.decision() == Decision::Link)
                .unwrap_or((Plan::Link { access: PortalAccess::Verified }, None)),
        ),
    }
}
