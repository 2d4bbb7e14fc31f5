//! Checks before a redrive or a resend whether the delivery would fail again. It is reported before anything is
//! changed, instead of by another dead letter afterwards.
//!
//! Only certain faults refuse it: a document store that does not answer, or a limit that only a worker knows, does not.

use std::collections::BTreeMap;

use crate::clock::Clock;
use crate::compose;
use crate::documents::{DocumentError, DocumentStore};
use crate::event::InvoiceData;
use crate::model::access::TenantScope;
use crate::model::customer::VerificationRecord;
use crate::model::ids::RelayName;
use crate::model::reason::ReasonCode;
use crate::model::state::DeliveryRole;
use crate::model::verification::VerificationConfig;
use crate::policy::decision::{self, Inputs, Plan, PortalAccess, Ruling};
use crate::store::{Store, StoreError};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct IntendedDelivery<'a> {
    /// What the event says.
    pub data: &'a InvoiceData,
    /// A person asked for a link in place of documents.
    pub link_only: bool,
    /// What the delivery is to its event.
    pub role: DeliveryRole,
}

/// Why it would fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// For programs.
    pub class: ReasonCode,
    /// For people.
    pub reason: String,
}

impl Foreseen {
    fn new(class: ReasonCode, reason: &dyn std::fmt::Display) -> Self {
        Self { class, reason: reason.to_string() }
    }
}

/// What becomes of a mail, as far as it can be seen.
#[derive(Debug, Clone)]
pub struct Outlook {
    /// What is decided upon.
    pub inputs: Inputs,
    /// What is decided; none where neither documents nor a link would be right.
    pub ruling: Option<Ruling>,
    /// Why it would fail, if that is certain.
    pub fault: Option<Foreseen>,
}

/// Looks ahead.
#[derive(Debug, Clone)]
pub struct Foresight {
    store: Store,
    documents: DocumentStore,
    /// The relays that are configured here, and the largest message that each takes, in bytes.
    relays: BTreeMap<RelayName, u64>,
    verification: VerificationConfig,
}

impl Foresight {
    /// Looks ahead with this database, this document store and these relays.
    #[must_use]
    pub const fn new(
        store: Store,
        documents: DocumentStore,
        relays: BTreeMap<RelayName, u64>,
        verification: VerificationConfig,
    ) -> Self {
        Self { store, documents, relays, verification }
    }

    /// Whether a cause of this class can be seen beforehand at all.
    #[must_use]
    pub const fn sees(class: ReasonCode) -> bool {
        matches!(
            class,
            ReasonCode::UnknownRelay
                | ReasonCode::TooLarge
                | ReasonCode::NoVerificationMethod
                | ReasonCode::DocumentMissing
                | ReasonCode::DocumentMismatch
        )
    }

    /// Why a mail of this event must fail now; `None` if nothing speaks against it. A tenant or a customer who is not
    /// known is others' to say.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn fault(&self, wanted: IntendedDelivery<'_>) -> Result<Option<Foreseen>, StoreError> {
        Ok(self.outlook(wanted).await?.and_then(|outlook| outlook.fault))
    }

    /// What would be decided now, and whether the mail would fail; `None` if the tenant or the customer is not known.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn outlook(&self, wanted: IntendedDelivery<'_>) -> Result<Option<Outlook>, StoreError> {
        let IntendedDelivery { data, link_only, role } = wanted;
        let (Some(tenant), Some(settings), Some(customer), Some(keys)) = (
            self.store.tenant(&data.tenant_id, &TenantScope::All).await?,
            self.store.settings(&data.tenant_id, &TenantScope::All).await?,
            self.store
                .customer(&data.tenant_id, &data.customer_id, &TenantScope::All)
                .await?
                .filter(|customer| !customer.is_erased()),
            self.store.verification_keys(&data.tenant_id, &data.customer_id).await?,
        ) else {
            return Ok(None);
        };
        let limit = self.relays.get(&tenant.relay).copied();
        let record = VerificationRecord::from(&keys);
        let inputs = Inputs {
            settings: settings.settings,
            settings_version: settings.version,
            customer_type: customer.kind,
            verification: record,
            sms_available: self.verification.reaches(record),
            encoded_bytes: compose::encoded_bytes(&data.documents),
            // Of a relay that is configured elsewhere the limit is not known here.
            message_bytes_max: limit.unwrap_or(u64::MAX),
            refused_for_size: false,
            link_only,
            earlier: None,
        };
        let ruling = decision::rule(&inputs);
        let fault = match &ruling {
            _ if limit.is_none() && !self.store.is_relay_known(&tenant.relay).await? => {
                let reason = format!("no relay is configured by the name of {}", tenant.relay);
                Some(Foreseen::new(ReasonCode::UnknownRelay, &reason))
            }
            Ok(ruling) => self.documents_fault(data, ruling.plan, role).await,
            Err(refusal) => Some(Foreseen::new(refusal.class(), refusal)),
        };
        Ok(Some(Outlook { inputs, ruling: ruling.ok(), fault }))
    }

    /// As the lane asks: an attachment is proven by its digest, a link's documents by their size, where the portal
    /// shows them.
    async fn documents_fault(&self, data: &InvoiceData, plan: Plan, role: DeliveryRole) -> Option<Foreseen> {
        let checked = match plan {
            Plan::Attach => self.prove(data).await,
            Plan::Link { access: PortalAccess::Closed } => Ok(()),
            Plan::Link { .. } if role == DeliveryRole::Bcc => Ok(()),
            Plan::Link { .. } => self.documents.check_presence(&data.documents, &Clock::system()).await,
        };
        match checked {
            Ok(()) | Err(DocumentError::Unavailable { .. } | DocumentError::Paused { .. }) => None,
            // A folder that is not there is no store: the command may run elsewhere than the workers.
            Err(DocumentError::Missing { .. }) if self.documents.check().await.is_err() => None,
            Err(error @ DocumentError::Missing { .. }) => Some(Foreseen::new(ReasonCode::DocumentMissing, &error)),
            Err(error @ DocumentError::Mismatch { .. }) => Some(Foreseen::new(ReasonCode::DocumentMismatch, &error)),
        }
    }

    /// One after the other: together they could be far larger than a mail.
    async fn prove(&self, data: &InvoiceData) -> Result<(), DocumentError> {
        for document in &data.documents {
            self.documents.load(document).await?;
        }
        Ok(())
    }
}
