//! Whether documents may travel by mail: policy × customer → [`Plan`].
//!
//! The one place where this is decided. It is a pure function of its [`Inputs`], which are recorded with the
//! delivery, and it fails closed: what is unknown never becomes "attach".

mod terms;

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::model::state::Decision;
use serde::{Deserialize, Serialize};

pub use self::terms::{PortalTerms, Terms};
use crate::model::customer::{CustomerType, VerificationRecord, usable_methods_if};
use crate::model::reason::ReasonCode;
use crate::model::settings::{PortalLevel, SensitiveAttachments, Settings, VerificationMethod};

/// What a decision is made of, and all it is made of. Recorded as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// The tenant's settings.
    pub settings: Settings,
    /// Their version; the sending commits only while it still holds.
    pub settings_version: i64,
    /// The customer's type; `None` counts as private.
    pub customer_type: Option<CustomerType>,
    /// What the customer can be verified by.
    pub verification: VerificationRecord,
    /// Whether a text message can be sent to the number on record: a provider is configured, has not refused it, and its
    /// country is allowed.
    pub sms_available: bool,
    /// The size of the message with its documents, in bytes as encoded.
    pub encoded_bytes: u64,
    /// The largest message that the relay takes, in bytes.
    pub message_bytes_max: u64,
    /// The relay has refused this message for its size.
    pub refused_for_size: bool,
    /// A person asked for a link instead of documents.
    pub link_only: bool,
    /// What an earlier attempt of the same delivery decided.
    pub earlier: Option<Terms>,
}

/// What the mail holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Every document of the event, and no portal link.
    Attach,
    /// No document; the portal shows them, after verification or at once.
    Link {
        /// What the portal asks of this customer.
        access: PortalAccess,
    },
}

impl Plan {
    /// Documents or a link.
    #[must_use]
    pub const fn decision(self) -> Decision {
        match self {
            Self::Attach => Decision::Attach,
            Self::Link { .. } => Decision::Link,
        }
    }
}

/// What the portal asks of one customer, from the loosest to the strictest: each shows less than the one before to
/// a visitor who merely has the link.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum PortalAccess {
    /// Nothing: the link opens the documents.
    Open,
    /// Verification before documents are shown.
    Verified,
    /// Verification before anything is shown: the mail says no more than tenant and number.
    EveryPageVerified,
    /// Documents are closed to all: the mail names the tenant's contact instead.
    Closed,
}

impl PortalAccess {
    /// What a level asks of a customer of this type. An unknown type counts as private.
    #[must_use]
    pub fn of(level: PortalLevel, customer_type: Option<CustomerType>) -> Self {
        let business = customer_type == Some(CustomerType::Business);
        match level {
            PortalLevel::EveryPage => Self::EveryPageVerified,
            PortalLevel::SensitiveForPrivate if business => Self::Open,
            PortalLevel::Sensitive | PortalLevel::SensitiveForPrivate => Self::Verified,
            PortalLevel::Inaccessible => Self::Closed,
            PortalLevel::NotRequired => Self::Open,
        }
    }

    /// Whether a visitor can see the documents after verification.
    #[must_use]
    pub const fn verifies(self) -> bool {
        matches!(self, Self::Verified | Self::EveryPageVerified)
    }
}

/// What was decided, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ruling {
    /// What the mail holds.
    pub plan: Plan,
    /// By which method the portal verifies, of a link.
    pub method: Option<VerificationMethod>,
    /// Why.
    pub reason: Reason,
}

impl Ruling {
    /// What a retry is bound by.
    #[must_use]
    pub const fn terms(&self) -> Terms {
        match self.plan {
            Plan::Attach => Terms { decision: Decision::Attach, portal: None },
            Plan::Link { access } => {
                Terms { decision: Decision::Link, portal: Some(PortalTerms { access, method: self.method }) }
            }
        }
    }
}

/// Why it was decided so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Reason {
    /// The policy attaches for every customer.
    PolicyInclude,
    /// The policy attaches for no customer.
    PolicyExclude,
    /// The policy attaches for business customers, and this is one.
    BusinessCustomer,
    /// The policy attaches for business customers only, and this is a private one.
    PrivateCustomer,
    /// The policy attaches for business customers only, and this one's type is unknown.
    UnknownCustomerType,
    /// The message would be larger than the relay takes.
    TooLarge,
    /// A person asked for a link.
    LinkOnly,
    /// An earlier attempt decided on a link; a retry never widens.
    EarlierDecision,
}

impl Reason {
    /// Whether this is ever the reason of that decision.
    #[must_use]
    pub const fn leads_to(self, decision: Decision) -> bool {
        let attaches = matches!(self, Self::PolicyInclude | Self::BusinessCustomer);
        attaches == matches!(decision, Decision::Attach)
    }
}

