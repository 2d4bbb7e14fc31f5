//! People and tokens: who may use console and API, as what, and for which tenants.

use std::time::Duration;

use crate::clean;
use crate::clock::Timestamp;
use crate::config::BaseUrl;
use crate::model::access::{InvitationKind, PrincipalKind, Role, TenantScope};
use crate::model::actor::Actor;
use crate::model::ids::{OperatorId, TenantId, TokenId};
use crate::model::mail_address::{InvalidAddress, MailAddress};
use crate::secrets::{ApiToken, InvitationToken};
use crate::store::{
    Invited, NewApiToken, NewInvitation, NewOperator, OperatorAdded, OperatorChange, Store, StoreError,
};

/// How long a one-time link works.
pub const INVITATION_LIVES: Duration = Duration::from_hours(72);

/// How long a token works unless something else is said …
pub const TOKEN_LIVES: Duration = Duration::from_hours(365 * 24);
/// … and at most.
pub const TOKEN_LIVES_MAX: Duration = Duration::from_hours(3 * 366 * 24);

/// Tenants that one person or token can be limited to.
const TENANTS_MAX: usize = 1_000;
/// Characters of a token's name.
const TOKEN_NAME_CHARS_MAX: usize = 64;

/// A link that works once. Shows itself nowhere but where it is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeLink {
    /// The whole of it.
    pub url: String,
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for OneTimeLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OneTimeLink(… until {})", self.expires_at)
    }
}

/// A person to be added.
#[derive(Debug, Clone, Copy)]
pub struct PersonToAdd<'a> {
    /// What they sign in with: an email address.
    pub address: &'a str,
    pub name: Option<&'a str>,
    pub role: Role,
    pub scope: &'a TenantScope,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    #[error("the address cannot be used: {0}")]
    Address(InvalidAddress),
    #[error("somebody signs in with this address already")]
    Exists(OperatorId),
    #[error("nobody signs in with this address")]
    Unknown,
    #[error("the role {0} is of tokens only")]
    NotForPeople(Role),
    #[error("the role {0} is given for named tenants, never for all")]
    NeedsTenants(Role),
    #[error("no tenant \"{0}\" is known; import it first, or correct its id")]
    UnknownTenant(TenantId),
    #[error("no tenant is named")]
    NoTenants,
    #[error("more than {TENANTS_MAX} tenants are named")]
    ManyTenants,
    #[error("nobody else may manage operators and can sign in")]
    LastAdmin,
    #[error("they may not sign in; enable them first")]
    Disabled,
    #[error("they have chosen a password already; reset it instead")]
    HasPassword,
    #[error("a token's name has 1 to {TOKEN_NAME_CHARS_MAX} characters in one line")]
    TokenName,
    #[error("another token has this name; revoke that one first, or choose another name")]
    TokenNameTaken,
    #[error("a token works for at least a minute and at most three years")]
    TokenTime,
    #[error("there is no such token")]
    UnknownToken,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds and changes people and tokens.
#[derive(Debug, Clone)]
pub struct People {
    store: Store,
    /// Where one-time links lead.
    console: BaseUrl,
}

impl People {
    #[must_use]
    pub const fn new(store: Store, console: BaseUrl) -> Self {
        Self { store, console }
    }

    /// Adds a person who may sign in once they have chosen a password; with `is_invited`, the link for that. Without a name
    /// they go by their address.
    pub async fn add(
        &self,
        person: &PersonToAdd<'_>,
        is_invited: bool,
        who: &Actor,
    ) -> Result<(OperatorId, Option<OneTimeLink>), PeopleError> {
        let PersonToAdd { address, name, role, scope } = *person;
        if !role.is_for_people() {
            return Err(PeopleError::NotForPeople(role));
        }
        self.check(role, scope).await?;
        let address = MailAddress::parse(address).map_err(PeopleError::Address)?.mailbox();
        let (invitation, link) = self.new_link(InvitationKind::Invitation);
        let name = name.map(clean::name).filter(|name| !name.is_empty());
        let new = NewOperator { address: &address, name: name.as_deref().unwrap_or(&address), role, scope };
        match self.store.add_operator(&new, is_invited.then_some(&invitation), who).await? {
            OperatorAdded::Added(id) => Ok((id, is_invited.then_some(link))),
            OperatorAdded::Exists(id) => Err(PeopleError::Exists(id)),
        }
    }

    /// Makes a link by which somebody chooses a password: the first one, or another after a reset, which takes effect at
    /// once. An earlier link works no more.
    pub async fn invite(&self, id: OperatorId, kind: InvitationKind, who: &Actor) -> Result<OneTimeLink, PeopleError> {
        let (invitation, link) = self.new_link(kind);
        match self.store.invite_operator(id, &invitation, who).await? {
            Invited::Done => Ok(link),
            Invited::Unknown => Err(PeopleError::Unknown),
            Invited::Disabled => Err(PeopleError::Disabled),
            Invited::HasPassword => Err(PeopleError::HasPassword),
        }
    }

    /// Gives somebody another role or other tenants; `false` if they had them.
    pub async fn change(
        &self,
        id: OperatorId,
        role: Role,
        scope: &TenantScope,
        who: &Actor,
    ) -> Result<bool, PeopleError> {
        if !role.is_for_people() {
            return Err(PeopleError::NotForPeople(role));
        }
        self.check(role, scope).await?;
        changed(self.store.change_operator(id, role, scope, who).await?)
    }

