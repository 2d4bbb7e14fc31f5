//! What `doctor` asks about the customer portal: whether its URL is ours, and what settings need.

use std::collections::BTreeMap;
use std::time::Duration;

use super::check::Check;
use crate::cli::error::sentence;
use crate::cli::terminal::format::{count, relative};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::model::customer_group::CustomerGroup;
use crate::model::ids::TenantId;
use crate::model::settings::{Settings, VerificationMethod};
use crate::policy::consequences::{PolicyWarningCode, policy_warnings};
use crate::secrets::{LinkKeys, PORTAL_ANSWER_PATH, portal_answer};
use crate::store::{Store, StoreError, UndeclaredProxy};

const PORTAL_URL: &str = "PORTAL_URL";
const SMS: &str = "SMS";
/// The check of what customers can be verified by.
pub(super) const VERIFICATION: &str = "verification";
/// The check of proxies in front of the portal.
pub(super) const PROXIES: &str = "TRUSTED_PROXIES";

/// How long the portal may take to answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
/// What to do about a public proxy. It may be a visitor who wrote the headers; trusted, it would be believed in them.
const PUBLIC_PROXY: &str = "only if you run a proxy there, add its address to TRUSTED_PROXIES and start again: anybody can \
                            send a proxy's headers";
/// So many tenants are named; of more, how many they are.
const NAMED_MAX: usize = 10;

/// Whether what answers at the portal's public URL is this installation.
pub(super) async fn answers(config: &Config, keys: Option<&LinkKeys>) -> Check {
    let url = &config.portal.url;
    match fetch(&url.page(PORTAL_ANSWER_PATH)).await {
        Ok((200, body)) if keys.is_some_and(|keys| is_ours(&body, keys)) => {
            Check::ok(PORTAL_URL, format!("{url} answers, and is this installation's portal"))
        }
        Ok((200, body)) if body.starts_with(&portal_answer("")) => Check::fail(
            PORTAL_URL,
            format!(
                "{url} is the portal of an installation with other secret keys: links from here open nothing there"
            ),
            "let it lead to this installation, or give both the same SECRET_KEYS and database",
        ),
        Ok((status, _)) => Check::fail(
            PORTAL_URL,
            format!("{url} answers, but not as our portal (status {status})"),
            "let the server or proxy there pass every path of this host to PORTAL_LISTEN, with the Host header as it came",
        ),
        // Doctor also looks before anything has been started.
        Err(_) if url.is_loopback() => Check::ok(PORTAL_URL, format!("{url} does not answer now; `run` serves it")),
        Err(error) => Check::warn(
            PORTAL_URL,
            format!("{url} does not answer from here: {}", sentence(&error)),
            "start `invoice-dispatcher run`, the proxy in front of it, or correct PORTAL_URL: links in emails lead there",
        ),
    }
}

/// Status and beginning of the body.
async fn fetch(url: &str) -> anyhow::Result<(u16, String)> {
    let client =
        reqwest::Client::builder().timeout(ANSWER_DEADLINE).redirect(reqwest::redirect::Policy::none()).build()?;
    // The URL stands in the sentence already.
    let mut response = client.get(url).send().await.map_err(reqwest::Error::without_url)?;
    let status = response.status().as_u16();
    let first = response.chunk().await.map_err(reqwest::Error::without_url)?.unwrap_or_default();
    Ok((status, String::from_utf8_lossy(&first[..first.len().min(200)]).into_owned()))
}

fn is_ours(body: &str, keys: &LinkKeys) -> bool {
    keys.fingerprints().any(|fingerprint| body.trim() == portal_answer(fingerprint))
}

/// Whether an SMS provider is there for the tenants whose settings name it, and whom no method can verify.
pub(super) async fn verification(store: &Store, config: &Config) -> Result<Vec<Check>, StoreError> {
    let settings = store.all_settings().await?;
    let mut groups = store.all_customer_groups().await?;
    let verification = config.sms.verification();
    let mut without: Vec<(&TenantId, i64)> = Vec::new();
    for (tenant, settings) in &settings {
        let customers: Vec<CustomerGroup> = groups.remove(tenant).unwrap_or_default();
        let warnings = policy_warnings(*settings, &customers, &verification);
        let unverifiable = warnings.iter().find(|warning| warning.code == PolicyWarningCode::NoVerificationMethod);
        without.extend(unverifiable.map(|warning| (tenant, warning.customers)));
    }
    without.sort_by_key(|(_, customers)| std::cmp::Reverse(*customers));
    let mut checks = vec![sms(config, &settings)];
    if without.is_empty() {
        checks.push(Check::ok(VERIFICATION, "every customer who would get a link can be verified as the settings ask"));
    }
    for (tenant, customers) in without.iter().take(NAMED_MAX) {
        let customers = count(usize::try_from(*customers).unwrap_or_default(), "customer");
        checks.push(Check::warn(
            VERIFICATION,
            format!("tenant {tenant}: no method can verify {customers} who would get a link; their invoices become dead letters"),
            "complete these customers' records, or change the tenant's settings (`settings get` shows them)",
        ));
    }
    if without.len() > NAMED_MAX {
        let others = count(without.len() - NAMED_MAX, "other tenant");
        checks.push(Check::warn(
            VERIFICATION,
            format!("the same of {others}"),
            "look at `settings get` of each tenant",
        ));
    }
    Ok(checks)
}

fn sms(config: &Config, settings: &BTreeMap<TenantId, Settings>) -> Check {
    let named = |settings: &Settings| {
        let portal = settings.portal_authentication;
        let method = Some(VerificationMethod::SmsOtp);
        portal.level.verifies() && (portal.primary == method || portal.secondary == method)
    };
    let tenants: Vec<&str> =
        settings.iter().filter(|(_, settings)| named(settings)).map(|(tenant, _)| tenant.as_str()).collect();
    if tenants.is_empty() {
        return Check::ok(SMS, "no tenant's settings need it");
    }
    let whose = count(tenants.len(), "tenant");
    if config.sms.url.is_some() {
        return Check::ok(SMS, format!("a provider is configured; the settings of {whose} name it"));
    }
    let shown = tenants.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
    let more = if tenants.len() > NAMED_MAX { ", …" } else { "" };
    Check::warn(
        SMS,
        format!("no provider is configured, and the settings of {whose} name it ({shown}{more})"),
        "set SMS_URL, or change these tenants' settings",
    )
}

/// Proxies that pass requests on and are not believed: all visitors behind one look like one.
pub(super) async fn proxies(store: &Store) -> Result<Vec<Check>, StoreError> {
    let seen = store.undeclared_proxies().await?;
    let (own, public): (Vec<_>, Vec<_>) = seen.into_iter().partition(|(proxy, _)| proxy.is_own());
    let addresses = own.iter().map(|(proxy, _)| proxy.to_string()).collect::<Vec<_>>().join(",");
    let of_own = format!("if you run them, add {addresses} to TRUSTED_PROXIES and start again");
    let both = [(own, of_own), (public, PUBLIC_PROXY.to_owned())];
    let told = both.into_iter().filter(|(seen, _)| !seen.is_empty()).map(|(seen, what_to_do)| {
        let named = |(proxy, at): &(UndeclaredProxy, Timestamp)| format!("{proxy} ({})", relative(*at, store.now()));
        let named = seen.iter().map(named).collect::<Vec<_>>().join(", ");
        let detail = format!(
            "requests to the portal had been forwarded by {named}, which TRUSTED_PROXIES does not name: all visitors \
             behind one proxy share its limits and locks"
        );
        Check::warn(PROXIES, detail, what_to_do)
    });
    Ok(told.collect())
}
