//! URLs of servers we talk to (with secrets) and of pages that people open (without).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::fault::Wrong;
use super::source::Raw;
use super::value::text;

/// A server's URL with its credentials. Shows itself without them.
#[derive(Clone)]
pub struct SecretUrl {
    secret: SecretString,
    shown: String,
}

impl SecretUrl {
    /// The URL of the SQLite database in `file`.
    #[must_use]
    pub fn of_sqlite(file: &Path) -> Self {
        // What would end the path, or be decoded, in a URL.
        let path = file.display().to_string().replace('%', "%25").replace('?', "%3F");
        let shown = format!("sqlite://{path}");
        Self { secret: shown.clone().into(), shown }
    }

    /// The whole URL, for the library that connects; never for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// The scheme: what kind of server it is.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.expose().split(':').next().unwrap_or_default()
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// `sqlite:` with a file, or `postgres:`.
pub(super) fn database_url(raw: &Raw) -> Result<SecretUrl, Wrong> {
    const EXAMPLE: &str = "postgres://user:password@host/database?sslmode=verify-full, or sqlite://data/dispatcher.db";
    let written = text(raw)?;
    if let Some(file) = written.strip_prefix("sqlite:") {
        return if file.trim_start_matches('/').is_empty() {
            Err(Wrong::new("names no file", format!("write {EXAMPLE}")))
        } else {
            Ok(SecretUrl { shown: written.split('?').next().unwrap_or_default().to_owned(), secret: written.into() })
        };
    }
    server_url(&written, &["postgres", "postgresql"], EXAMPLE, ShownAs::WithPath)
}

/// `amqp:` or `amqps:`.
pub(super) fn amqp_url(raw: &Raw) -> Result<SecretUrl, Wrong> {
    const EXAMPLE: &str = "amqps://user:password@host/%2f";
    let written = text(raw)?;
    let url = server_url(&written, &["amqp", "amqps"], EXAMPLE, ShownAs::WithPath)?;
    if url.shown.ends_with('/') {
        return Err(Wrong::new(
            "ends with /, which names the virtual host without a name",
            "end it with /%2f for the default virtual host, or with the name of another",
        ));
    }
    Ok(url)
}

/// `https:`; `http:` on loopback only.
pub(super) fn provider_url(raw: &Raw) -> Result<SecretUrl, Wrong> {
    const EXAMPLE: &str = "https://user:password@provider.example/path";
    let written = text(raw)?;
    let url = server_url(&written, &["https", "http"], EXAMPLE, ShownAs::HostOnly)?;
    let parsed = Url::parse(&written).expect("server_url has parsed it");
    if parsed.scheme() == "http" && !parsed.host_str().is_some_and(is_loopback_host) {
        return Err(Wrong::new("would send its credentials unprotected", "use https:"));
    }
    Ok(url)
}

/// Host and password of a server's URL, if `text` is one with a password.
pub(super) fn password_of(text: &str) -> Option<(String, String)> {
    let url = Url::parse(text.trim()).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty())?.to_owned();
    // PostgreSQL takes it in the query, too.
    let in_query = || url.query_pairs().find(|(name, _)| name == "password").map(|(_, value)| value.into_owned());
    let password = url.password().map(percent_decoded).or_else(in_query)?;
    Some((host, password))
}

fn percent_decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[derive(Clone, Copy, PartialEq)]
enum ShownAs {
    WithPath,
    HostOnly,
}

fn server_url(written: &str, schemes: &[&str], example: &str, shown: ShownAs) -> Result<SecretUrl, Wrong> {
    let remedy = || format!("write {example}; special characters in user and password percent-encoded (@ is %40)");
    let url = Url::parse(written).map_err(|error| Wrong::new(format!("is not a URL: {error}"), remedy()))?;
    if !schemes.contains(&url.scheme()) {
        return Err(Wrong::new(format!("does not begin with {}:", schemes.join(": or ")), remedy()));
    }
    // An @ behind the host: a / or ? or # in the password ended the host too early, and the rest is the password.
    let astray = url.path().contains('@') || url.query().is_some_and(|query| query.contains('@'));
    if astray || url.fragment().is_some() {
        return Err(Wrong::new("has a special character in its user or password", remedy()));
    }
    // PostgreSQL over a local socket names no host.
    if url.host_str().is_none_or(str::is_empty) && !url.scheme().starts_with("postgres") {
        return Err(Wrong::new("names no host", remedy()));
    }
    let user = if url.username().is_empty() && url.password().is_none() { "" } else { "***@" };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = if shown == ShownAs::WithPath { url.path() } else { "" };
    let shown = format!("{}://{user}{}{port}{path}", url.scheme(), url.host_str().unwrap_or_default());
    Ok(SecretUrl { secret: written.into(), shown })
}

/// Where people reach our pages: `https://portal.example`, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    host: String,
}

impl BaseUrl {
    /// The URL of a listener on this machine.
    #[must_use]
    pub fn of_listener(address: SocketAddr) -> Self {
        Self { text: format!("http://{address}"), host: address.ip().to_string() }
    }

    /// The URL, without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port: what browsers send as `Origin` ([RFC 6454 §6.2]).
    ///
    /// [RFC 6454 §6.2]: https://www.rfc-editor.org/rfc/rfc6454#section-6.2
    #[must_use]
    pub fn origin(&self) -> &str {
        let host = self.text.find("://").map_or(0, |at| at + 3);
        let end = self.text[host..].find('/').map_or(self.text.len(), |at| host + at);
        &self.text[..end]
    }

