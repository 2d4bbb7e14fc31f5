//! Choosing a password: the first one by a one-time link, and another by somebody who is signed in.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::journal::{SignInStep, VainTry};
use super::{SignIn, SignInAnswer, SignInError, SignInOrigin, bounded};
use crate::clean;
use crate::model::access::SessionStage;
use crate::policy::password_rule::{WeakPassword, check_password};
use crate::policy::sign_in::after_password;
use crate::secrets::{InvitationToken, SessionId};
use crate::store::OperatorSession;

/// What came of choosing a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordChosen {
    Signed {
        id: SessionId,
        stage: SessionStage,
    },
    Weak(WeakPassword),
    /// The link works no more.
    LinkOver,
    Busy,
}

/// What came of a change of one's own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountChange {
    /// The browser gets another id.
    Done(SessionId),
    /// The password or code that was to prove who asks.
    Wrong,
    Weak(WeakPassword),
    Wait(Duration),
    Busy,
    SessionOver,
}

impl SignIn {
    /// Uses a one-time link up: its operator has this password from now on, and is signed in with it.
    pub async fn accept_invitation(
        &self,
        token: &InvitationToken,
        name: Option<&str>,
        password: &SecretString,
        from: SignInOrigin<'_>,
    ) -> Result<PasswordChosen, SignInError> {
        let Some(invitation) = self.store.open_invitation(token.sha256()).await? else {
            return Ok(PasswordChosen::LinkOver);
        };
        if let Err(weak) = check_password(password.expose_secret(), &invitation.address) {
            return Ok(PasswordChosen::Weak(weak));
        }
        let Some(place) = self.hashing.enter() else { return Ok(PasswordChosen::Busy) };
        let hash = place.hash(password.clone()).await;
        let name = name.map(clean::name).filter(|name| !name.is_empty());
        let accepted = self.store.accept_invitation(token.sha256(), &hash, name.as_deref(), from.network).await?;
        let Some(operator) = accepted else {
            return Ok(PasswordChosen::LinkOver);
        };
        // An invitation has no app yet, and a reset has taken it away.
        let Some(account) = self.store.operator(operator).await? else { return Ok(PasswordChosen::LinkOver) };
        let stage = after_password(account.has_totp, account.role, &self.totp_roles);
        match self.begin(operator, &hash, stage, from, None).await? {
            SignInAnswer::Signed { id, stage } => Ok(PasswordChosen::Signed { id, stage }),
            _ => Ok(PasswordChosen::LinkOver),
        }
    }

    /// Gives somebody who is signed in another password; their other sessions end.
    pub async fn change_password(
        &self,
        session: &OperatorSession,
        old: &SecretString,
        new: &SecretString,
        from: SignInOrigin<'_>,
    ) -> Result<AccountChange, SignInError> {
        if let Err(weak) = check_password(new.expose_secret(), &session.address) {
            return Ok(AccountChange::Weak(weak));
        }
        let (Some(place), Some(next_place)) = (self.hashing.enter(), self.hashing.enter()) else {
            return Ok(AccountChange::Busy);
        };
        let account = self.store.sign_in_account(&session.address).await?;
        let Some((account, hash)) = account.and_then(|account| account.password.clone().map(|hash| (account, hash)))
        else {
            return Ok(AccountChange::SessionOver);
        };
        let who = session.actor(from.network);
        let counted = match self.count(&session.address, Some(account.id), from).await? {
            Ok(counted) => counted,
            Err(wait) => {
                self.journal.note(Some(&who.principal), from.network, VainTry::Refused);
                return Ok(AccountChange::Wait(wait));
            }
        };
        if !place.compare(hash.clone(), bounded(old)).await {
            self.journal.note(Some(&who.principal), from.network, VainTry::Failed(SignInStep::PasswordChange));
            return Ok(AccountChange::Wrong);
        }
        self.store.sign_in_succeeded(counted.id, &counted.attempt).await?;
        let new = next_place.hash(new.clone()).await;
        if !self.store.change_password(session, &hash, &new, &who).await? {
            return Ok(AccountChange::SessionOver);
        }
        let raised = self.raise(session, session.stage, &who).await?;
        Ok(raised.map_or(AccountChange::SessionOver, AccountChange::Done))
    }
}
