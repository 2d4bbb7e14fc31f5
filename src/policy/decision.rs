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
    /// Whether a visitor can see the documents after verification.
    const fn verifies(self) -> bool {
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

/// What the portal asks of this customer. An unknown type counts as private.
fn portal_access(inputs: &Inputs) -> PortalAccess {
    let business = inputs.customer_type == Some(CustomerType::Business);
    match inputs.settings.portal_authentication.level {
        PortalLevel::EveryPage => PortalAccess::EveryPageVerified,
        PortalLevel::SensitiveForPrivate if business => PortalAccess::Open,
        PortalLevel::Sensitive | PortalLevel::SensitiveForPrivate => PortalAccess::Verified,
        PortalLevel::Inaccessible => PortalAccess::Closed,
        PortalLevel::NotRequired => PortalAccess::Open,
    }
}

fn portal_terms(inputs: &Inputs) -> PortalTerms {
    let access = portal_access(inputs);
    let usable = usable_methods_if(inputs.verification, &inputs.settings, inputs.sms_available);
    PortalTerms { access, method: usable.first().copied().filter(|_| access.verifies()) }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;
    use crate::model::customer::usable_methods;
    use crate::model::settings::PortalAuthentication;
    use crate::model::verification::VerificationConfig;
    use crate::model::verification_key::CallingCode;

    const ROOMY: u64 = 20 << 20;

    fn inputs(policy: SensitiveAttachments, kind: Option<CustomerType>, level: PortalLevel) -> Inputs {
        let primary = level.verifies().then_some(VerificationMethod::PostcodeHouseNumber);
        Inputs {
            settings: Settings {
                sensitive_attachments: policy,
                portal_authentication: PortalAuthentication { level, primary, secondary: None },
            },
            settings_version: 1,
            customer_type: kind,
            verification: VerificationRecord { postcode_house_number: true, ..VerificationRecord::default() },
            sms_available: false,
            encoded_bytes: 100_000,
            message_bytes_max: ROOMY,
            refused_for_size: false,
            link_only: false,
            earlier: None,
        }
    }

    const TYPES: [Option<CustomerType>; 3] = [None, Some(CustomerType::Private), Some(CustomerType::Business)];

    /// What the portal asks of a customer of each type: unknown, private, business.
    fn access_expected(level: PortalLevel, kind: Option<CustomerType>) -> PortalAccess {
        match (level, kind) {
            (PortalLevel::EveryPage, _) => PortalAccess::EveryPageVerified,
            (PortalLevel::SensitiveForPrivate, Some(CustomerType::Business)) | (PortalLevel::NotRequired, _) => {
                PortalAccess::Open
            }
            (PortalLevel::Sensitive | PortalLevel::SensitiveForPrivate, _) => PortalAccess::Verified,
            (PortalLevel::Inaccessible, _) => PortalAccess::Closed,
        }
    }

    #[test]
    fn policy_and_customer_type_decide_at_every_portal_level() {
        use SensitiveAttachments::{Exclude, ExcludeForPrivate, Include};
        // Policy, then what unknown, private and business customers get.
        let table = [
            (Include, [Decision::Attach, Decision::Attach, Decision::Attach]),
            (Exclude, [Decision::Link, Decision::Link, Decision::Link]),
            (ExcludeForPrivate, [Decision::Link, Decision::Link, Decision::Attach]),
        ];
        for (policy, expected) in table {
            for (kind, expected) in TYPES.into_iter().zip(expected) {
                for level in PortalLevel::VARIANTS {
                    let (plan, _) = decide(&inputs(policy, kind, *level)).expect("a verifiable customer gets a mail");
                    assert_eq!(plan.decision(), expected, "{policy} {kind:?} {level}");
                    if let Plan::Link { access } = plan {
                        assert_eq!(access, access_expected(*level, kind), "{policy} {kind:?} {level}");
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_turns_a_link_into_attachments() {
        // Every input but policy and type, over all its values: where those two say link, the mail is never attach.
        for policy in SensitiveAttachments::VARIANTS {
            for kind in TYPES {
                let may_attach = matches!(
                    (policy, kind),
                    (SensitiveAttachments::Include, _)
                        | (SensitiveAttachments::ExcludeForPrivate, Some(CustomerType::Business))
                );
                for level in PortalLevel::VARIANTS {
                    for bits in 0..128_u32 {
                        let bit = |n: u32| bits & (1 << n) != 0;
                        let mut given = inputs(*policy, kind, *level);
                        given.verification.postcode_house_number = bit(0);
                        given.verification.mobile = bit(1);
                        given.sms_available = bit(2);
                        given.encoded_bytes = if bit(3) { ROOMY + 1 } else { 1 };
                        given.refused_for_size = bit(4);
                        given.link_only = bit(5);
                        given.earlier = bit(6).then_some(Decision::Attach.into());
                        if let Ok((Plan::Attach, _)) = decide(&given) {
                            assert!(may_attach, "{given:?}");
                            assert!(!bit(3) && !bit(4) && !bit(5), "{given:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_link_needs_a_way_to_verify_where_verification_is_asked() {
        let cases = [
            (PortalLevel::EveryPage, Some(CustomerType::Business), true),
            (PortalLevel::Sensitive, Some(CustomerType::Business), true),
            (PortalLevel::SensitiveForPrivate, Some(CustomerType::Business), false),
            (PortalLevel::SensitiveForPrivate, Some(CustomerType::Private), true),
            (PortalLevel::SensitiveForPrivate, None, true),
            (PortalLevel::Inaccessible, Some(CustomerType::Private), false),
            (PortalLevel::NotRequired, None, false),
        ];
        for (level, kind, refused) in cases {
            let mut given = inputs(SensitiveAttachments::Exclude, kind, level);
            given.verification = VerificationRecord::default();
            let refusal = decide(&given).err().map(DecisionRefusal::class);
            assert_eq!(refusal, refused.then_some(ReasonCode::NoVerificationMethod), "{level} {kind:?}");
        }
    }

    #[test]
    fn usable_methods_follow_the_record_and_the_configuration() {
        use VerificationMethod::{PostcodeHouseNumber, SmsOtp};
        let mut given = inputs(SensitiveAttachments::Exclude, None, PortalLevel::Sensitive);
        given.settings.portal_authentication.primary = Some(SmsOtp);
        given.settings.portal_authentication.secondary = Some(PostcodeHouseNumber);
        let (none, germany) = (VerificationConfig::without_sms(), VerificationConfig::with_sms_to([CallingCode(49)]));
        let mobile = |code| VerificationRecord {
            mobile: true,
            mobile_country: Some(CallingCode(code)),
            ..VerificationRecord::default()
        };
        let both = VerificationRecord { postcode_house_number: true, ..mobile(49) };
        let refused = VerificationRecord { mobile_refused: true, ..both };
        let cases = [
            (VerificationRecord::default(), &germany, vec![]),
            (
                VerificationRecord { postcode_house_number: true, ..Default::default() },
                &germany,
                vec![PostcodeHouseNumber],
            ),
            (mobile(49), &germany, vec![SmsOtp]),
            (mobile(49), &none, vec![]),
            (mobile(7), &germany, vec![]),
            (VerificationRecord { mobile_country: None, ..mobile(49) }, &germany, vec![]),
            (both, &germany, vec![SmsOtp, PostcodeHouseNumber]),
            (both, &none, vec![PostcodeHouseNumber]),
            (refused, &germany, vec![PostcodeHouseNumber]),
        ];
        for (record, config, expected) in cases {
            assert_eq!(usable_methods(record, &given.settings, config), expected, "{record:?} {config:?}");
            given.verification = record;
            given.sms_available = config.reaches(record);
            assert_eq!(rule(&given).ok().and_then(|ruling| ruling.method), expected.first().copied(), "{record:?}");
        }
    }

    #[test]
    fn inputs_of_an_earlier_version_still_read() {
        let mut given = inputs(SensitiveAttachments::Exclude, None, PortalLevel::Sensitive);
        given.settings.portal_authentication.primary = Some(VerificationMethod::SmsOtp);
        let mut json = serde_json::to_value(given).expect("a decision's inputs are JSON");
        json["verification"] = serde_json::json!({"postcode_house_number": false, "mobile": true});
        json["sms_available"] = serde_json::json!(true);
        let read: Inputs = serde_json::from_value(json).expect("they read");
        assert_eq!(rule(&read).map(|ruling| ruling.method), Ok(Some(VerificationMethod::SmsOtp)));
    }

    #[test]
    fn a_refusal_names_everything_that_is_missing() {
        let mut given = inputs(SensitiveAttachments::Exclude, None, PortalLevel::Sensitive);
        given.settings.portal_authentication.secondary = Some(VerificationMethod::SmsOtp);
        given.verification = VerificationRecord::default();
        let refusal = decide(&given).expect_err("nothing is on record");
        assert_eq!(
            refusal.to_string(),
            "the customer must be verified to see the documents, but the customer has no usable postcode and house \
             number on record and the customer has no mobile number on record"
        );
        given.verification.mobile = true;
        let refusal = decide(&given).expect_err("no text message can be sent");
        assert!(refusal.to_string().contains("sms.calling_codes does not allow its country"), "{refusal}");
        given.verification.mobile_refused = true;
        let refusal = decide(&given).expect_err("the number was refused");
        assert!(refusal.to_string().ends_with("has refused the customer's mobile number for good"), "{refusal}");
    }

    #[test]
    fn too_large_becomes_a_link_where_the_portal_is_open_and_nothing_where_it_is_closed() {
        for level in PortalLevel::VARIANTS {
            let mut given = inputs(SensitiveAttachments::Include, Some(CustomerType::Private), *level);
            given.encoded_bytes = ROOMY + 1;
            let refused = decide(&given).map_err(DecisionRefusal::class);
            if *level == PortalLevel::Inaccessible {
                assert_eq!(refused, Err(ReasonCode::TooLarge));
            } else {
                assert_eq!(
                    refused.map(|(plan, reason)| (plan.decision(), reason)),
                    Ok((Decision::Link, Reason::TooLarge))
                );
            }
        }
    }

    #[test]
    fn a_retry_keeps_to_the_stricter_decision() {
        let mut given = inputs(SensitiveAttachments::Include, None, PortalLevel::Sensitive);
        given.earlier = Some(Decision::Link.into());
        let (plan, reason) = decide(&given).expect("the customer can be verified");
        assert_eq!((plan.decision(), reason), (Decision::Link, Reason::EarlierDecision));
    }
}