/// Why no mail may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecisionRefusal {
    /// Too large to attach, and the portal is closed.
    #[error(
        "the message would have {encoded_bytes} bytes, the relay takes {message_bytes_max}, and the portal may not show the documents"
    )]
    TooLarge {
        /// The size with its documents, as encoded.
        encoded_bytes: u64,
        /// The largest that the relay takes.
        message_bytes_max: u64,
    },
    /// The customer must be verified, and cannot be.
    #[error("the customer must be verified to see the documents, but {missing}")]
    NoVerificationMethod {
        /// What is missing, as a clause.
        missing: Missing,
    },
}

impl DecisionRefusal {
    /// The reason code of the dead letter.
    #[must_use]
    pub const fn class(self) -> ReasonCode {
        match self {
            Self::TooLarge { .. } => ReasonCode::TooLarge,
            Self::NoVerificationMethod { .. } => ReasonCode::NoVerificationMethod,
        }
    }
}

/// What a customer's record lacks for verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    settings: Settings,
    record: VerificationRecord,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let chosen = self.settings.portal_authentication;
        let mut clauses = [chosen.primary, chosen.secondary].into_iter().flatten().map(|method| match method {
            VerificationMethod::PostcodeHouseNumber => "the customer has no usable postcode and house number on record",
            VerificationMethod::SmsOtp if self.record.mobile_refused => {
                "the SMS provider has refused the customer's mobile number for good"
            }
            VerificationMethod::SmsOtp if self.record.mobile => {
                "no text message can be sent to the customer's mobile number (no SMS provider is configured, or \
                 sms.calling_codes does not allow its country)"
            }
            VerificationMethod::SmsOtp => "the customer has no mobile number on record",
        });
        f.write_str(clauses.next().unwrap_or("the tenant chose no method"))?;
        clauses.try_for_each(|clause| write!(f, " and {clause}"))
    }
}

/// Decides what the mail holds.
///
/// # Errors
/// [`DecisionRefusal`] if neither documents nor a link would be right.
pub fn decide(inputs: &Inputs) -> Result<(Plan, Reason), DecisionRefusal> {
    rule(inputs).map(|ruling| (ruling.plan, ruling.reason))
}

/// Decides what the mail holds and what the portal asks: the stricter of what holds now and what an earlier attempt
/// decided. The portal itself always asks what holds at the visit.
///
/// # Errors
/// [`DecisionRefusal`] if neither documents nor a link would be right.
pub fn rule(inputs: &Inputs) -> Result<Ruling, DecisionRefusal> {
    let (decision, reason) = documents_or_link(inputs);
    if decision == Decision::Attach {
        return Ok(Ruling { plan: Plan::Attach, method: None, reason });
    }
    let now = portal_terms(inputs);
    match now.access {
        PortalAccess::Closed if reason == Reason::TooLarge => {
            let Inputs { encoded_bytes, message_bytes_max, .. } = *inputs;
            Err(DecisionRefusal::TooLarge { encoded_bytes, message_bytes_max })
        }
        PortalAccess::Verified | PortalAccess::EveryPageVerified if now.method.is_none() => {
            let missing = Missing { settings: inputs.settings, record: inputs.verification };
            Err(DecisionRefusal::NoVerificationMethod { missing })
        }
        _ => {
            let earlier = inputs.earlier.and_then(|earlier| earlier.portal);
            let PortalTerms { access, method } = earlier.map_or(now, |earlier| earlier.stricter(now));
            Ok(Ruling { plan: Plan::Link { access }, method, reason })
        }
    }
}

/// Policy first, then what narrows it further. Nothing after the policy can turn a link into attachments.
fn documents_or_link(inputs: &Inputs) -> (Decision, Reason) {
    let (decision, reason) = match (inputs.settings.sensitive_attachments, inputs.customer_type) {
        (SensitiveAttachments::Include, _) => (Decision::Attach, Reason::PolicyInclude),
        (SensitiveAttachments::Exclude, _) => (Decision::Link, Reason::PolicyExclude),
        (SensitiveAttachments::ExcludeForPrivate, Some(CustomerType::Business)) => {
            (Decision::Attach, Reason::BusinessCustomer)
        }
        (SensitiveAttachments::ExcludeForPrivate, Some(CustomerType::Private)) => {
            (Decision::Link, Reason::PrivateCustomer)
        }
        (SensitiveAttachments::ExcludeForPrivate, None) => (Decision::Link, Reason::UnknownCustomerType),
    };
    if decision == Decision::Link {
        return (decision, reason);
    }
    if inputs.link_only {
        (Decision::Link, Reason::LinkOnly)
    } else if inputs.refused_for_size || inputs.encoded_bytes > inputs.message_bytes_max {
        (Decision::Link, Reason::TooLarge)
    } else if inputs.earlier.is_some_and(|earlier| earlier.decision == Decision::Link) {
        (Decision::Link, Reason::EarlierDecision)
    } else {
        (decision, reason)
    }
}

fn portal_terms(inputs: &Inputs) -> PortalTerms {
    let access = PortalAccess::of(inputs.settings.portal_authentication.level, inputs.customer_type);
    let usable = usable_methods_if(inputs.verification, &inputs.settings, inputs.sms_available);
    PortalTerms { access, method: usable.first().copied().filter(|_| access.verifies()) }
}

#[cfg(test)]
mod tests;
