//! A tenant as mails and pages show it.

use serde::Serialize;

use crate::clean;
use crate::model::mail_address::MailAddress;
use crate::model::tenant::TenantProfile;

/// What people see of a tenant: texts without control characters, and addresses that are safe to link to.
#[derive(Debug, Clone, Serialize)]
pub struct TenantView {
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    /// `phone` for a `tel:` address.
    pub phone_digits: Option<String>,
    pub url: Option<String>,
    pub legal_footer: Vec<String>,
    pub imprint_url: Option<String>,
    pub privacy_url: Option<String>,
}

impl TenantView {
    /// The profile, made safe to show.
    #[must_use]
    pub fn of(tenant: &TenantProfile) -> Self {
        let address = |text: &String| MailAddress::parse(text).ok().map(|address| address.to_string());
        let phone = tenant.contact.phone.as_deref().map(clean::whole).filter(|phone| !phone.is_empty());
        // Every mail and page says where to ask: the sender's own address if nothing else is told.
        let email = [tenant.contact.email.as_ref(), tenant.sender.reply_to.as_ref(), Some(&tenant.sender.address)];
        Self {
            name: clean::whole(&tenant.name),
            email: email.into_iter().flatten().find_map(address),
            phone_digits: phone
                .as_deref()
                .map(|phone| phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()),
            phone,
            url: tenant.contact.url.as_deref().and_then(https_url),
            legal_footer: clean::lines(tenant.legal_footer.as_deref().unwrap_or_default()),
            imprint_url: tenant.imprint_url.as_deref().and_then(https_url),
            privacy_url: tenant.privacy_url.as_deref().and_then(https_url),
        }
    }
}

fn https_url(text: &str) -> Option<String> {
    web_url(text, &["https"])
}

/// The address in its normal form, percent-encoded, if it has one of these schemes, a host and no password.
pub(super) fn web_url(text: &str, schemes: &[&str]) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let plain = url.has_host() && url.username().is_empty() && url.password().is_none();
    (plain && schemes.contains(&url.scheme())).then(|| url.into())
}
