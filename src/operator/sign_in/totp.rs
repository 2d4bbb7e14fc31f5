//! Authenticator apps and recovery codes: set up, renewed, and encrypted by the newest key.

use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::journal::SignInStep;
use super::password::AccountChange;
use super::{Proof, SignIn, SignInError, SignInOrigin};
use crate::model::access::SessionStage;
use crate::secrets::{OneTimeCode, RecoveryCode, SessionId, TotpSecret};
use crate::store::{OperatorSession, StoreError};

/// Recovery codes that one has at once.
pub const RECOVERY_CODES: usize = 10;

/// Who has proven who they are within this time may set up an app.
const PROVEN_LATELY: Duration = Duration::from_mins(15);

/// Secrets that are sealed anew at a time.
const RESEALED_AT_ONCE: u32 = 100;

/// An app that is being set up.
#[derive(Debug, Clone)]
pub struct TotpSetup {
    pub secret: TotpSecret,
    /// `otpauth:` with everything that an app wants to know.
    pub uri: String,
}

/// What came of the first code of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TotpConfirmed {
    /// The app is in use; these are shown this once, and the browser gets another id.
    Done {
        codes: Vec<RecoveryCode>,
        id: SessionId,
    },
    Wrong,
    SessionOver,
}

impl SignIn {
    /// Whether a session may set up an app: one that must, or whose owner has proven just now who they are. Whoever finds a
    /// browser that somebody has left open may not.
    #[must_use]
    pub fn may_set_up_totp(&self, session: &OperatorSession) -> bool {
        match session.stage {
            SessionStage::Code => false,
            SessionStage::Enrol => true,
            SessionStage::Open => self.store.now().since(session.proven_at) <= PROVEN_LATELY,
        }
    }

    /// The app that a session sets up: the one that was begun, or a new one. Nothing of it counts until its first code.
    pub async fn totp_setup(&self, session: &OperatorSession) -> Result<TotpSetup, SignInError> {
        let fresh = TotpSecret::random();
        let sealed = self.sealing.seal(fresh.bytes(), session.operator.0.as_bytes());
        let stored = self.store.begin_totp(session.operator, &sealed).await?;
        let secret = self.open(&stored)?;
        let uri = secret.uri(&self.issuer, &session.address);
        Ok(TotpSetup { secret, uri })
    }

    /// Puts the app that was set up into use by its first code.
    pub async fn confirm_totp(
        &self,
        session: &OperatorSession,
        entered: &str,
        from: SignInOrigin<'_>,
    ) -> Result<TotpConfirmed, SignInError> {
        if !self.may_set_up_totp(session) {
            return Ok(TotpConfirmed::SessionOver);
        }
        let Some(pending) = self.store.operator_totp(session.operator, false).await? else {
            return Ok(TotpConfirmed::SessionOver);
        };
        let Some(code) = OneTimeCode::parse(entered) else { return Ok(TotpConfirmed::Wrong) };
        let Some(step) = self.open(&pending)?.entered_step(&code, self.store.now(), 0) else {
            return Ok(TotpConfirmed::Wrong);
        };
        let (codes, who) = (recovery_codes(), session.actor(from.network));
        if !self.store.confirm_totp(&pending, step, &codes, &who).await? {
            return Ok(TotpConfirmed::SessionOver);
        }
        match self.raise(session, SessionStage::Open, &who).await? {
            Some(id) => Ok(TotpConfirmed::Done { codes, id }),
            None => Ok(TotpConfirmed::SessionOver),
        }
    }

    /// New recovery codes in place of the old ones, for somebody who shows a code of their app.
    ///
    /// # Errors
    /// Inside: why they got none.
    pub async fn renew_recovery_codes(
        &self,
        session: &OperatorSession,
        code: &str,
        from: SignInOrigin<'_>,
    ) -> Result<Result<Vec<RecoveryCode>, AccountChange>, SignInError> {
        if let Some(refused) = self.prove_again(session, code, from).await? {
            return Ok(Err(refused));
        }
        let codes = recovery_codes();
        self.store.renew_recovery_codes(session.operator, &codes, &session.actor(from.network)).await?;
        Ok(Ok(codes))
    }

    /// Encrypts secrets of apps by the newest key that older ones have encrypted; returns how many. What another process
    /// has sealed by a key that is not ours is left, and `doctor` names it.
    pub async fn reseal(&self) -> Result<u64, StoreError> {
        let mut resealed = 0;
        loop {
            let older = self.store.totp_of_other_keys(self.sealing.newest_fingerprint(), RESEALED_AT_ONCE).await?;
            let mut in_this_round = 0;
            for stored in &older {
                let owner = stored.operator.0;
                let Some(secret) = self.sealing.open(&stored.secret, owner.as_bytes()) else { continue };
                let sealed = self.sealing.seal(secret.expose_secret(), owner.as_bytes());
                in_this_round += u64::from(self.store.replace_sealed_totp(stored, &sealed).await?);
            }
            resealed += in_this_round;
            if in_this_round == 0 {
                return Ok(resealed);
            }
        }
    }

    /// For a change of one's own account: `None` if the code was right.
    async fn prove_again(
        &self,
        session: &OperatorSession,
        code: &str,
        from: SignInOrigin<'_>,
    ) -> Result<Option<AccountChange>, SignInError> {
        match self.prove_by_code(session, code, from, SignInStep::RecoveryCodes).await? {
            Proof::Wait(wait) => Ok(Some(AccountChange::Wait(wait))),
            Proof::Wrong => Ok(Some(AccountChange::Wrong)),
            Proof::Right(counted) => {
                self.store.sign_in_succeeded(counted.id, &counted.attempt).await?;
                Ok(None)
            }
        }
    }
}

fn recovery_codes() -> Vec<RecoveryCode> {
    std::iter::repeat_with(RecoveryCode::random).take(RECOVERY_CODES).collect()
}
