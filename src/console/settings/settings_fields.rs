//! What the forms and addresses of the settings page hold.

use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::model::customer::CustomerType;
use crate::model::ids::TenantId;
use crate::model::settings::{PortalAuthentication, Settings, VerificationMethod};

/// Every field of them; what one of them has not is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct SettingsFields {
    pub(super) tenant: String,
    /// What is chosen; nothing of it where the page is only opened.
    level: String,
    primary: String,
    secondary: String,
    attachments: String,
    /// The version that was read.
    version: String,
    /// The version to restore.
    pub(super) restore: String,
    pub(super) reason: String,
    /// To whom a sample goes.
    customer: String,
    /// How far the visitor of a sample has come.
    pub(super) step: String,
    /// Where a list of tenants goes on.
    pub(super) after: String,
}

impl SettingsFields {
    /// What is chosen; what is not, or is nothing that can be chosen, stays as it is `saved`.
    pub(super) fn draft(&self, saved: Settings) -> Settings {
        let chosen = saved.portal_authentication;
        let portal_authentication = match self.level.parse() {
            Ok(level) => PortalAuthentication {
                level,
                primary: self.primary.parse().ok(),
                secondary: self.secondary.parse().ok(),
            },
            Err(_) => chosen,
        };
        Settings {
            sensitive_attachments: self.attachments.parse().unwrap_or(saved.sensitive_attachments),
            portal_authentication,
        }
    }

    pub(super) fn version(&self) -> Option<i64> {
        self.version.parse().ok()
    }

    /// A private customer, unless another is asked for: what they get is the more guarded.
    pub(super) fn customer_type(&self) -> CustomerType {
        self.customer.parse().unwrap_or(CustomerType::Private)
    }
}

/// The fields of a choice, as a form holds them.
pub(super) fn choice_fields(tenant: &TenantId, draft: Settings) -> [(&'static str, String); 5] {
    let chosen = draft.portal_authentication;
    let method = |method: Option<VerificationMethod>| method.map_or("", |method| method.into_str()).to_owned();
    [
        ("tenant", tenant.to_string()),
        ("level", chosen.level.to_string()),
        ("primary", method(chosen.primary)),
        ("secondary", method(chosen.secondary)),
        ("attachments", draft.sensitive_attachments.to_string()),
    ]
}

/// The same as a query.
pub(super) fn choice_query(tenant: &TenantId, draft: Settings) -> String {
    Serializer::new(String::new()).extend_pairs(choice_fields(tenant, draft)).finish()
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;
    use crate::model::settings::{PortalLevel, SensitiveAttachments};

    fn read(query: &str) -> SettingsFields {
        serde_json::from_value(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()).expect("texts")
    }

    #[test]
    fn a_choice_comes_back_as_it_was_made() {
        let saved = Settings {
            sensitive_attachments: SensitiveAttachments::Include,
            portal_authentication: PortalAuthentication {
                level: PortalLevel::Inaccessible,
                primary: Some(VerificationMethod::SmsOtp),
                secondary: None,
            },
        };
        let tenant = TenantId::from("a&b=ü");
        for level in PortalLevel::VARIANTS {
            for sensitive_attachments in SensitiveAttachments::VARIANTS {
                for primary in [None, Some(VerificationMethod::PostcodeHouseNumber)] {
                    let portal_authentication = PortalAuthentication { level: *level, primary, secondary: None };
                    let draft = Settings { sensitive_attachments: *sensitive_attachments, portal_authentication };
                    let fields = read(&choice_query(&tenant, draft));
                    assert_eq!((fields.draft(saved), fields.tenant.as_str()), (draft, tenant.as_str()));
                }
            }
        }
    }

    #[test]
    fn what_nobody_can_choose_changes_nothing() {
        let saved = Settings {
            sensitive_attachments: SensitiveAttachments::Exclude,
            portal_authentication: PortalAuthentication {
                level: PortalLevel::Sensitive,
                primary: Some(VerificationMethod::SmsOtp),
                secondary: None,
            },
        };
        for query in ["tenant=acme", "level=none&primary=x&attachments=all", "level=&primary=&secondary=&version=x"] {
            let fields = read(query);
            assert_eq!((fields.draft(saved), fields.version()), (saved, None), "{query}");
        }
    }
}
