//! A customer of a tenant: whom an invoice is for, and what they can be verified by.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::model::ids::{CustomerId, TenantId};
use crate::model::settings::{Settings, VerificationMethod};
use crate::model::verification::VerificationConfig;
pub use crate::model::verification::VerificationRecord;
use crate::model::verification_key::VerificationKeys;

/// A customer, as imported from the billing system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    pub tenant_id: TenantId,
    /// Who it is, within the tenant.
    pub id: CustomerId,
    /// Private or business; unknown counts as private.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none", deserialize_with = "known_type")]
    pub kind: Option<CustomerType>,
    /// The name as people know it.
    pub name: String,
    /// The mail address for events that bring none.
    pub address: String,
    /// The language and region of mails (BCP 47); the tenant's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The postal address, as far as customers are verified by it.
    #[serde(default)]
    pub postal: Postal,
    /// The mobile number for one-time passwords (E.164).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<String>,
}

/// Private or business.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum CustomerType {
    /// A natural person.
    Private,
    /// A company or authority.
    Business,
}

/// The part of a postal address that customers are verified by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postal {
    /// ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postcode: Option<String>,
    /// The house number, with its letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub house_number: Option<String>,
}

/// A type that we do not know is no type, so it counts as private.
fn known_type<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<CustomerType>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

impl Customer {
    /// Whether this is what an erasure has left: it takes the address, which every import has. Events for such a customer wait
    /// as for an unknown one.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.address.is_empty()
    }

    /// What this customer is verified against, as it is compared.
    #[must_use]
    pub fn verification_keys(&self) -> VerificationKeys {
        let Postal { country, postcode, house_number } = &self.postal;
        VerificationKeys::of(country.as_deref(), postcode.as_deref(), house_number.as_deref(), self.mobile.as_deref())
    }

    /// What this customer can be verified by, as far as the billing system knows: whether the SMS provider has refused the
    /// number, the store knows.
    #[must_use]
    pub fn verification_record(&self) -> VerificationRecord {
        (&self.verification_keys()).into()
    }
}

/// The methods that the tenant chose and this customer can use, in the order in which the portal asks: the first one,
/// and the next only while the first is unavailable.
///
/// The one answer to "can this customer be verified?": for the decision, the portal and the settings page.
#[must_use]
pub fn usable_methods(
    record: VerificationRecord,
    settings: &Settings,
    config: &VerificationConfig,
) -> Vec<VerificationMethod> {
    usable_methods_if(record, settings, config.reaches(record))
}

/// As [`usable_methods`], of a decision whose inputs were recorded: `sms_available` says whether a text message could be
/// sent to the number on record.
#[must_use]
pub fn usable_methods_if(
    record: VerificationRecord,
    settings: &Settings,
    sms_available: bool,
) -> Vec<VerificationMethod> {
    let chosen = settings.portal_authentication;
    [chosen.primary, chosen.secondary]
        .into_iter()
        .flatten()
        .filter(|method| match method {
            VerificationMethod::PostcodeHouseNumber => record.postcode_house_number,
            VerificationMethod::SmsOtp => record.mobile && sms_available,
        })
        .collect()
}