    /// Takes somebody's authenticator app away, who has lost it; `false` if they have none.
    pub async fn reset_totp(&self, id: OperatorId, who: &Actor) -> Result<bool, PeopleError> {
        changed(self.store.reset_totp(id, who).await?)
    }

    /// Ends somebody's sessions and lets them sign in no more; the tokens that they answer for work no more. `false` if it was
    /// so before.
    pub async fn disable(&self, id: OperatorId, who: &Actor) -> Result<bool, PeopleError> {
        changed(self.store.disable_operator(id, who).await?)
    }

    /// Lets somebody sign in again; `false` if they could.
    pub async fn enable(&self, id: OperatorId, who: &Actor) -> Result<bool, PeopleError> {
        changed(self.store.enable_operator(id, who).await?)
    }

    /// Makes a token, which is returned this once. An operator who makes one answers for it; for one that a token makes, the
    /// operator who answers for that.
    pub async fn add_token(
        &self,
        name: &str,
        role: Role,
        scope: &TenantScope,
        lives: Duration,
        who: &Actor,
    ) -> Result<(TokenId, ApiToken), PeopleError> {
        self.check(role, scope).await?;
        let name = name.trim();
        if name.is_empty() || name.chars().count() > TOKEN_NAME_CHARS_MAX || name.chars().any(clean::is_unsafe) {
            return Err(PeopleError::TokenName);
        }
        if lives < Duration::from_mins(1) || lives > TOKEN_LIVES_MAX {
            return Err(PeopleError::TokenTime);
        }
        let token = ApiToken::random();
        let owner = self.answering_for(who).await?;
        let expires_at = self.store.now().plus(lives);
        let new = NewApiToken { token: token.sha256(), prefix: token.prefix(), name, role, scope, owner, expires_at };
        match self.store.add_token(&new, who).await? {
            Some(id) => Ok((id, token)),
            None => Err(PeopleError::TokenNameTaken),
        }
    }

    /// The operator who answers for a token that somebody makes. What is made with a token must not outlast its owner's rights.
    async fn answering_for(&self, who: &Actor) -> Result<Option<OperatorId>, StoreError> {
        Ok(match who.principal.kind {
            PrincipalKind::Operator(id) => Some(id),
            PrincipalKind::Token(id) => self.store.token(id).await?.and_then(|token| token.owner).map(|owner| owner.id),
            PrincipalKind::BootstrapToken | PrincipalKind::ThisMachine | PrincipalKind::CommandLine => None,
        })
    }

    /// Takes a token's rights away at once; `false` if it was revoked before.
    pub async fn revoke_token(&self, id: TokenId, who: &Actor) -> Result<bool, PeopleError> {
        if self.store.revoke_token(id, who).await? {
            return Ok(true);
        }
        if self.store.token(id).await?.is_none() { Err(PeopleError::UnknownToken) } else { Ok(false) }
    }

    async fn check(&self, role: Role, scope: &TenantScope) -> Result<(), PeopleError> {
        check_scope(role, scope)?;
        self.store.unknown_tenant(scope).await?.map_or(Ok(()), |tenant| Err(PeopleError::UnknownTenant(tenant)))
    }

    fn new_link(&self, kind: InvitationKind) -> (NewInvitation, OneTimeLink) {
        let token = InvitationToken::random();
        let expires_at = self.store.now().plus(INVITATION_LIVES);
        let url = self.console.page(&format!("/invitation/{}", token.in_link()));
        (NewInvitation { kind, token: token.sha256(), expires_at }, OneTimeLink { url, expires_at })
    }
}

fn changed(change: OperatorChange) -> Result<bool, PeopleError> {
    match change {
        OperatorChange::Done => Ok(true),
        OperatorChange::Unchanged => Ok(false),
        OperatorChange::Unknown => Err(PeopleError::Unknown),
        OperatorChange::LastAdmin => Err(PeopleError::LastAdmin),
    }
}

fn check_scope(role: Role, scope: &TenantScope) -> Result<(), PeopleError> {
    match scope.tenants().map(std::collections::BTreeSet::len) {
        None if role.needs_tenants() => Err(PeopleError::NeedsTenants(role)),
        Some(0) => Err(PeopleError::NoTenants),
        Some(number) if number > TENANTS_MAX => Err(PeopleError::ManyTenants),
        None | Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_for_named_tenants_is_never_given_for_all() {
        let acme = TenantScope::of([TenantId::from("acme")]);
        assert!(matches!(check_scope(Role::TenantAdmin, &TenantScope::All), Err(PeopleError::NeedsTenants(_))));
        assert!(check_scope(Role::TenantAdmin, &acme).is_ok());
        assert!(check_scope(Role::Admin, &TenantScope::All).is_ok() && check_scope(Role::Admin, &acme).is_ok());
        assert!(matches!(check_scope(Role::Viewer, &TenantScope::of([])), Err(PeopleError::NoTenants)));
        let many = TenantScope::of((0..=TENANTS_MAX).map(|n| TenantId::from(n.to_string())));
        assert!(matches!(check_scope(Role::Viewer, &many), Err(PeopleError::ManyTenants)));
    }
}
