//! Signing in: password, then a code of an authenticator app where one is set up or the role asks for it.
//!
//! Every try is counted before it is compared ([`Store::admit_sign_in`]). An address that nobody has is compared with a hash
//! of nobody's, and gets the same answer after the same time as a wrong password. What lets nobody in is noted, and written
//! to the audit log after the answer (`journal.rs`).

mod journal;
mod password;
mod refusals;
mod totp;

use std::sync::Arc;
use std::time::Duration;

pub use password::{AccountChange, PasswordChosen};
pub use totp::{RECOVERY_CODES, TotpConfirmed, TotpSetup};

use metrics::counter;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use uuid::Uuid;

use super::password_hashing::PasswordHashing;
use crate::clock::Timestamp;
use crate::model::access::{Role, SessionStage};
use crate::model::actor::Actor;
use crate::model::ids::OperatorId;
use crate::model::mail_address::MailAddress;
use crate::policy::password_rule::PASSWORD_CHARS_MAX;
use crate::policy::sign_in::after_password;
use crate::secrets::{
    HmacKeys, OneTimeCode, PasswordHash, RecoveryCode, SealingKeys, SecretKeys, SessionId, TotpSecret,
};
use crate::store::{
    NewOperatorSession, OperatorSession, SignInAccount, SignInAdmission, SignInAttempt, Store, StoreError, StoredTotp,
};
use crate::telemetry::metric;
use journal::{SignInJournal, SignInStep, VainTry};

/// The purpose of the subkey that entered addresses are counted by.
const ACCOUNT_LABEL: &str = "invoice-dispatcher sign-in account v1";
/// The purpose of the subkey that secrets of authenticator apps are encrypted with.
pub const TOTP_LABEL: &str = "invoice-dispatcher totp secret v1";

/// What tries are counted as.
pub const SIGN_IN_RESULTS: [&str; 5] = ["signed_in", "code_asked", "failed", "limited", "busy"];

/// Lets people in.
#[derive(Debug, Clone)]
pub struct SignIn {
    store: Store,
    hashing: PasswordHashing,
    account_keys: HmacKeys,
    sealing: SealingKeys,
    /// Roles that must have an app.
    totp_roles: Arc<[Role]>,
    /// How apps name this installation: the console's host.
    issuer: Arc<str>,
    /// What passwords of nobody are compared with.
    nobody: PasswordHash,
    journal: SignInJournal,
}

/// Where a try comes from.
#[derive(Debug, Clone, Copy, Default)]
pub struct SignInOrigin<'a> {
    /// The network of the peer (/24, /64).
    pub network: Option<&'a str>,
    /// What the browser calls itself, in short.
    pub browser: Option<&'a str>,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInAnswer {
    /// The browser gets this id; how far it leads.
    Signed { id: SessionId, stage: SessionStage },
    /// Password or code was wrong; or nobody has this address, or they may not sign in.
    Wrong,
    /// Nothing was compared: too many tries.
    Wait(Duration),
    /// Nothing was compared: more try at this moment than can be served.
    Busy,
    /// The session has ended meanwhile.
    SessionOver,
}

/// Why a try could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secret key that an app's secret was encrypted with is not among ours, or the row was changed by hand.
    #[error(
        "the secret of the authenticator app of operator {0} cannot be decrypted: a key is missing from SECRET_KEYS"
    )]
    Sealed(OperatorId),
}

/// A try that is counted as failed, until it is known to be none.
struct Counted<'a> {
    id: Uuid,
    attempt: SignInAttempt<'a>,
}

impl SignIn {
    #[must_use]
    pub fn new(store: Store, keys: &SecretKeys, totp_roles: &[Role], issuer: &str) -> Self {
        Self {
            journal: SignInJournal::new(store.clone()),
            store,
            hashing: PasswordHashing::default(),
            account_keys: keys.hmac_keys(ACCOUNT_LABEL),
            sealing: keys.sealing_keys(TOTP_LABEL),
            totp_roles: totp_roles.into(),
            issuer: issuer.into(),
            nobody: PasswordHash::of_nobody(),
        }
    }

    /// Writes the sign-ins that let nobody in to the audit log, until `end`; then what is left of them. Nothing else does.
    pub async fn keep_journal(&self, end: CancellationToken) {
        self.journal.keep(end).await;
    }

    /// Signs somebody in by address and password, as far as these lead.
    pub async fn with_password(
        &self,
        address: &str,
        password: &SecretString,
        from: SignInOrigin<'_>,
    ) -> Result<SignInAnswer, SignInError> {
        let answer = self.compare_password(address, password, from).await?;
        count(&answer);
        Ok(answer)
    }

