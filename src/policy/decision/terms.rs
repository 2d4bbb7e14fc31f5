//! What a retry may not loosen: documents or a link, and what the portal asks.

use serde::{Deserialize, Serialize};

use super::PortalAccess;
use crate::model::settings::VerificationMethod;
use crate::model::state::Decision;

/// What the portal asks of a visitor who follows a link, and by which method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PortalTerms {
    /// What it asks.
    pub access: PortalAccess,
    /// The method that it asks: the first of those that the tenant chose and the customer can use; none where nobody is
    /// verified.
    pub method: Option<VerificationMethod>,
}

impl PortalTerms {
    /// The stricter of both, in each respect by itself.
    ///
    /// Access and method do not weigh against each other: verification of every page by postcode shows a thief of the
    /// link less at first, verification of the documents alone by SMS is harder to pass. So of these two the result is
    /// every page by SMS, which is looser than neither.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        let access = self.access.max(other.access);
        let method = if access.verifies() { self.method.max(other.method) } else { None };
        Self { access, method }
    }
}

/// What was decided, as far as a retry is bound by it.
///
/// What a mail says depends on it, so a retry repeats it, or it becomes stricter and the message another one:
/// attachments are looser than any link, since they stand in a mailbox for good, open to all who read it; links
/// are as strict as what the portal asks ([`PortalTerms::stricter`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Terms {
    /// Documents or a link.
    pub decision: Decision,
    /// What the portal asks, of a link; none if it was recorded by a version that did not keep it.
    pub portal: Option<PortalTerms>,
}

impl From<Decision> for Terms {
    fn from(decision: Decision) -> Self {
        Self { decision, portal: None }
    }
}

impl Terms {
    /// Whether they are not those of an earlier attempt, but stricter; never looser, since [`rule`](crate::policy::decision::rule) saw to that.
    #[must_use]
    pub fn differ_from(self, earlier: Self) -> bool {
        self.decision != earlier.decision || earlier.portal.is_some_and(|portal| self.portal != Some(portal))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Inputs, rule};
    use super::*;
    use crate::model::customer::{CustomerType, VerificationRecord};
    use crate::model::settings::{PortalAuthentication, PortalLevel, SensitiveAttachments, Settings};

    /// Everything that can be decided.
    fn all_terms() -> Vec<Terms> {
        let link = |access, method| Terms { decision: Decision::Link, portal: Some(PortalTerms { access, method }) };
        let [postcode, sms] = [VerificationMethod::PostcodeHouseNumber, VerificationMethod::SmsOtp].map(Some);
        vec![
            Decision::Attach.into(),
            link(PortalAccess::Open, None),
            link(PortalAccess::Verified, postcode),
            link(PortalAccess::Verified, sms),
            link(PortalAccess::EveryPageVerified, postcode),
            link(PortalAccess::EveryPageVerified, sms),
            link(PortalAccess::Closed, None),
        ]
    }

    /// Inputs by which these terms are decided, if nothing was decided before.
    fn inputs_for(terms: Terms) -> Inputs {
        let policy = match terms.decision {
            Decision::Attach => SensitiveAttachments::Include,
            Decision::Link => SensitiveAttachments::Exclude,
        };
        let (level, kind) = match terms.portal.map(|portal| portal.access) {
            None | Some(PortalAccess::Open) => (PortalLevel::SensitiveForPrivate, Some(CustomerType::Business)),
            Some(PortalAccess::Verified) => (PortalLevel::Sensitive, None),
            Some(PortalAccess::EveryPageVerified) => (PortalLevel::EveryPage, None),
            Some(PortalAccess::Closed) => (PortalLevel::Inaccessible, None),
        };
        let method = terms.portal.and_then(|portal| portal.method).unwrap_or(VerificationMethod::SmsOtp);
        let primary = Some(method).filter(|_| level != PortalLevel::Inaccessible);
        Inputs {
            settings: Settings {
                sensitive_attachments: policy,
                portal_authentication: PortalAuthentication { level, primary, secondary: None },
            },
            settings_version: 1,
            customer_type: kind,
            verification: VerificationRecord {
                postcode_house_number: true,
                mobile: true,
                ..VerificationRecord::default()
            },
            sms_available: true,
            encoded_bytes: 100_000,
            message_bytes_max: 20 << 20,
            refused_for_size: false,
            link_only: false,
            earlier: None,
        }
    }

    #[test]
    fn a_retry_applies_the_stricter_of_then_and_now() {
        // Rows: then; columns: now. A letter is the place in `all_terms`; a capital one differs from then.
        let expected = [
            //  a    b    c    d    e    f    g       a attach, b open, c and d verified by postcode and SMS,
            "a    B    C    D    E    F    G", // a   e and f every page by postcode and SMS, g closed
            "b    b    C    D    E    F    G", // b
            "c    c    c    D    E    F    G", // c
            "d    d    d    d    F    F    G", // d
            "e    e    e    F    e    F    G", // e
            "f    f    f    f    f    f    G", // f
            "g    g    g    g    g    g    g", // g
        ];
        let all = all_terms();
        for (then, row) in all.iter().zip(expected) {
            for (now, cell) in all.iter().zip(row.split_whitespace()) {
                let mut inputs = inputs_for(*now);
                assert_eq!(rule(&inputs).expect("it can be decided").terms(), *now, "nothing was decided before");
                inputs.earlier = Some(*then);
                let ruling = rule(&inputs).expect("it can be decided");
                let letter = cell.chars().next().expect("a letter");
                let place = "abcdefg".find(letter.to_ascii_lowercase()).expect("one of them");
                assert_eq!(ruling.terms(), all[place], "then {then:?}, now {now:?}");
                assert_eq!(ruling.terms().differ_from(*then), letter.is_uppercase(), "then {then:?}, now {now:?}");
                // Once more with what came of it: nothing moves any further.
                inputs.earlier = Some(ruling.terms());
                assert_eq!(rule(&inputs).map(|again| again.terms()), Ok(ruling.terms()));
            }
        }
    }

    #[test]
    fn a_link_whose_terms_were_not_kept_is_asked_for_as_of_now() {
        let link = all_terms()[3];
        let mut inputs = inputs_for(link);
        inputs.earlier = Some(Decision::Link.into());
        let ruling = rule(&inputs).expect("it can be decided");
        assert_eq!(ruling.terms(), link);
        assert!(!ruling.terms().differ_from(Decision::Link.into()), "nobody knows that it differs");
    }

    #[test]
    fn the_first_method_that_can_be_used_is_asked() {
        let mut given = inputs_for(all_terms()[3]);
        given.settings.portal_authentication.secondary = Some(VerificationMethod::PostcodeHouseNumber);
        let method = |given: &Inputs| rule(given).expect("it can be decided").method;
        assert_eq!(method(&given), Some(VerificationMethod::SmsOtp));
        given.sms_available = false;
        assert_eq!(method(&given), Some(VerificationMethod::PostcodeHouseNumber));
    }
}
