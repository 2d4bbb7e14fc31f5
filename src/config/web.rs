//! `[portal]`, `[console]`, `[metrics]`, `[http]`: what we serve, and whom we believe.

use std::net::SocketAddr;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use strum::VariantArray as _;

use super::address::{BaseUrl, base_url, site_url};
use super::fault::Wrong;
use super::reader::{ConfigReader, Key, key};
use super::source::Raw;
use super::value;
use crate::model::access::Role;

/// The customers' pages.
#[derive(Debug, Clone)]
pub struct PortalConfig {
    /// Where customers reach them; links in mails begin with it.
    pub url: BaseUrl,
    /// Where this process serves them.
    pub listen: SocketAddr,
}

/// The key of the portal's URL.
pub(super) const PORTAL_URL: Key<'static> = key("portal.url").variable("PORTAL_URL");

impl PortalConfig {
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        Self {
            url: reader.value(PORTAL_URL, "http://127.0.0.1:8081", site_url),
            listen: reader.value(key("portal.listen").variable("PORTAL_LISTEN"), "127.0.0.1:8081", value::listen),
        }
    }
}

/// The API, and the pages of those who run the dispatcher.
#[derive(Debug, Clone)]
pub struct ConsoleConfig {
    /// Where they are reached.
    pub url: BaseUrl,
    /// Where this process serves them.
    pub listen: SocketAddr,
    /// A token of role `admin`, beside those of the database: the way in before there are any.
    pub api_token: Option<SecretString>,
    /// Roles that must sign in with an authenticator app, too.
    pub totp_roles: Vec<Role>,
    /// Further names in `Host` that are answered, beside the URL's own and loopback's.
    pub hosts: Vec<String>,
}

/// The key of the console's URL.
pub(super) const CONSOLE_URL: Key<'static> = key("console.url").variable("CONSOLE_URL");
/// The key of the API's token.
pub(super) const API_TOKEN: Key<'static> = key("console.api_token").variable("API_TOKEN");

impl ConsoleConfig {
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        Self {
            url: reader.value(CONSOLE_URL, "http://127.0.0.1:8080", base_url),
            listen: reader.value(key("console.listen").variable("CONSOLE_LISTEN"), "127.0.0.1:8080", value::listen),
            api_token: reader.optional(API_TOKEN, api_token),
            totp_roles: reader.value(
                key("console.totp_roles"),
                "support,operations,admin,tenant_admin",
                value::list(person_role),
            ),
            hosts: reader.value(key("console.hosts"), "", value::list(value::host)),
        }
    }
}

/// A role of people.
fn person_role(raw: &Raw) -> Result<Role, Wrong> {
    let written = value::text(raw)?;
    written.parse().ok().filter(|role: &Role| role.is_for_people()).ok_or_else(|| {
        let roles: Vec<&str> = Role::VARIANTS.iter().filter(|role| role.is_for_people()).map(Into::into).collect();
        Wrong::new(format!("holds {written:?}"), format!("choose among: {}", roles.join(", ")))
    })
}

/// Long enough not to be guessed, and fit for a header ([RFC 6750 §2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)).
fn api_token(raw: &Raw) -> Result<SecretString, Wrong> {
    const LENGTH_MIN: usize = 24;
    let remedy = "make one with: openssl rand -hex 32";
    let token = value::secret(raw)?;
    let is_token = |c: u8| c.is_ascii_alphanumeric() || b"-._~+/=".contains(&c);
    if token.expose_secret().len() < LENGTH_MIN {
        return Err(Wrong::new(format!("has fewer than {LENGTH_MIN} characters"), remedy));
    }
    if !token.expose_secret().bytes().all(is_token) {
        return Err(Wrong::new("has characters that no bearer token may have", remedy));
    }
    Ok(token)
}

/// Metrics and probes.
#[derive(Debug, Clone)]
pub struct MetricsConfig {
    /// Where this process serves them.
    pub listen: SocketAddr,
}

impl MetricsConfig {
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        Self { listen: reader.value(key("metrics.listen").variable("METRICS_LISTEN"), "127.0.0.1:9464", value::listen) }
    }
}

/// What all listeners share.
#[derive(Debug, Clone)]
pub struct Http {
    /// Proxies whose forwarded headers shall be believed. Nothing looks at forwarded headers yet.
    pub trusted_proxies: Vec<IpNet>,
}

impl Http {
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        let trusted_proxies = key("http.trusted_proxies").variable("TRUSTED_PROXIES");
        Self { trusted_proxies: reader.value(trusted_proxies, "", value::list(value::network)) }
    }
}