    async fn compare_password(
        &self,
        address: &str,
        password: &SecretString,
        from: SignInOrigin<'_>,
    ) -> Result<SignInAnswer, SignInError> {
        // Before it is counted: who is turned away has not tried.
        let Some(place) = self.hashing.enter() else { return Ok(SignInAnswer::Busy) };
        let address = account_name(address);
        let account = self.store.sign_in_account(&address).await?;
        let operator = account.as_ref().map(|account| account.id);
        let owner = account.as_ref().map(SignInAccount::principal);
        let counted = match self.count(&address, operator, from).await? {
            Ok(counted) => counted,
            Err(wait) => {
                self.journal.note(owner.as_ref(), from.network, VainTry::Refused);
                return Ok(SignInAnswer::Wait(wait));
            }
        };
        let hash = account.as_ref().and_then(|account| account.password.clone());
        let is_there = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let is_right = place.compare(hash.clone(), bounded(password)).await && is_there;
        let Some(account) = account.filter(|_| is_right) else {
            // Who is disabled, or has no password yet, is refused whatever they enter.
            let is_refused = owner.is_some() && !is_there;
            let tried = if is_refused { VainTry::Refused } else { VainTry::Failed(SignInStep::Password) };
            self.journal.note(owner.as_ref(), from.network, tried);
            return Ok(SignInAnswer::Wrong);
        };
        let hash = self.renew_hash(&account, hash, password).await?;
        let stage = after_password(account.has_totp, account.role, &self.totp_roles);
        self.begin(account.id, &hash, stage, from, Some(&counted)).await
    }

    /// Goes on with a session that has come as far as the code: by one of the app, or by a recovery code.
    pub async fn with_code(
        &self,
        session: &OperatorSession,
        entered: &str,
        from: SignInOrigin<'_>,
    ) -> Result<SignInAnswer, SignInError> {
        if session.stage != SessionStage::Code {
            return Ok(SignInAnswer::SessionOver);
        }
        let who = session.actor(from.network);
        let answer = match self.prove_by_code(session, entered, from, SignInStep::Code).await? {
            Proof::Wait(wait) => SignInAnswer::Wait(wait),
            Proof::Wrong => SignInAnswer::Wrong,
            Proof::Right(counted) => match self.raise(session, SessionStage::Open, &who).await? {
                Some(id) => {
                    self.store.sign_in_succeeded(counted.id, &counted.attempt).await?;
                    SignInAnswer::Signed { id, stage: SessionStage::Open }
                }
                None => SignInAnswer::SessionOver,
            },
        };
        count(&answer);
        Ok(answer)
    }

