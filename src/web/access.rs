//! Whose request it is: a person's session, a program's token, or whoever is at this machine.
//!
//! A request that shows a token is judged by that alone, so that a wrong one is never made good by a cookie. Without a token
//! and a session, this machine is answered only while nobody has to sign in: the console's URL is on loopback, no operator
//! exists, no `API_TOKEN` is configured, and no proxy passed the request on. A proxy on the same machine would otherwise open
//! the API to everybody it serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{HeaderMap, Method, header};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

use super::{SessionCookie, check_origin, is_forwarded};
use crate::config::{BaseUrl, ConsoleConfig};
use crate::model::access::{Principal, PrincipalKind, Role, SessionStage};
use crate::policy::permission::Permission;
use crate::secrets::ApiToken;
use crate::store::{LiveToken, OperatorSession, Store, StoreError};

/// Knows whose request it is. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Access(Arc<AccessRules>);

#[derive(Debug)]
struct AccessRules {
    store: Store,
    /// Of `API_TOKEN`.
    bootstrap: Option<TokenTag>,
    /// Only this machine reaches the listener, and browsers reach it by loopback.
    is_on_loopback: bool,
    cookie: SessionCookie,
    url: BaseUrl,
    /// Roles that must have an authenticator app.
    totp_roles: Vec<Role>,
    /// An operator was there once: none is ever deleted.
    has_operators: AtomicBool,
}

/// Why a request is nobody's.
#[derive(Debug, thiserror::Error)]
pub enum AccessRefusal {
    /// It shows neither token nor session, or one that is worth nothing.
    #[error("the request shows neither a token nor a session")]
    Unauthorised,
    /// Others reach the listener, and nobody could show anything.
    #[error("the listener is open to other machines, and there is neither a token nor an operator")]
    NobodyKnown,
    /// A page of another site asks by a user's browser.
    #[error("the request comes from another site")]
    AnotherSite,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Recognises a token without keeping it.
///
/// What is compared are two HMACs, in constant time: neither the token's length nor how much of a guess is right can
/// be measured. The key need not be secret for that.
#[derive(Debug)]
struct TokenTag {
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
    #[must_use]
    pub fn new(store: Store, config: &ConsoleConfig) -> Self {
        Self(Arc::new(AccessRules {
            store,
            bootstrap: config.api_token.as_ref().map(TokenTag::of),
            is_on_loopback: config.listen.ip().is_loopback() && config.url.is_loopback(),
            cookie: SessionCookie::of_console(&config.url),
            url: config.url.clone(),
            totp_roles: config.totp_roles.clone(),
            has_operators: AtomicBool::new(false),
        }))
    }

    /// Whose request to the API it is.
    ///
    /// # Errors
    /// [`AccessRefusal`].
    pub async fn of_api(&self, method: &Method, headers: &HeaderMap) -> Result<Principal, AccessRefusal> {
        if comes_from_another_site(headers) {
            return Err(AccessRefusal::AnotherSite);
        }
        if headers.contains_key(header::AUTHORIZATION) {
            return self.of_token(headers).await;
        }
        if self.0.cookie.is_there(headers)
            && let Some(session) = self.session(headers).await?
            && session.stage == SessionStage::Open
        {
            // A browser sends the cookie with whatever page asks; only ours may change anything.
            if !method.is_safe() && check_origin(headers, &self.0.url).is_err() {
                return Err(AccessRefusal::AnotherSite);
            }
            return Ok(session.principal());
        }
        self.of_this_machine(headers).await
    }

    /// The session that the browser shows, if it has not ended; how far it leads, its stage says. One that began in a role that
    /// asks for no app is worth nothing in a role that does: its owner signs in again, and sets one up.
    pub async fn session(&self, headers: &HeaderMap) -> Result<Option<OperatorSession>, StoreError> {
        let Some(id) = self.0.cookie.read(headers) else { return Ok(None) };
        let session = self.0.store.operator_session(id.sha256()).await?;
        Ok(session.filter(|session| !self.lacks_totp(session)))
    }

    fn lacks_totp(&self, session: &OperatorSession) -> bool {
        session.stage == SessionStage::Open && !session.has_totp && self.0.totp_roles.contains(&session.role)
    }

    /// The cookie that holds a session's id.
    #[must_use]
    pub fn cookie(&self) -> SessionCookie {
        self.0.cookie
    }

