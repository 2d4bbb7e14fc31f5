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
        (VerificationRecord { postcode_house_number: true, ..Default::default() }, &germany, vec![PostcodeHouseNumber]),
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
            assert_eq!(refused.map(|(plan, reason)| (plan.decision(), reason)), Ok((Decision::Link, Reason::TooLarge)));
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
