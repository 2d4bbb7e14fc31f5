//! Tries to sign in: counted before anything is compared, over processes.
//!
//! A try is written down as a failure first; only then may it be compared, and a right one takes its row away again. So
//! however many come at once, no more are compared than [`crate::policy::sign_in`] allows. Whoever asks waits for the others
//! of the same account and network (an advisory lock on PostgreSQL, the one writer on SQLite). An address that nobody has is
//! counted like any other.

use serde_json::json;
use uuid::Uuid;

use super::audit::append::{NewAuditEntry, append};
use super::lock::lock_operator;
use super::scope::read_scope;
use super::session::{OperatorSession, end_others};
use super::totp::delete_unconfirmed_totp;
use crate::clock::Timestamp;
use crate::model::access::{Principal, PrincipalKind, Role, SessionStage, TenantScope};
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::OperatorId;
use crate::policy::sign_in::{ACCOUNT_LIMIT, NETWORK_LIMIT, PAIR_LIMIT, SignInFailures};
use crate::secrets::PasswordHash;
use crate::sha256::Sha256;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::portal::lockout::wait_for;
use crate::store::{Store, Transaction};

/// A password or code that somebody wants compared.
#[derive(Debug, Clone, Copy)]
pub struct SignInAttempt<'a> {
    /// HMAC of the address that was entered.
    pub account: [u8; 32],
    /// The operator who has it; none if nobody does.
    pub operator: Option<OperatorId>,
    /// The network of the peer (/24, /64).
    pub network: Option<&'a str>,
}

/// Whether it may be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInAdmission {
    /// It may. It counts as failed until [`Store::take_back_sign_in`] or [`Store::sign_in_succeeded`].
    Admitted(Uuid),
    /// Not before then.
    Wait { until: Timestamp },
}

/// What a sign-in is compared with.
#[derive(Debug, Clone)]
pub struct SignInAccount {
    pub id: OperatorId,
    pub address: String,
    pub role: Role,
    pub scope: TenantScope,
    /// None until they have chosen one, and while they are disabled.
    pub password: Option<PasswordHash>,
    pub has_totp: bool,
}

impl SignInAccount {
    /// Whose it is, as histories and the audit log name them.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal {
            kind: PrincipalKind::Operator(self.id),
            name: self.address.as_str().into(),
            role: self.role,
            scope: self.scope.clone(),
        }
    }
}