    async fn count<'a>(
        &self,
        address: &str,
        operator: Option<OperatorId>,
        from: SignInOrigin<'a>,
    ) -> Result<Result<Counted<'a>, Duration>, StoreError> {
        let account = self.account_keys.sign(&[address.as_bytes()]);
        let attempt = SignInAttempt { account, operator, network: from.network };
        match self.store.admit_sign_in(&attempt).await? {
            SignInAdmission::Admitted(id) => Ok(Ok(Counted { id, attempt })),
            SignInAdmission::Wait { until } => Ok(Err(self.wait(until))),
        }
    }

    fn wait(&self, until: Timestamp) -> Duration {
        until.since(self.store.now()).max(Duration::from_secs(1))
    }

    /// Begins a session, unless `password` is theirs no more. `counted` is the try that led here.
    async fn begin(
        &self,
        operator: OperatorId,
        password: &PasswordHash,
        stage: SessionStage,
        from: SignInOrigin<'_>,
        counted: Option<&Counted<'_>>,
    ) -> Result<SignInAnswer, SignInError> {
        let id = SessionId::random();
        let SignInOrigin { network, browser } = from;
        let password = Some(password);
        let new = NewOperatorSession { id: id.sha256(), operator, stage, network, browser, password };
        if !self.store.begin_operator_session(&new).await? {
            return Ok(SignInAnswer::Wrong);
        }
        match (counted, stage) {
            (Some(counted), SessionStage::Open) => {
                self.store.sign_in_succeeded(counted.id, &counted.attempt).await?;
            }
            (Some(counted), _) => self.store.take_back_sign_in(counted.id).await?,
            (None, _) => {}
        }
        Ok(SignInAnswer::Signed { id, stage })
    }

    /// Another id for a session that may do more from now on; none if it has ended.
    async fn raise(
        &self,
        session: &OperatorSession,
        stage: SessionStage,
        who: &Actor,
    ) -> Result<Option<SessionId>, StoreError> {
        let id = SessionId::random();
        let raised = self.store.raise_operator_session(session, id.sha256(), stage, who).await?;
        Ok(raised.then_some(id))
    }

    async fn prove_by_code<'a>(
        &self,
        session: &OperatorSession,
        entered: &str,
        from: SignInOrigin<'a>,
        step: SignInStep,
    ) -> Result<Proof<'a>, SignInError> {
        let (code, recovery) = (OneTimeCode::parse(entered), RecoveryCode::parse(entered));
        if code.is_none() && recovery.is_none() {
            // It cannot be right, and nothing is learned from it.
            return Ok(Proof::Wrong);
        }
        let who = session.actor(from.network);
        let counted = match self.count(&session.address, Some(session.operator), from).await? {
            Ok(counted) => counted,
            Err(wait) => {
                self.journal.note(Some(&who.principal), from.network, VainTry::Refused);
                return Ok(Proof::Wait(wait));
            }
        };
        let is_right = match (code, recovery) {
            (Some(code), _) => self.is_code_of(session.operator, &code).await?,
            (None, Some(recovery)) => self.store.use_recovery_code(session.operator, recovery.sha256(), &who).await?,
            (None, None) => false,
        };
        if !is_right {
            self.journal.note(Some(&who.principal), from.network, VainTry::Failed(step));
            return Ok(Proof::Wrong);
        }
        Ok(Proof::Right(counted))
    }

    /// Whether the app shows this code now; it is used up then.
    async fn is_code_of(&self, operator: OperatorId, code: &OneTimeCode) -> Result<bool, SignInError> {
        let Some(stored) = self.store.operator_totp(operator, true).await? else { return Ok(false) };
        let entered = self.open(&stored)?.entered_step(code, self.store.now(), stored.last_step);
        let Some(step) = entered else { return Ok(false) };
        Ok(self.store.use_totp_step(&stored, step).await?)
    }

    fn open(&self, stored: &StoredTotp) -> Result<TotpSecret, SignInError> {
        let secret = self.sealing.open(&stored.secret, stored.operator.0.as_bytes());
        secret.map(TotpSecret::from_bytes).ok_or_else(|| {
            let sealed = SignInError::Sealed(stored.operator);
            error!("{sealed}");
            sealed
        })
    }

    /// A hash that was made at other costs is made anew while the password is known. There is time for it at the next
    /// sign-in, too. Returns the one that is in use.
    async fn renew_hash(
        &self,
        account: &SignInAccount,
        hash: PasswordHash,
        password: &SecretString,
    ) -> Result<PasswordHash, StoreError> {
        if !hash.is_outdated() {
            return Ok(hash);
        }
        let Some(place) = self.hashing.enter() else { return Ok(hash) };
        let new = place.hash(password.clone()).await;
        if self.store.replace_password(account.id, &hash, &new).await? {
            return Ok(new);
        }
        warn!("the password of an operator changed while they signed in");
        Ok(hash)
    }
}

/// Whether a code was right.
enum Proof<'a> {
    Right(Counted<'a>),
    Wrong,
    Wait(Duration),
}

/// What an account is looked up and counted by. What is no address is nobody's, and counted as it was entered.
fn account_name(entered: &str) -> String {
    MailAddress::parse(entered).map_or_else(
        |_| entered.trim().chars().take(PASSWORD_CHARS_MAX).collect::<String>().to_lowercase(),
        |address| address.mailbox(),
    )
}

/// No longer than a password may be: a longer one is wrong, whatever it is.
fn bounded(password: &SecretString) -> SecretString {
    let text: String = password.expose_secret().chars().take(PASSWORD_CHARS_MAX + 1).collect();
    SecretString::from(text)
}

fn count(answer: &SignInAnswer) {
    let [signed_in, code_asked, failed, limited, busy] = SIGN_IN_RESULTS;
    let result = match answer {
        SignInAnswer::Signed { stage: SessionStage::Open, .. } => signed_in,
        SignInAnswer::Signed { .. } => code_asked,
        SignInAnswer::Wrong | SignInAnswer::SessionOver => failed,
        SignInAnswer::Wait(_) => limited,
        SignInAnswer::Busy => busy,
    };
    counter!(metric::SIGN_INS, "result" => result).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_known_however_its_address_is_written() {
        for written in ["ap@acme.example", " AP@acme.example ", "ap@ACME.example\n"] {
            assert_eq!(account_name(written), "ap@acme.example", "{written:?}");
        }
        assert_eq!(account_name(" Admin "), "admin");
        assert!(account_name(&"x".repeat(10_000)).len() <= PASSWORD_CHARS_MAX);
    }

    #[test]
    fn what_is_too_long_for_a_password_is_cut_and_stays_wrong() {
        let longest = "p".repeat(PASSWORD_CHARS_MAX);
        assert_eq!(bounded(&SecretString::from(longest.clone())).expose_secret(), longest);
        assert_ne!(bounded(&SecretString::from(format!("{longest}x{}", "y".repeat(1_000)))).expose_secret(), longest);
    }
}
