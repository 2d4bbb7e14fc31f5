//! What customers can be verified by: what is on record, and what an installation can do with it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::verification_key::{CallingCode, VerificationKeys, calling_code_of};

/// What of a customer's record can be used for verification, without the values themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationRecord {
    /// Both have a key ([`crate::model::verification_key`]): neither is missing, a P.O. box or of an unknown form.
    pub postcode_house_number: bool,
    /// A mobile number is on record.
    pub mobile: bool,
    /// The country of that number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile_country: Option<CallingCode>,
    /// The SMS provider has refused that number for good: it is a landline, say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mobile_refused: bool,
}

impl From<&VerificationKeys> for VerificationRecord {
    fn from(keys: &VerificationKeys) -> Self {
        Self {
            postcode_house_number: keys.postcode.is_some() && keys.house_number.is_some(),
            mobile: keys.mobile.is_some(),
            mobile_country: keys.mobile.as_deref().and_then(calling_code_of),
            mobile_refused: keys.mobile_refused,
        }
    }
}

/// What is configured about verification: whether text messages can be sent, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationConfig(SmsReach);

#[derive(Debug, Clone, PartialEq, Eq)]
enum SmsReach {
    Nowhere,
    Countries(Arc<[CallingCode]>),
    Anywhere,
}

impl VerificationConfig {
    /// There is an SMS provider, and text messages go to numbers of these countries alone.
    #[must_use]
    pub fn with_sms_to(countries: impl IntoIterator<Item = CallingCode>) -> Self {
        Self(SmsReach::Countries(countries.into_iter().collect()))
    }

    /// There is no SMS provider.
    #[must_use]
    pub const fn without_sms() -> Self {
        Self(SmsReach::Nowhere)
    }

    /// Text messages go anywhere: where it is not known what is configured.
    #[must_use]
    pub const fn with_sms_anywhere() -> Self {
        Self(SmsReach::Anywhere)
    }

    /// Whether text messages can be sent at all.
    #[must_use]
    pub const fn sends_sms(&self) -> bool {
        !matches!(self.0, SmsReach::Nowhere)
    }

    /// Whether a text message can be sent to the number on record.
    #[must_use]
    pub fn reaches(&self, record: VerificationRecord) -> bool {
        let may_be_called = match &self.0 {
            SmsReach::Nowhere => false,
            SmsReach::Countries(allowed) => record.mobile_country.is_some_and(|code| allowed.contains(&code)),
            SmsReach::Anywhere => true,
        };
        record.mobile && !record.mobile_refused && may_be_called
    }
}
