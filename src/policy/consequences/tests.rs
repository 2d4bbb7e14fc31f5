use super::*;
use crate::model::settings::{PortalAuthentication, SensitiveAttachments};
use crate::model::verification_key::CallingCode;

const GERMANY: CallingCode = CallingCode(49);
const POSTCODE: Option<VerificationMethod> = Some(VerificationMethod::PostcodeHouseNumber);
const SMS: Option<VerificationMethod> = Some(VerificationMethod::SmsOtp);

fn group(kind: Option<CustomerType>, postcode_house_number: bool, mobile: bool, count: i64) -> CustomerGroup {
    let mobile_country = mobile.then_some(GERMANY);
    let record = VerificationRecord { postcode_house_number, mobile, mobile_country, mobile_refused: false };
    CustomerGroup { kind, record, count }
}

/// Each group has a digit of its own.
fn customers() -> [CustomerGroup; 5] {
    [
        group(None, false, false, 1),
        group(Some(CustomerType::Private), true, false, 10),
        group(Some(CustomerType::Private), false, true, 100),
        group(Some(CustomerType::Business), false, false, 1_000),
        group(Some(CustomerType::Business), true, true, 10_000),
    ]
}

fn settings(sensitive_attachments: SensitiveAttachments, level: PortalLevel) -> Settings {
    let primary = if level.verifies() { SMS } else { None };
    Settings { sensitive_attachments, portal_authentication: PortalAuthentication { level, primary, secondary: None } }
}

fn with_sms() -> VerificationConfig {
    VerificationConfig::with_sms_to([GERMANY])
}

fn codes(settings: Settings, verification: &VerificationConfig) -> Vec<(&'static str, i64)> {
    let warnings = policy_warnings(settings, &customers(), verification);
    warnings.into_iter().map(|one| (one.code.into_str(), one.customers)).collect()
}

/// Policy × level, cell by cell: what a private and a business customer with a complete record gets, and is asked.
#[test]
fn each_type_gets_what_is_decided_and_is_asked_what_the_portal_asks() {
    use PortalAccess::{Closed, EveryPageVerified, Open, Verified};
    use SensitiveAttachments::{Exclude, ExcludeForPrivate, Include};
    let asked = |level| match level {
        PortalLevel::EveryPage => [EveryPageVerified, EveryPageVerified],
        PortalLevel::Sensitive => [Verified, Verified],
        PortalLevel::SensitiveForPrivate => [Verified, Open],
        PortalLevel::Inaccessible => [Closed, Closed],
        PortalLevel::NotRequired => [Open, Open],
    };
    for (policy, attached) in [(Include, [true, true]), (Exclude, [false, false]), (ExcludeForPrivate, [false, true])] {
        for level in PortalLevel::VARIANTS {
            let rows = consequences(settings(policy, *level), &customers(), &with_sms()).rows;
            for ((row, attached), access) in rows.iter().zip(attached).zip(asked(*level)) {
                let method = if access.verifies() { SMS } else { None };
                let linked = InvoiceRoute::Linked(PortalTerms { access, method });
                let expected = if attached { InvoiceRoute::Attached } else { linked };
                assert_eq!((row.route, row.access), (expected, access), "{policy} {level} {}", row.customer_type);
            }
        }
    }
}

#[test]
fn customers_are_counted_by_type_and_an_unknown_type_is_private() {
    let strict = settings(SensitiveAttachments::Exclude, PortalLevel::Sensitive);
    let [private, business] = consequences(strict, &customers(), &with_sms()).rows;
    assert_eq!((private.customers, private.of_unknown_type, private.unverifiable), (111, 1, 11));
    assert_eq!((business.customers, business.of_unknown_type, business.unverifiable), (11_000, 0, 1_000));
    let attached = settings(SensitiveAttachments::Include, PortalLevel::Sensitive);
    let rows = consequences(attached, &customers(), &with_sms()).rows;
    assert_eq!(rows.map(|row| row.unverifiable), [0, 0], "who gets the documents needs no method");
}

