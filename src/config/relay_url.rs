//! Stands in for `RelayUrl::parse` of the relay module until that is merged.

use std::fmt;

use crate::relay::{RelayUrl, Security};

/// Why a text is no relay's URL. Never repeats the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InvalidRelayUrl(String);

impl fmt::Display for InvalidRelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Parses `smtp:`, `smtp+starttls:` and `smtps:`.
pub(super) fn parse(text: &str) -> Result<RelayUrl, InvalidRelayUrl> {
    let refuse = |problem: &str| InvalidRelayUrl(problem.to_owned());
    let url = url::Url::parse(text).map_err(|error| refuse(&format!("is not a URL: {error}")))?;
    let (security, port_default) = match url.scheme() {
        "smtp" => (Security::Plain, 25),
        "smtp+starttls" => (Security::StartTls, 587),
        "smtps" => (Security::ImplicitTls, 465),
        _ => return Err(refuse("does not begin with smtp:, smtp+starttls: or smtps:")),
    };
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| refuse("names no host"))?;
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("has something behind the host"));
    }
    let credentials = match (url.username(), url.password()) {
        ("", None) => None,
        (user, Some(password)) if !user.is_empty() => {
            let decoded =
                |text: &str| percent_decode(text).ok_or_else(|| refuse("has a user or password that is not UTF-8"));
            Some((decoded(user)?, decoded(password)?.into()))
        }
        _ => return Err(refuse("has a user without a password, or a password without a user")),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(RelayUrl { security, host, port: url.port().unwrap_or(port_default), credentials })
}

fn percent_decode(text: &str) -> Option<String> {
    // `+` and `&` mean themselves here, not what they mean in a form.
    let pair = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    let (_, value) = url::form_urlencoded::parse(pair.as_bytes()).next()?;
    (!value.contains('\u{fffd}')).then(|| value.into_owned())
}
