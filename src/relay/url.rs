//! The address of a relay: `smtp://`, `smtp+starttls://` or `smtps://`.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

use super::{RelayUrl, Security, address};

/// Why a text is not the address of a relay. Never shows the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRelayUrl {
    #[error("is not a URL like smtps://user:password@relay.example (percent-encode /, ? and # in user and password)")]
    NotAUrl,
    /// Another scheme.
    #[error("must begin with smtp://, smtp+starttls:// or smtps://")]
    Scheme,
    /// No host, or one that no resolver takes.
    #[error("needs a host name (in its ASCII form) or an IP address")]
    Host,
    /// Port 0.
    #[error("must not name port 0")]
    Port,
    /// A path, query or fragment.
    #[error("must end after host and port; smtp:// alone may add ?tls=none")]
    Rest,
    /// A user without a password, or a password without a user.
    #[error("must name both user and password, or neither")]
    Credentials,
    /// A broken percent-encoding, or control characters.
    #[error("has a user or password that is not percent-encoded text")]
    Encoding,
    /// No TLS to another machine.
    #[error(
        "must use smtps:// or smtp+starttls://, since smtp:// has no TLS and is for loopback only (within a private \
         network, without a password: add ?tls=none)"
    )]
    PlainNotLoopback,
    /// No TLS to an address that is not private.
    #[error("must use smtps:// or smtp+starttls://, since ?tls=none is for private addresses only")]
    PlainNotPrivate,
    /// A password without TLS.
    #[error("must not name user and password with ?tls=none: whoever listens could read them")]
    PlainCredentials,
}

impl RelayUrl {
    /// The relay that `text` names. Ports are 25, 587 and 465 unless given.
    ///
    /// # Errors
    /// [`InvalidRelayUrl`], which fits "`SMTP_URL` …" and never shows the password.
    pub fn parse(text: &str) -> Result<Self, InvalidRelayUrl> {
        let url = url::Url::parse(text.trim()).map_err(|problem| match problem {
            url::ParseError::EmptyHost | url::ParseError::IdnaError => InvalidRelayUrl::Host,
            _ => InvalidRelayUrl::NotAUrl,
        })?;
        let (security, default_port) = match url.scheme() {
            "smtp" if url.query() == Some("tls=none") => (Security::PrivatePlain, 25),
            "smtp" => (Security::Plain, 25),
            "smtp+starttls" => (Security::StartTls, 587),
            "smtps" => (Security::ImplicitTls, 465),
            _ => return Err(InvalidRelayUrl::Scheme),
        };
        let host = host(&url)?;
        let has_query = url.query().is_some() && security != Security::PrivatePlain;
        if !matches!(url.path(), "" | "/") || has_query || url.fragment().is_some() {
            return Err(InvalidRelayUrl::Rest);
        }
        if security == Security::Plain && !is_loopback(&host) {
            return Err(InvalidRelayUrl::PlainNotLoopback);
        }
        // A name is looked up, and its address judged, whenever a connection is made.
        if host.parse().is_ok_and(|address| !address::is_allowed(security, address)) {
            return Err(InvalidRelayUrl::PlainNotPrivate);
        }
        let port = url.port().unwrap_or(default_port);
        if port == 0 {
            return Err(InvalidRelayUrl::Port);
        }
        let credentials = credentials(&url)?;
        if security == Security::PrivatePlain && credentials.is_some() {
            return Err(InvalidRelayUrl::PlainCredentials);
        }
        Ok(Self { security, host, port, credentials })
    }
}

