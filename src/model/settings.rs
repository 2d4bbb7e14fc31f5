//! What a tenant's administrator chooses: whether documents travel by mail, and what the portal asks of customers.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// The settings of one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Whether documents are sent as attachments.
    pub sensitive_attachments: SensitiveAttachments,
    /// What the portal asks before it shows documents.
    pub portal_authentication: PortalAuthentication,
}

/// Settings and the version that the next change must name (`If-Match`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionedSettings {
    /// Counts the changes, from 1.
    pub version: i64,
    /// What holds now.
    pub settings: Settings,
}

/// Whether documents are sent as attachments.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SensitiveAttachments {
    /// Documents are attached.
    Include,
    /// Documents are never attached.
    Exclude,
    /// Documents are attached for business customers only.
    ExcludeForPrivate,
}

/// What the portal asks before it shows documents, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortalAuthentication {
    /// For what, and of whom, verification is asked.
    pub level: PortalLevel,
    /// The method tried first; required at levels that verify ([`PortalLevel::verifies`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<VerificationMethod>,
    /// The method used when the first is not available to a customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary: Option<VerificationMethod>,
}

/// For what, and of whom, the portal asks verification. Sensitive means documents and attachments.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum PortalLevel {
    /// Every customer, for every page.
    EveryPage,
    /// Every customer, for documents.
    Sensitive,
    /// Private customers, for documents; business customers always have access.
    SensitiveForPrivate,
    /// Documents are closed to all.
    Inaccessible,
    /// No customer: the link alone opens the documents.
    NotRequired,
}

impl PortalLevel {
    /// Whether some customer is asked for verification, so that a method is needed.
    #[must_use]
    pub const fn verifies(self) -> bool {
        match self {
            Self::EveryPage | Self::Sensitive | Self::SensitiveForPrivate => true,
            Self::Inaccessible | Self::NotRequired => false,
        }
    }
}

/// How a customer proves who they are, from the easiest to the hardest for another person to pass: a postcode and a
/// house number stand on every envelope, a one-time password needs the customer's phone.
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
pub enum VerificationMethod {
    /// The postcode and house number on record.
    PostcodeHouseNumber,
    /// A one-time password sent by SMS to the mobile number on record.
    SmsOtp,
}

/// Why settings cannot be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    /// A level that verifies customers, and no method to do it by.
    #[error("portal_authentication.primary is missing: every level but inaccessible and not_required needs a method")]
    PrimaryMissing,
    /// The second method is the first.
    #[error("portal_authentication.secondary is the same as primary: choose another or leave it out")]
    SameMethods,
    /// A second method without a first.
    #[error("portal_authentication.secondary stands without a primary: set primary instead")]
    SecondaryAlone,
}

impl Settings {
    /// Checks what the types alone do not say.
    ///
    /// # Errors
    /// The first rule that the settings break.
    pub fn validate(&self) -> Result<(), InvalidSettings> {
        let PortalAuthentication { level, primary, secondary } = self.portal_authentication;
        match (primary, secondary) {
            (None, Some(_)) => Err(InvalidSettings::SecondaryAlone),
            (None, None) if level.verifies() => Err(InvalidSettings::PrimaryMissing),
            (Some(first), Some(second)) if first == second => Err(InvalidSettings::SameMethods),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_verifies_needs_a_method() {
        let settings = |level, primary, secondary| Settings {
            sensitive_attachments: SensitiveAttachments::Exclude,
            portal_authentication: PortalAuthentication { level, primary, secondary },
        };
        let sms = Some(VerificationMethod::SmsOtp);
        assert_eq!(settings(PortalLevel::Sensitive, None, None).validate(), Err(InvalidSettings::PrimaryMissing));
        assert_eq!(settings(PortalLevel::Sensitive, sms, sms).validate(), Err(InvalidSettings::SameMethods));
        assert_eq!(settings(PortalLevel::Inaccessible, None, sms).validate(), Err(InvalidSettings::SecondaryAlone));
        for level in [PortalLevel::Inaccessible, PortalLevel::NotRequired] {
            assert_eq!(settings(level, None, None).validate(), Ok(()));
            // Kept for the day on which the level verifies again.
            assert_eq!(settings(level, sms, None).validate(), Ok(()));
        }
    }
}
