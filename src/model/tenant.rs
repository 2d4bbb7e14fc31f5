//! A tenant: who sends invoices, and everything about them that a mail shows.

use serde::{Deserialize, Serialize};

use crate::model::ids::{RelayName, TenantId};
use crate::model::settings::Settings;

/// A tenant, as imported from the billing system.
///
/// `settings` count only when the tenant is new; an administrator's choice is never undone by an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    pub id: TenantId,
    /// The relay that sends its mail.
    #[serde(default = "default_relay")]
    pub relay: RelayName,
    /// The beginning of its keys in the document store; `<id>/` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_prefix: Option<String>,
    /// What its mails show.
    #[serde(flatten)]
    pub profile: TenantProfile,
    /// The settings it starts with.
    pub settings: Settings,
}

/// What a tenant's mails show: versioned, so that a retry shows what the first attempt showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantProfile {
    /// The name as people know it.
    pub name: String,
    /// Whom the mail comes from.
    pub sender: Sender,
    /// The language and region of mails to customers without one (BCP 47, for example `de-DE`).
    pub locale: String,
    /// The time zone in which dates are written (IANA, for example `Europe/Berlin`); UTC if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Where a customer can ask.
    #[serde(default)]
    pub contact: Contact,
    /// The legal line under every mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_footer: Option<String>,
    /// `https:` address of the imprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imprint_url: Option<String>,
    /// `https:` address of the privacy notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy_url: Option<String>,
    /// Looks.
    #[serde(default)]
    pub branding: Branding,
}

/// Whom mails come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The display name of `From`.
    pub name: String,
    pub address: String,
    /// Where answers go, if not to `address`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The envelope sender, where bounces go, if not `address`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounce_address: Option<String>,
}

/// Where a customer can ask.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// A mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A phone number, as people write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// An `https:` address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Looks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branding {
    /// The main colour, `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
}

fn default_relay() -> RelayName {
    RelayName::from("default")
}

impl Tenant {
    /// The beginning that every key of this tenant in the document store must have.
    #[must_use]
    pub fn object_prefix(&self) -> String {
        self.object_prefix.clone().unwrap_or_else(|| format!("{}/", self.id))
    }
}