    /// Whether browsers reach it by TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// The URL of a page; `path` begins with a slash.
    #[must_use]
    pub fn page(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// The host, without port; an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether only this machine can open it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback_host(&self.host)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `https:`; `http:` on loopback only. No user, query or fragment.
pub(super) fn base_url(raw: &Raw) -> Result<BaseUrl, Wrong> {
    let remedy = "write it as https://portal.example";
    let url = Url::parse(&text(raw)?).map_err(|error| Wrong::new(format!("is not a URL: {error}"), remedy))?;
    let host = match url.host() {
        Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        _ => return Err(Wrong::new("names no host", remedy)),
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback_host(&host) => {}
        "http" => return Err(Wrong::new("is not protected: whoever listens could open the documents", "use https:")),
        _ => return Err(Wrong::new("is no web address", remedy)),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(Wrong::new("has a user, a query or a fragment", remedy));
    }
    Ok(BaseUrl { text: url.as_str().trim_end_matches('/').to_owned(), host })
}

/// A [`base_url`] whose host has nothing else: the portal's forms, redirects and cookies hold for all of it.
pub(super) fn site_url(raw: &Raw) -> Result<BaseUrl, Wrong> {
    let url = base_url(raw)?;
    if Url::parse(&url.text).is_ok_and(|parsed| parsed.path() != "/") {
        return Err(Wrong::new("has a path", "give the portal a host of its own, such as https://portal.example"));
    }
    Ok(url)
}

/// Whether `host` is this machine by every resolver: `localhost` or a loopback address.
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Raw {
        Raw::Text(text.to_owned())
    }

    #[test]
    fn a_servers_url_shows_itself_without_credentials() {
        let cases = [
            (
                database_url(&raw("postgres://dora:hunter2@db.example:5433/bills?password=hunter2")),
                "postgres://***@db.example:5433/bills",
            ),
            (database_url(&raw("sqlite://data/dispatcher.db?mode=rwc")), "sqlite://data/dispatcher.db"),
            (amqp_url(&raw("amqps://dora:hunter2@mq.example/%2f")), "amqps://***@mq.example/%2f"),
            (amqp_url(&raw("amqp://127.0.0.1:5673")), "amqp://127.0.0.1:5673"),
            (provider_url(&raw("https://sms.example/hunter2?key=hunter2")), "https://sms.example"),
        ];
        for (url, shown) in cases {
            let url = url.unwrap_or_else(|wrong| panic!("{shown}: {}", wrong.problem));
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
    }

    #[test]
    fn a_fault_never_repeats_a_password() {
        let refused = [
            database_url(&raw("postgres://dora:hunter2/x@db.example/bills")),
            database_url(&raw("postgres://dora:12/hunter2@db.example/bills")),
            database_url(&raw("postgres://dora:12?hunter2@db.example/bills")),
            database_url(&raw("postgres://dora:12#hunter2@db.example/bills")),
            database_url(&raw("mysql://dora:hunter2@db.example/bills")),
            database_url(&raw("sqlite://")),
            amqp_url(&raw("amqp://dora:hunter2@mq.example/")),
            amqp_url(&raw("amqp:hunter2")),
            provider_url(&raw("http://dora:hunter2@sms.example/")),
        ];
        for (index, url) in refused.into_iter().enumerate() {
            let wrong = url.expect_err(&format!("case {index}"));
            assert!(!format!("{wrong:?}").contains("hunter2"), "case {index}: {wrong:?}");
        }
    }

    #[test]
    fn a_password_is_found_wherever_a_url_has_it() {
        let found = |text: &str| password_of(text).map(|(host, password)| format!("{host} {password}"));
        let cases = [
            ("smtps://dora:p%40+w=&x@mail.example", Some("mail.example p@+w=&x")),
            ("postgres://dora@db.example/bills?sslmode=require&password=pw", Some("db.example pw")),
            ("amqp://mq.example/%2f", None),
            ("postgres:///bills?password=pw", None),
            ("no URL", None),
        ];
        for (text, expected) in cases {
            assert_eq!(found(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_page_is_protected_or_on_this_machine() {
        let url = base_url(&raw("https://portal.example/")).expect("a base URL");
        assert_eq!((url.as_str(), url.host(), url.is_loopback()), ("https://portal.example", "portal.example", false));
        assert_eq!(url.page("/i/token"), "https://portal.example/i/token");
        assert_eq!((url.origin(), url.is_https()), ("https://portal.example", true));
        let other = base_url(&raw("http://127.0.0.1:8081/invoices/")).expect("a base URL");
        assert_eq!((other.origin(), other.is_https()), ("http://127.0.0.1:8081", false));
        assert!(base_url(&raw("http://[::1]:8081")).expect("a base URL").is_loopback());
        let refused = [
            "http://portal.example",
            "ftp://portal.example",
            "portal.example",
            "https://",
            "https://a@b.example",
            "https://b.example/?q",
        ];
        for written in refused {
            assert!(base_url(&raw(written)).is_err(), "{written}");
        }
    }

    #[test]
    fn only_names_that_always_mean_this_machine_are_loopback() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in ["mail.example", "localhost.example", "0.0.0.0", "10.0.0.1", "127.0.0.1.example"] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }
}
