//! Whether a form was sent from one of our own pages.
//!
//! Another site's page can make a browser post to us, with our cookie (`SameSite=Lax` stops that in browsers that know
//! it). So every request that changes something says where it comes from, and within a session bears the session's token,
//! which no other site can read.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::config::BaseUrl;
use crate::secrets::{HmacKeys, SecretKeys};

/// The purpose of the subkey that tokens are made with.
const LABEL: &str = "invoice-dispatcher form token v1";

/// Makes and recognises the tokens of forms.
#[derive(Debug, Clone)]
pub struct FormTokens(HmacKeys);

/// The request does not come from a page of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request comes from another site")]
pub struct ForeignForm;

impl FormTokens {
    #[must_use]
    pub fn of(keys: &SecretKeys) -> Self {
        Self(keys.hmac_keys(LABEL))
    }

    /// The token of a session. It outlives a change of the session's id: a form in another tab still works.
    #[must_use]
    pub fn token(&self, session: Uuid) -> String {
        URL_SAFE_NO_PAD.encode(self.0.sign(&[session.as_bytes()]))
    }

    /// Lets a form within a session pass if it was sent from one of our pages and bears the session's token.
    ///
    /// # Errors
    /// [`ForeignForm`].
    pub fn check(&self, headers: &HeaderMap, ours: &BaseUrl, session: Uuid, token: &str) -> Result<(), ForeignForm> {
        check_origin(headers, ours)?;
        let tag = URL_SAFE_NO_PAD.decode(token).map_err(|_| ForeignForm)?;
        if self.0.verify(&[session.as_bytes()], &tag) { Ok(()) } else { Err(ForeignForm) }
    }
}

/// Lets a form pass that was sent from one of our pages: by Fetch Metadata, which a page cannot forge, or in browsers
/// without it by `Origin`. One that says neither does not pass: every browser sends one of them with a form.
///
/// # Errors
/// [`ForeignForm`].
pub fn check_origin(headers: &HeaderMap, ours: &BaseUrl) -> Result<(), ForeignForm> {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    let is_ours = match (sites.next(), sites.next()) {
        (Some(site), None) => site == "same-origin",
        (Some(_), Some(_)) => false,
        (None, _) => {
            let mut origins = headers.get_all(header::ORIGIN).iter();
            matches!((origins.next(), origins.next()), (Some(origin), None) if origin == ours.origin())
        }
    };
    if is_ours { Ok(()) } else { Err(ForeignForm) }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn ours() -> BaseUrl {
        BaseUrl::of_listener("127.0.0.1:8081".parse().expect("an address"))
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, HeaderValue::from_str(value).expect("a value"))
        };
        let mut map = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn only_our_own_pages_pass() {
        let site = |value| ("sec-fetch-site", value);
        let origin = |value| ("origin", value);
        let cases: [(&[(&str, &str)], bool); 13] = [
            (&[site("same-origin")], true),
            (&[site("same-origin"), origin("https://evil.example")], true),
            (&[site("same-site")], false),
            (&[site("cross-site")], false),
            (&[site("none")], false),
            (&[site("cross-site"), origin("http://127.0.0.1:8081")], false),
            (&[site("same-origin"), site("cross-site")], false),
            (&[origin("http://127.0.0.1:8081")], true),
            (&[origin("http://127.0.0.1:8081.evil.example")], false),
            (&[origin("http://127.0.0.1")], false),
            (&[origin("null")], false),
            (&[origin("http://127.0.0.1:8081"), origin("null")], false),
            (&[], false),
        ];
        for (pairs, passes) in cases {
            assert_eq!(check_origin(&headers(pairs), &ours()).is_ok(), passes, "{pairs:?}");
        }
    }

    #[test]
    fn a_token_is_of_one_session_and_one_installation() {
        let tokens = |hex: &str| FormTokens::of(&SecretKeys::parse(&hex.repeat(32)).expect("a key"));
        let (mine, others) = (tokens("0b"), tokens("0c"));
        let (session, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let own = headers(&[("sec-fetch-site", "same-origin")]);
        let token = mine.token(session);
        assert!(mine.check(&own, &ours(), session, &token).is_ok());
        assert!(mine.check(&headers(&[]), &ours(), session, &token).is_err(), "the token alone is not enough");
        assert!(mine.check(&own, &ours(), other, &token).is_err());
        assert!(others.check(&own, &ours(), session, &token).is_err());
        for wrong in ["", "=", &token[1..], &token.to_uppercase()] {
            assert!(mine.check(&own, &ours(), session, wrong).is_err(), "{wrong}");
        }
        let newer = SecretKeys::parse(&format!("{},{}", "0d".repeat(32), "0b".repeat(32))).expect("keys");
        assert!(FormTokens::of(&newer).check(&own, &ours(), session, &token).is_ok(), "after a change of the keys");
    }
}