    /// Whether any operator exists.
    pub async fn has_operators(&self) -> Result<bool, StoreError> {
        if self.0.has_operators.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let has_operators = self.0.store.has_operators().await?;
        if has_operators {
            self.0.has_operators.store(true, Ordering::Relaxed);
        }
        Ok(has_operators)
    }

    async fn of_token(&self, headers: &HeaderMap) -> Result<Principal, AccessRefusal> {
        let shown = bearer_token(headers).ok_or(AccessRefusal::Unauthorised)?;
        if self.0.bootstrap.as_ref().is_some_and(|tag| tag.recognises(shown)) {
            return Ok(Principal::bootstrap_token());
        }
        let token = ApiToken::parse(shown).ok_or(AccessRefusal::Unauthorised)?;
        let live = self.0.store.live_token(token.sha256()).await?;
        live.filter(is_answered_for).map(of_live_token).ok_or(AccessRefusal::Unauthorised)
    }

    async fn of_this_machine(&self, headers: &HeaderMap) -> Result<Principal, AccessRefusal> {
        if self.0.bootstrap.is_some() || is_forwarded(headers) {
            return Err(AccessRefusal::Unauthorised);
        }
        match (self.has_operators().await?, self.0.is_on_loopback) {
            (true, _) => Err(AccessRefusal::Unauthorised),
            (false, true) => Ok(Principal::this_machine()),
            (false, false) => Err(AccessRefusal::NobodyKnown),
        }
    }
}

fn of_live_token(token: LiveToken) -> Principal {
    let LiveToken { id, name, role, scope, .. } = token;
    Principal { kind: PrincipalKind::Token(id), name: name.into(), role, scope }
}

/// Whether whoever made the token may still make tokens: what somebody took along ends with their own rights.
fn is_answered_for(token: &LiveToken) -> bool {
    token.owner.as_ref().is_none_or(|owner| owner.may(Permission::ManageTokens))
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
    use crate::model::access::TenantScope;
    use crate::model::ids::{OperatorId, TenantId, TokenId};
    use crate::store::TokenOwner;

    const TOKEN: &str = "d2hhdC1hLWxvdmVseS10b2tlbg==";

    fn tag() -> TokenTag {
        TokenTag::of(&SecretString::from(TOKEN))
    }

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::AUTHORIZATION, HeaderValue::from_str(value).expect("a value"))).collect()
    }

    #[test]
    fn only_the_token_itself_opens() {
        let opens = |values: &[&str]| bearer_token(&headers(values)).is_some_and(|token| tag().recognises(token));
        let right = format!("Bearer {TOKEN}");
        for good in [right.as_str(), &format!("bearer  {TOKEN}"), &format!("BEARER {TOKEN} ")] {
            assert!(opens(&[good]), "{good}");
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
            assert!(!opens(bad), "{bad:?}");
        }
    }

    #[test]
    fn the_token_shows_nowhere() {
        assert!(!format!("{:?}", tag()).contains(TOKEN));
    }

    #[test]
    fn a_page_of_another_site_is_known_by_what_the_browser_says() {
        for (site, foreign) in [("none", false), ("same-origin", false), ("same-site", true), ("cross-site", true)] {
            let headers =
                HeaderMap::from_iter([("sec-fetch-site".parse().expect("a name"), HeaderValue::from_static(site))]);
            assert_eq!(comes_from_another_site(&headers), foreign, "{site}");
        }
    }

    #[test]
    fn a_token_works_as_long_as_its_owner_may_make_tokens() {
        let token = |owner| LiveToken {
            id: TokenId(uuid::Uuid::nil()),
            name: "billing".to_owned(),
            role: Role::Billing,
            scope: TenantScope::All,
            owner,
        };
        let owner =
            |role, scope, is_disabled| Some(TokenOwner { id: OperatorId(uuid::Uuid::nil()), role, scope, is_disabled });
        let some = TenantScope::of([TenantId::from("acme")]);
        assert!(is_answered_for(&token(None)), "made by command: nobody's");
        assert!(is_answered_for(&token(owner(Role::Admin, TenantScope::All, false))));
        assert!(!is_answered_for(&token(owner(Role::Admin, TenantScope::All, true))));
        assert!(!is_answered_for(&token(owner(Role::Admin, some, false))));
        assert!(!is_answered_for(&token(owner(Role::Operations, TenantScope::All, false))));
    }
}