#[test]
fn each_warning_counts_the_customers_whom_it_is_about() {
    use PortalLevel::{EveryPage, Inaccessible, NotRequired, Sensitive, SensitiveForPrivate};
    use SensitiveAttachments::{Exclude, ExcludeForPrivate, Include};
    let nowhere = "documents_reachable_nowhere";
    let business = "invoice_not_transmitted";
    let no_method = "no_verification_method";
    let no_provider = "no_sms_provider";
    let not_usable = "method_not_usable";
    let bypass = "attachments_bypass_portal";
    let none = "no_verification";
    let cases: [(_, _, _, &[(&str, i64)]); 13] = [
        (Include, NotRequired, true, &[(none, 11_111)]),
        (Include, Inaccessible, true, &[(bypass, 11_111)]),
        (Include, Sensitive, true, &[(bypass, 11_111), (not_usable, 1_011)]),
        (Include, SensitiveForPrivate, true, &[(bypass, 111), (not_usable, 11)]),
        (Exclude, Inaccessible, true, &[(nowhere, 11_111), (business, 11_000)]),
        (ExcludeForPrivate, Inaccessible, true, &[(nowhere, 111), (bypass, 11_000)]),
        (Exclude, Sensitive, true, &[(no_method, 1_011), (not_usable, 1_011)]),
        (Exclude, EveryPage, true, &[(no_method, 1_011), (not_usable, 1_011)]),
        (Exclude, SensitiveForPrivate, true, &[(no_method, 11), (not_usable, 11)]),
        (ExcludeForPrivate, SensitiveForPrivate, true, &[(no_method, 11), (not_usable, 11)]),
        (ExcludeForPrivate, Sensitive, true, &[(no_method, 11), (bypass, 11_000), (not_usable, 1_011)]),
        (Exclude, Sensitive, false, &[(no_method, 11_111), (no_provider, 11_111)]),
        (Exclude, NotRequired, false, &[(none, 11_111)]),
    ];
    for (policy, level, has_sms, expected) in cases {
        let verification = if has_sms { with_sms() } else { VerificationConfig::without_sms() };
        assert_eq!(codes(settings(policy, level), &verification), expected, "{policy} {level} {has_sms}");
    }
}

#[test]
fn a_second_method_verifies_whom_the_first_does_not_and_each_is_told_by_itself() {
    let both = PortalAuthentication { level: PortalLevel::Sensitive, primary: SMS, secondary: POSTCODE };
    let settings = Settings { sensitive_attachments: SensitiveAttachments::Exclude, portal_authentication: both };
    let warnings = policy_warnings(settings, &customers(), &with_sms());
    let told: Vec<_> = warnings.iter().map(|one| (one.code.into_str(), one.method, one.customers)).collect();
    assert_eq!(
        told,
        [
            ("no_verification_method", None, 1_001),
            ("method_not_usable", SMS, 1_011),
            ("method_not_usable", POSTCODE, 1_101),
        ]
    );
    let without = policy_warnings(settings, &customers(), &VerificationConfig::without_sms());
    let told: Vec<_> = without.iter().map(|one| (one.code.into_str(), one.method, one.customers)).collect();
    assert_eq!(
        told,
        [
            ("no_verification_method", None, 1_101),
            ("no_sms_provider", SMS, 11_111),
            ("method_not_usable", POSTCODE, 1_101),
        ]
    );
}

#[test]
fn what_no_customer_is_needed_for_is_warned_of_before_there_are_any() {
    use SensitiveAttachments::{Exclude, ExcludeForPrivate, Include};
    let told = |policy, level, verification: &VerificationConfig| -> Vec<(&'static str, i64)> {
        let warnings = policy_warnings(settings(policy, level), &[], verification);
        warnings.into_iter().map(|one| (one.code.into_str(), one.customers)).collect()
    };
    for (policy, level, expected) in [
        (Exclude, PortalLevel::Inaccessible, &["documents_reachable_nowhere", "invoice_not_transmitted"][..]),
        (ExcludeForPrivate, PortalLevel::Inaccessible, &["documents_reachable_nowhere", "attachments_bypass_portal"]),
        (Include, PortalLevel::EveryPage, &["no_sms_provider", "attachments_bypass_portal"]),
        (Exclude, PortalLevel::NotRequired, &["no_verification"]),
    ] {
        let expected: Vec<_> = expected.iter().map(|code| (*code, 0)).collect();
        assert_eq!(told(policy, level, &VerificationConfig::without_sms()), expected, "{policy} {level}");
    }
}

#[test]
fn a_warning_of_unverifiable_customers_counts_exactly_whom_the_decision_refuses() {
    for policy in SensitiveAttachments::VARIANTS {
        for level in PortalLevel::VARIANTS {
            for verification in [with_sms(), VerificationConfig::without_sms()] {
                let settings = settings(*policy, *level);
                let customers = customers();
                let refused = customers.iter().filter(|group| {
                    let sms = verification.reaches(group.record);
                    InvoiceRoute::of(&ordinary_inputs(settings, group.kind, group.record, sms)) == UNVERIFIABLE
                });
                let refused: i64 = refused.map(|group| group.count).sum();
                let rows = consequences(settings, &customers, &verification).rows;
                assert_eq!(rows.iter().map(|row| row.unverifiable).sum::<i64>(), refused, "{policy} {level}");
            }
        }
    }
}
