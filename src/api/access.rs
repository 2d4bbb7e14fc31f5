//! Who may ask: clients with the API token; without one, only this machine.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

use super::refusal::ApiRefusal;
use super::refused_tokens::RefusedTokens;
use crate::model::access::Principal;

/// Whom the API answers.
#[derive(Debug, Clone)]
pub(super) enum Access {
    /// No token is configured, and only this machine can reach the listener.
    ThisMachine,
    /// Clients that show the token.
    Token(Arc<TokenTag>),
    /// No client: others can reach the listener, and there is no token to tell them apart.
    NoClient,
}

/// Recognises a token without keeping it.
///
/// What is compared are two HMACs, in constant time: neither the token's length nor how much of a guess is right can
/// be measured. The key need not be secret for that.
#[derive(Debug)]
pub(super) struct TokenTag {
    key: hmac::Key,
    tag: hmac::Tag,
}

impl TokenTag {
    fn of(token: &SecretString) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"invoice-dispatcher API token");
        let tag = hmac::sign(&key, token.expose_secret().as_bytes());
        Self { key, tag }
    }

    fn recognises(&self, token: &str) -> bool {
        hmac::verify(&self.key, token.as_bytes(), self.tag.as_ref()).is_ok()
    }
}

impl Access {
    /// The access to a listener at `listen`.
    pub(super) fn new(token: Option<&SecretString>, listen: SocketAddr) -> Self {
        match token {
            Some(token) => Self::Token(Arc::new(TokenTag::of(token))),
            None if listen.ip().is_loopback() => Self::ThisMachine,
            None => Self::NoClient,
        }
    }

    fn principal(&self, headers: &HeaderMap) -> Result<Principal, ApiRefusal> {
        match self {
            Self::ThisMachine => Ok(Principal::this_machine()),
            Self::Token(tag) if bearer_token(headers).is_some_and(|token| tag.recognises(token)) => {
                Ok(Principal::bootstrap_token())
            }
            Self::Token(_) => Err(ApiRefusal::Unauthorised),
            Self::NoClient => Err(ApiRefusal::NoTokenConfigured),
        }
    }
}

/// What every request to the API passes.
#[derive(Debug, Clone)]
pub(super) struct AccessGate {
    /// Whom the API answers.
    pub(super) access: Access,
    /// Who was not.
    pub(super) refused: Arc<RefusedTokens>,
}

/// Lets a request through if its sender may ask.
pub(super) async fn check(
    State(gate): State<AccessGate>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiRefusal> {
    if comes_from_another_site(request.headers()) {
        return Err(ApiRefusal::AnotherSite);
    }
    match gate.access.principal(request.headers()) {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            Ok(next.run(request).await)
        }
        Err(refusal) => {
            gate.refused.count();
            Err(refusal)
        }
    }
}

/// The token of `Authorization: Bearer …` (RFC 6750 §2.1); none if there is more than one such header.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_matches(' '))
}

/// Whether a browser says that a page of another site asks (Fetch Metadata §2.4): it reaches loopback, its user did not
/// mean it to. Programs do not send this header.
fn comes_from_another_site(headers: &HeaderMap) -> bool {
    let sites = headers.get_all("sec-fetch-site").iter();
    sites.into_iter().any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const TOKEN: &str = "d2hhdC1hLWxvdmVseS10b2tlbg==";

    fn with_token() -> Access {
        Access::new(Some(&SecretString::from(TOKEN)), "0.0.0.0:8080".parse().expect("an address"))
    }

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::AUTHORIZATION, HeaderValue::from_str(value).expect("a value"))).collect()
    }

    #[test]
    fn only_the_token_itself_opens() {
        let access = with_token();
        let right = format!("Bearer {TOKEN}");
        for good in [right.as_str(), &format!("bearer  {TOKEN}"), &format!("BEARER {TOKEN} ")] {
            assert!(access.principal(&headers(&[good])).is_ok(), "{good}");
        }
        let wrong: &[&[&str]] = &[
            &[],
            &[""],
            &["Bearer"],
            &["Bearer "],
            &[TOKEN],
            &[&format!("Basic {TOKEN}")],
            &[&format!("Bearer {TOKEN}x")],
            &[&right[..right.len() - 1]],
            &[&right.to_lowercase()],
            &[&right, &right],
        ];
        for bad in wrong {
            assert!(matches!(access.principal(&headers(bad)), Err(ApiRefusal::Unauthorised)), "{bad:?}");
        }
    }

    #[test]
    fn without_a_token_only_loopback_is_answered() {
        let access = |listen: &str| Access::new(None, listen.parse().expect("an address"));
        assert!(access("127.0.0.1:8080").principal(&headers(&[])).is_ok());
        assert!(access("[::1]:8080").principal(&headers(&[])).is_ok());
        for open in ["0.0.0.0:8080", "10.0.0.7:8080", "[::]:8080"] {
            assert!(matches!(access(open).principal(&headers(&[])), Err(ApiRefusal::NoTokenConfigured)), "{open}");
        }
    }

    #[test]
    fn the_token_shows_nowhere() {
        assert!(!format!("{:?}", with_token()).contains(TOKEN));
    }

    #[test]
    fn a_page_of_another_site_is_known_by_what_the_browser_says() {
        for (site, foreign) in [("none", false), ("same-origin", false), ("same-site", true), ("cross-site", true)] {
            let headers =
                HeaderMap::from_iter([("sec-fetch-site".parse().expect("a name"), HeaderValue::from_static(site))]);
            assert_eq!(comes_from_another_site(&headers), foreign, "{site}");
        }
    }
}
