//! What an administrator should know before a customer finds it out.
//!
//! It is the decision itself that is asked, for each kind of customer: what is warned of here is what would happen.

use serde::Serialize;

use crate::model::customer::{CustomerType, VerificationRecord};
use crate::model::settings::{PortalLevel, Settings};
use crate::model::verification::VerificationConfig;
use crate::policy::decision::{DecisionRefusal, Inputs, Plan, PortalAccess, Reason, decide};
use crate::store::CustomerGroup;

/// Customers who would get a link and can be verified by nothing.
pub(crate) const NO_VERIFICATION_METHOD: &str = "no_verification_method";

/// One thing to know; the settings are saved nonetheless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Warning {
    /// For programs.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) detail: &'static str,
    /// How many of the tenant's customers it is about today.
    pub(crate) customers: i64,
}

/// What is to be said about settings, for a tenant whose customers are these.
pub(crate) fn about(
    settings: Settings,
    customers: &[CustomerGroup],
    verification: &VerificationConfig,
) -> Vec<Warning> {
    let outcome = |kind, record| decide(&inputs(settings, kind, record, verification.reaches(record)));
    let count = |meant: &dyn Fn(&DecisionResult) -> bool| {
        customers.iter().filter(|group| meant(&outcome(group.kind, group.record))).map(|group| group.count).sum()
    };
    let mut warnings = Vec::new();
    // Worth saying also while the tenant has no customers yet.
    let kinds = [Some(CustomerType::Private), Some(CustomerType::Business)];
    if kinds.iter().any(|kind| reaches_nothing(&outcome(*kind, VerificationRecord::default()))) {
        warnings.push(Warning {
            code: "documents_reachable_nowhere",
            detail: "documents are neither attached nor shown in the portal: the customer can reach them nowhere, \
                     and the mail names your contact instead",
            customers: count(&reaches_nothing),
        });
    }
    if settings.portal_authentication.level == PortalLevel::NotRequired {
        warnings.push(Warning {
            code: "no_verification",
            detail: "the portal verifies no customer: whoever has the email, or the link in it, has the documents",
            customers: customers.iter().map(|group| group.count).sum(),
        });
    }
    let unverifiable = count(&cannot_be_verified);
    if unverifiable > 0 {
        warnings.push(Warning {
            code: NO_VERIFICATION_METHOD,
            detail: "customers who must be verified have nothing on record to be verified by: their invoices become \
                     dead letters until the records are completed",
            customers: unverifiable,
        });
    }
    warnings
}

type DecisionResult = Result<(Plan, Reason), DecisionRefusal>;

fn reaches_nothing(outcome: &DecisionResult) -> bool {
    matches!(outcome, Ok((Plan::Link { access: PortalAccess::Closed }, _)))
}

fn cannot_be_verified(outcome: &DecisionResult) -> bool {
    matches!(outcome, Err(DecisionRefusal::NoVerificationMethod { .. }))
}

/// An ordinary first mail: small, and without a person's request.
fn inputs(
    settings: Settings,
    customer_type: Option<CustomerType>,
    verification: VerificationRecord,
    sms_available: bool,
) -> Inputs {
    Inputs {
        settings,
        settings_version: 0,
        customer_type,
        verification,
        sms_available,
        encoded_bytes: 0,
        message_bytes_max: u64::MAX,
        refused_for_size: false,
        link_only: false,
        earlier: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::{PortalAuthentication, SensitiveAttachments, VerificationMethod};
    use crate::model::verification_key::CallingCode;

    fn group(kind: Option<CustomerType>, postcode_house_number: bool, mobile: bool, count: i64) -> CustomerGroup {
        let mobile_country = mobile.then_some(CallingCode(49));
        let record = VerificationRecord { postcode_house_number, mobile, mobile_country, mobile_refused: false };
        CustomerGroup { kind, record, count }
    }

    fn codes(policy: SensitiveAttachments, level: PortalLevel, sms_available: bool) -> Vec<(&'static str, i64)> {
        let customers = [
            group(None, false, false, 1),
            group(Some(CustomerType::Private), true, false, 10),
            group(Some(CustomerType::Private), false, true, 100),
            group(Some(CustomerType::Business), false, false, 1_000),
            group(Some(CustomerType::Business), true, true, 10_000),
        ];
        let primary = level.verifies().then_some(VerificationMethod::SmsOtp);
        let settings = Settings {
            sensitive_attachments: policy,
            portal_authentication: PortalAuthentication { level, primary, secondary: None },
        };
        let verification = if sms_available {
            VerificationConfig::with_sms_to([CallingCode(49)])
        } else {
            VerificationConfig::without_sms()
        };
        about(settings, &customers, &verification).into_iter().map(|one| (one.code, one.customers)).collect()
    }

    #[test]
    fn each_warning_counts_the_customers_whom_it_is_about() {
        use PortalLevel::{EveryPage, Inaccessible, NotRequired, Sensitive, SensitiveForPrivate};
        use SensitiveAttachments::{Exclude, ExcludeForPrivate, Include};
        let nowhere = "documents_reachable_nowhere";
        let no_method = "no_verification_method";
        let cases: [(_, _, _, &[(&str, i64)]); 10] = [
            (Include, Inaccessible, true, &[]),
            (Include, Sensitive, true, &[]),
            (Exclude, Inaccessible, true, &[(nowhere, 11_111)]),
            (ExcludeForPrivate, Inaccessible, true, &[(nowhere, 111)]),
            (Exclude, Sensitive, true, &[(no_method, 1_011)]),
            (Exclude, EveryPage, true, &[(no_method, 1_011)]),
            (Exclude, SensitiveForPrivate, true, &[(no_method, 11)]),
            (ExcludeForPrivate, Sensitive, true, &[(no_method, 11)]),
            (Exclude, Sensitive, false, &[(no_method, 11_111)]),
            (Exclude, NotRequired, false, &[("no_verification", 11_111)]),
        ];
        for (policy, level, sms_available, expected) in cases {
            assert_eq!(codes(policy, level, sms_available), expected, "{policy} {level} {sms_available}");
        }
    }

    #[test]
    fn a_closed_portal_is_warned_of_before_there_are_customers() {
        let settings = Settings {
            sensitive_attachments: SensitiveAttachments::ExcludeForPrivate,
            portal_authentication: PortalAuthentication {
                level: PortalLevel::Inaccessible,
                primary: None,
                secondary: None,
            },
        };
        let warnings = about(settings, &[], &VerificationConfig::with_sms_anywhere());
        assert_eq!(warnings.len(), 1);
        assert_eq!((warnings[0].code, warnings[0].customers), ("documents_reachable_nowhere", 0));
    }
}