impl Store {
    /// The account with this address (in lower case).
    pub async fn sign_in_account(&self, address: &str) -> Result<Option<SignInAccount>, StoreError> {
        let row = sql("SELECT id, address, role, scope, CASE WHEN disabled_at IS NULL THEN password END AS password,
                   EXISTS (SELECT 1 FROM operator_totp AS totp
                           WHERE totp.operator_id = operator.id AND totp.is_confirmed) AS has_totp
            FROM operator WHERE address = $1")
        .bind(address)
        .optional(&mut self.read().await?)
        .await?;
        row.map(|row| {
            Ok(SignInAccount {
                id: row.get("id")?,
                address: row.get("address")?,
                role: row.get("role")?,
                scope: read_scope(&row, "scope")?,
                password: row.get::<Option<String>>("password")?.map(PasswordHash::from_text),
                has_totp: row.get("has_totp")?,
            })
        })
        .transpose()
    }

    /// Counts a try as failed, if it may be made.
    pub async fn admit_sign_in(&self, attempt: &SignInAttempt<'_>) -> Result<SignInAdmission, StoreError> {
        // A storm that has to wait already locks nothing.
        let now = self.now();
        if let Some(until) = failures(&mut self.read().await?, attempt, now).await?.waits_until(now) {
            return Ok(SignInAdmission::Wait { until });
        }
        let mut transaction = self.begin().await?;
        wait_for_others(&mut transaction, attempt).await?;
        // The time after the wait, and a statement of its own: it sees what the others have committed.
        let now = self.now();
        if let Some(until) = failures(&mut transaction, attempt, now).await?.waits_until(now) {
            return Ok(SignInAdmission::Wait { until });
        }
        let id = self.clock().new_id();
        sql("INSERT INTO sign_in_failure (id, account_hmac, network, at) VALUES ($1, $2, $3, $4)")
            .bind(id)
            .bind(&attempt.account[..])
            .bind(attempt.network)
            .bind(now)
            .run(&mut transaction)
            .await?;
        transaction.commit().await?;
        Ok(SignInAdmission::Admitted(id))
    }

    /// The try was no failure: the password was right and a code is asked for, or nothing was compared.
    pub async fn take_back_sign_in(&self, attempt: Uuid) -> Result<(), StoreError> {
        sql("DELETE FROM sign_in_failure WHERE id = $1").bind(attempt).run(&mut self.write().await?).await?;
        Ok(())
    }

    /// Somebody has signed in: the try was no failure, and the earlier ones of this account from this network count no more.
    pub async fn sign_in_succeeded(&self, id: Uuid, attempt: &SignInAttempt<'_>) -> Result<(), StoreError> {
        sql("DELETE FROM sign_in_failure WHERE id = $1 OR (account_hmac = $2 AND network = $3)")
            .bind(id)
            .bind(&attempt.account[..])
            .bind(attempt.network)
            .run(&mut self.write().await?)
            .await?;
        Ok(())
    }

    /// Gives the owner of a session another password, ends their other sessions, and forgets an app that was being set up; `false` if `old` is not theirs any more.
    pub async fn change_password(
        &self,
        own: &OperatorSession,
        old: &PasswordHash,
        new: &PasswordHash,
        who: &Actor,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        // The operator first, as where a session begins.
        lock_operator(&mut transaction, own.operator).await?;
        if !put_password(&mut transaction, own.operator, old, new, now).await? {
            return Ok(false);
        }
        let ended = end_others(&mut transaction, own, now).await?;
        delete_unconfirmed_totp(&mut transaction, own.operator).await?;
        let entry = NewAuditEntry::new(AuditAction::PasswordChanged, who).about(own.operator.to_string());
        append(&mut transaction, &entry.with(json!({ "sessions_ended": ended })), now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Puts another hash in the place of one; returns whether that was the operator's until now. The password itself stays.
    pub async fn replace_password(
        &self,
        operator: OperatorId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        put_password(&mut self.write().await?, operator, old, new, now).await
    }

    /// Deletes up to `limit` failures before `before`.
    pub async fn purge_sign_in_failures(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        sql("DELETE FROM sign_in_failure WHERE id IN (
                SELECT id FROM sign_in_failure WHERE at < $1 ORDER BY at LIMIT $2)")
        .bind(before)
        .bind(limit)
        .run(&mut self.write().await?)
        .await
    }
}

async fn put_password(
    on: &mut impl StatementExecutor,
    operator: OperatorId,
    old: &PasswordHash,
    new: &PasswordHash,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let replaced = sql("UPDATE operator SET password = $3, password_changed_at = $4
        WHERE id = $1 AND password = $2 AND disabled_at IS NULL")
    .bind(operator)
    .bind(old.as_str())
    .bind(new.as_str())
    .bind(now)
    .run(on)
    .await?;
    Ok(replaced > 0)
}

async fn failures(
    on: &mut impl StatementExecutor,
    attempt: &SignInAttempt<'_>,
    now: Timestamp,
) -> Result<SignInFailures, StoreError> {
    let rows = sql("SELECT * FROM (
            SELECT 'pair' AS of, at FROM sign_in_failure
            WHERE account_hmac = $1 AND network = $2 AND at > $3 ORDER BY at DESC LIMIT $4) AS pair
        UNION ALL SELECT * FROM (
            SELECT 'account' AS of, at FROM sign_in_failure
            WHERE account_hmac = $1 AND at > $5 ORDER BY at DESC LIMIT $6) AS account
        UNION ALL SELECT * FROM (
            SELECT 'network' AS of, at FROM sign_in_failure
            WHERE network = $2 AND at > $7 ORDER BY at DESC LIMIT $8) AS network
        -- A network that its owner has signed in from, whether it is anybody's account or not.
        UNION ALL SELECT 'known' AS of, $9 AS at
        WHERE EXISTS (SELECT 1 FROM operator_session
                      WHERE operator_id = $10 AND network = $2 AND stage = $11)")
    .bind(&attempt.account[..])
    .bind(attempt.network)
    .bind(now.minus(PAIR_LIMIT.within))
    .bind(PAIR_LIMIT.failures)
    .bind(now.minus(ACCOUNT_LIMIT.within))
    .bind(ACCOUNT_LIMIT.failures)
    .bind(now.minus(NETWORK_LIMIT.within))
    .bind(NETWORK_LIMIT.failures)
    .bind(now)
    .bind(attempt.operator)
    .bind(SessionStage::Open)
    .all(on)
    .await?;
    let mut failures = SignInFailures::default();
    for row in &rows {
        let at = row.get("at")?;
        match row.get::<String>("of")?.as_str() {
            "pair" => failures.pair.push(at),
            "account" => failures.account.push(at),
            "network" => failures.network.push(at),
            _ => failures.is_known_network = true,
        }
    }
    for times in [&mut failures.pair, &mut failures.account, &mut failures.network] {
        times.sort_unstable_by(|one, other| other.cmp(one));
    }
    Ok(failures)
}

/// The network first, then the account: everybody in this order.
async fn wait_for_others(on: &mut Transaction, attempt: &SignInAttempt<'_>) -> Result<(), StoreError> {
    let key = |parts: [&[u8]; 2]| {
        let digest = Sha256::of(&parts.concat());
        i64::from_be_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"))
    };
    wait_for(on, key([b"sign-in network\n", attempt.network.unwrap_or_default().as_bytes()])).await?;
    wait_for(on, key([b"sign-in account\n", &attempt.account])).await
}
