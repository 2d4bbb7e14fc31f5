//! What becomes of an invoice by a decision: attached, behind a link, or not sent.

use crate::model::customer::{CustomerType, VerificationRecord};
use crate::model::reason::ReasonCode;
use crate::model::settings::Settings;
use crate::policy::decision::{DecisionRefusal, Inputs, PortalTerms, Ruling, rule};

/// What becomes of an invoice by a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InvoiceRoute {
    /// Its documents are attached.
    Attached,
    /// The email holds a link and no document; what the portal asks there.
    Linked(PortalTerms),
    /// No email is sent: a dead letter of this class.
    NotSent(ReasonCode),
}

impl InvoiceRoute {
    /// What is decided upon these inputs, by the one function that decides.
    #[must_use]
    pub fn of(inputs: &Inputs) -> Self {
        Self::of_ruling(rule(inputs))
    }

    /// What would have been decided upon the same inputs, had these settings held from the start: what an earlier attempt
    /// decided was decided by the settings of then, so it does not bind.
    #[must_use]
    pub fn under(settings: Settings, inputs: &Inputs) -> Self {
        Self::of(&Inputs { settings, earlier: None, ..*inputs })
    }

    fn of_ruling(ruling: Result<Ruling, DecisionRefusal>) -> Self {
        match ruling {
            Ok(ruling) => ruling.terms().portal.map_or(Self::Attached, Self::Linked),
            Err(refusal) => Self::NotSent(refusal.class()),
        }
    }
}

/// The inputs of an ordinary first email: small, and without a person's request.
#[must_use]
pub const fn ordinary_inputs(
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
    use crate::model::settings::{PortalAuthentication, PortalLevel, SensitiveAttachments, VerificationMethod};
    use crate::model::state::Decision;
    use crate::policy::decision::{PortalAccess, Terms};

    fn settings(sensitive_attachments: SensitiveAttachments, level: PortalLevel) -> Settings {
        let primary = level.verifies().then_some(VerificationMethod::PostcodeHouseNumber);
        Settings {
            sensitive_attachments,
            portal_authentication: PortalAuthentication { level, primary, secondary: None },
        }
    }

    #[test]
    fn an_earlier_attempt_binds_a_retry_and_not_what_might_have_been() {
        let record = VerificationRecord { postcode_house_number: true, ..VerificationRecord::default() };
        let then = settings(SensitiveAttachments::Exclude, PortalLevel::Sensitive);
        let now = settings(SensitiveAttachments::Include, PortalLevel::NotRequired);
        let first = ordinary_inputs(then, Some(CustomerType::Business), record, false);
        let decided = rule(&first).expect("a link").terms();
        let retry = Inputs { earlier: Some(decided), settings: now, ..first };
        assert_eq!(InvoiceRoute::of(&retry), InvoiceRoute::Linked(decided.portal.expect("a link's")));
        assert_eq!(InvoiceRoute::under(now, &retry), InvoiceRoute::Attached);
    }

    #[test]
    fn what_narrowed_a_decision_still_narrows_it() {
        let attach = settings(SensitiveAttachments::Include, PortalLevel::NotRequired);
        let ordinary = ordinary_inputs(attach, None, VerificationRecord::default(), false);
        let open = InvoiceRoute::Linked(PortalTerms { access: PortalAccess::Open, method: None });
        let too_large = Inputs { encoded_bytes: 2, message_bytes_max: 1, ..ordinary };
        let closed = settings(SensitiveAttachments::Include, PortalLevel::Inaccessible);
        for (inputs, settings, route) in [
            (ordinary, attach, InvoiceRoute::Attached),
            (Inputs { link_only: true, ..ordinary }, attach, open),
            (Inputs { refused_for_size: true, ..ordinary }, attach, open),
            (too_large, attach, open),
            (too_large, closed, InvoiceRoute::NotSent(ReasonCode::TooLarge)),
            (Inputs { earlier: Some(Terms::from(Decision::Link)), ..ordinary }, attach, InvoiceRoute::Attached),
        ] {
            assert_eq!(InvoiceRoute::under(settings, &inputs), route, "{inputs:?}");
        }
    }
}
