//! Settings → Customer portal: what is chosen, what follows from it, and what was chosen before.

use crate::clock::Timestamp;
use crate::model::customer::CustomerType;
use crate::model::settings::{InvalidSettings, Settings, VerificationMethod};
use crate::model::state::Decision;
use crate::policy::decision::PortalAccess;

use super::TenantName;

pub struct PortalSettingsPage<'a> {
    pub tenant: &'a TenantName,
    /// Those that can be chosen.
    pub tenants: &'a [TenantName],
    /// What holds now, and its version.
    pub saved: Settings,
    pub version: i64,
    /// What stands in the form: `saved`, or what was chosen and not saved.
    pub draft: Settings,
    /// What follows from `draft`; none where that is no valid choice.
    pub foreseen: Option<&'a ForeseenSettings>,
    pub problem: Option<SettingsProblem>,
    pub reason: &'a str,
    /// Whether text messages can be sent at all.
    pub has_sms_provider: bool,
    /// The newest first.
    pub versions: &'a [SettingsVersionRow],
    /// Paths of the mail and of the portal page as customers would see them.
    pub mail_preview: Option<&'a str>,
    pub portal_preview: Option<&'a str>,
    /// The signed-in person's own address: a test goes there.
    pub test_address: Option<&'a str>,
}

/// Why the settings were not saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsProblem {
    Invalid(InvalidSettings),
    ReasonMissing,
    /// Somebody else has changed them meanwhile.
    ChangedMeanwhile,
}

pub struct ForeseenSettings {
    pub consequences: Vec<ConsequenceRow>,
    pub customers: u64,
    /// Customers that must be verified and whom no chosen method can.
    pub unverifiable: u64,
    pub warnings: Vec<SettingsWarning>,
    pub what_if: Option<WhatIf>,
}

/// What one kind of customer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsequenceRow {
    /// None: the type is unknown.
    pub customer_type: Option<CustomerType>,
    pub mail: Decision,
    pub access: PortalAccess,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsWarning {
    /// Documents leave by mail although the portal hides or gates them.
    AttachedThoughGated,
    /// `exclude` and `inaccessible`: the documents can be reached nowhere.
    DocumentsNowhere,
    /// The link alone opens the documents.
    NotRequired,
    /// A chosen method that so many customers cannot use.
    MethodUnusable { method: VerificationMethod, customers: u64 },
    NoSmsProvider,
}

/// What the draft would have changed, of the tenant's newest deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhatIf {
    pub deliveries: u64,
    pub days: u32,
    /// With documents, and now with a link.
    pub to_link: u64,
    /// With a link, and now with documents.
    pub to_attach: u64,
    /// Not at all: no method would verify the customer.
    pub not_sent: u64,
    /// With a link as before, but the portal would ask more, or less.
    pub stricter: u64,
    pub looser: u64,
}

pub struct SettingsVersionRow {
    pub version: i64,
    pub settings: Settings,
    pub at: Timestamp,
    pub by: Option<String>,
    pub reason: Option<String>,
}