fn host(url: &url::Url) -> Result<String, InvalidRelayUrl> {
    match url.host().ok_or(InvalidRelayUrl::Host)? {
        url::Host::Ipv6(address) => Ok(address.to_string()),
        url::Host::Ipv4(address) => Ok(address.to_string()),
        url::Host::Domain(name) => {
            let usable = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
            if usable && !name.is_empty() { Ok(name.to_ascii_lowercase()) } else { Err(InvalidRelayUrl::Host) }
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn credentials(url: &url::Url) -> Result<Option<(String, SecretString)>, InvalidRelayUrl> {
    let user = percent_decoded(url.username())?;
    let password = percent_decoded(url.password().unwrap_or_default())?;
    match (user.is_empty(), password.is_empty()) {
        (true, true) => Ok(None),
        (false, false) => Ok(Some((user, SecretString::from(password)))),
        _ => Err(InvalidRelayUrl::Credentials),
    }
}

/// `text` with each `%XX` turned into its byte ([RFC 3986 §2.1](https://www.rfc-editor.org/rfc/rfc3986#section-2.1)).
fn percent_decoded(text: &str) -> Result<String, InvalidRelayUrl> {
    let is_escape =
        |after: &str| after.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if !text.split('%').skip(1).all(is_escape) {
        return Err(InvalidRelayUrl::Encoding);
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| InvalidRelayUrl::Encoding)?.into_owned();
    // RFC 4616 §2: NUL separates the fields of AUTH PLAIN.
    if decoded.contains(char::is_control) { Err(InvalidRelayUrl::Encoding) } else { Ok(decoded) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    fn parsed(text: &str) -> (Security, String, u16, Option<(String, String)>) {
        let url = RelayUrl::parse(text).expect(text);
        let credentials = url.credentials.map(|(user, password)| (user, password.expose_secret().to_owned()));
        (url.security, url.host, url.port, credentials)
    }

    #[test]
    fn what_an_address_says() {
        let with = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        let table = [
            ("smtp://localhost", Security::Plain, "localhost", 25, None),
            ("smtp://127.0.0.1:2525/", Security::Plain, "127.0.0.1", 2525, None),
            ("smtp://127.8.9.10", Security::Plain, "127.8.9.10", 25, None),
            ("smtp://[::1]:2525", Security::Plain, "::1", 2525, None),
            ("smtp+starttls://Relay.example", Security::StartTls, "relay.example", 587, None),
            ("smtps://relay.example", Security::ImplicitTls, "relay.example", 465, None),
            ("smtps://u:p@relay.example:4650", Security::ImplicitTls, "relay.example", 4650, with("u", "p")),
            (
                "smtps://bill%40acme.example:a%2Fb%3a%25+c@10.0.0.1",
                Security::ImplicitTls,
                "10.0.0.1",
                465,
                with("bill@acme.example", "a/b:%+c"),
            ),
            ("smtp://mailpit:1025?tls=none", Security::PrivatePlain, "mailpit", 1025, None),
            ("smtp://10.0.0.1/?tls=none", Security::PrivatePlain, "10.0.0.1", 25, None),
            ("smtp://[fd00::1]?tls=none", Security::PrivatePlain, "fd00::1", 25, None),
            ("smtp://localhost?tls=none", Security::PrivatePlain, "localhost", 25, None),
            ("smtps://u:sch%C3%B6n@relay.example", Security::ImplicitTls, "relay.example", 465, with("u", "schön")),
        ];
        for (text, security, host, port, credentials) in table {
            assert_eq!(parsed(text), (security, host.to_owned(), port, credentials), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_and_why() {
        let table = [
            ("relay.example", InvalidRelayUrl::NotAUrl),
            ("", InvalidRelayUrl::NotAUrl),
            ("smtps://relay.example:99999", InvalidRelayUrl::NotAUrl),
            ("smtps://relay.example:0", InvalidRelayUrl::Port),
            ("http://relay.example", InvalidRelayUrl::Scheme),
            ("smtps://", InvalidRelayUrl::Host),
            ("smtps:relay.example", InvalidRelayUrl::Host),
            ("smtps://käufer.example", InvalidRelayUrl::Host),
            ("smtps://u:hunter2/x@relay.example", InvalidRelayUrl::NotAUrl),
            ("smtps://u:hunter2#x@relay.example", InvalidRelayUrl::NotAUrl),
            ("smtps://relay.example/inbox", InvalidRelayUrl::Rest),
            ("smtps://relay.example?tls=no", InvalidRelayUrl::Rest),
            ("smtps://u@relay.example", InvalidRelayUrl::Credentials),
            ("smtps://:hunter2@relay.example", InvalidRelayUrl::Credentials),
            ("smtps://u:%zz@relay.example", InvalidRelayUrl::Encoding),
            ("smtps://u:a%00b@relay.example", InvalidRelayUrl::Encoding),
            ("smtps://u:%ff@relay.example", InvalidRelayUrl::Encoding),
            ("smtp://relay.example", InvalidRelayUrl::PlainNotLoopback),
            ("smtp://10.0.0.1", InvalidRelayUrl::PlainNotLoopback),
            ("smtp://localhost.evil.example", InvalidRelayUrl::PlainNotLoopback),
            ("smtp://relay.example?tls=no", InvalidRelayUrl::Rest),
            ("smtp://relay.example?tls=none&tls=none", InvalidRelayUrl::Rest),
            ("smtp://relay.example?tls=none#x", InvalidRelayUrl::Rest),
            ("smtps://relay.example?tls=none", InvalidRelayUrl::Rest),
            ("smtp+starttls://relay.example?tls=none", InvalidRelayUrl::Rest),
            ("smtp://8.8.8.8?tls=none", InvalidRelayUrl::PlainNotPrivate),
            ("smtp://[2001:db8::1]?tls=none", InvalidRelayUrl::PlainNotPrivate),
            ("smtp://u:hunter2@mailpit?tls=none", InvalidRelayUrl::PlainCredentials),
            ("smtp://u:hunter2@127.0.0.1?tls=none", InvalidRelayUrl::PlainCredentials),
        ];
        for (text, problem) in table {
            assert_eq!(RelayUrl::parse(text).map(|url| format!("{url:?}")), Err(problem), "{text}");
            assert!(!problem.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn an_address_shows_itself_without_its_credentials() {
        let shown = format!("{:?}", RelayUrl::parse("smtps://bill:hunter2@[2001:db8::1]").unwrap());
        assert_eq!(shown, "smtps://***@[2001:db8::1]:465");
        let shown = format!("{:?}", RelayUrl::parse("smtp://mailpit:1025?tls=none").unwrap());
        assert_eq!(shown, "smtp://mailpit:1025?tls=none");
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(text in "(smtp|smtps|smtp\\+starttls)?(://)?\\PC{0,60}") {
            let _ = RelayUrl::parse(&text);
        }

        #[test]
        fn any_password_survives_percent_encoding(password in "[^\\pC]{1,40}") {
            use std::fmt::Write as _;
            let encoded = password.bytes().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "%{byte:02X}");
                text
            });
            let (.., credentials) = parsed(&format!("smtps://u:{encoded}@relay.example"));
            prop_assert_eq!(credentials, Some(("u".to_owned(), password)));
        }
    }
}
