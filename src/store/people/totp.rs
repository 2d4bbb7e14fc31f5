//! Authenticator apps of operators: the secret in use, one that is being set up, and recovery codes.

use std::time::Duration;

use serde_json::json;

use super::audit::append::{NewAuditEntry, append};
use super::lock::lock_operator;
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::OperatorId;
use crate::secrets::{RecoveryCode, Sealed};
use crate::sha256::Sha256;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{rows, sql};
use crate::store::db::value::Row;
use crate::store::{Store, Transaction};

/// How long one secret is shown, for somebody to scan it.
const SET_UP_MAX: Duration = Duration::from_mins(15);

/// An app's secret, as the database holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTotp {
    pub operator: OperatorId,
    /// It is in use; otherwise it is being set up.
    pub is_confirmed: bool,
    pub secret: Sealed,
    /// The last time step whose code was entered; 0 before the first.
    pub last_step: i64,
}

fn read_totp(row: &Row) -> Result<StoredTotp, StoreError> {
    Ok(StoredTotp {
        operator: row.get("operator_id")?,
        is_confirmed: row.get("is_confirmed")?,
        secret: Sealed { key: row.get("key_fingerprint")?, bytes: row.get("secret")? },
        last_step: row.get("last_step")?,
    })
}

impl Store {
    /// The app of an operator: the one in use, or the one that is being set up.
    pub async fn operator_totp(
        &self,
        operator: OperatorId,
        is_confirmed: bool,
    ) -> Result<Option<StoredTotp>, StoreError> {
        let row = sql("SELECT operator_id, is_confirmed, secret, key_fingerprint, last_step FROM operator_totp
            WHERE operator_id = $1 AND is_confirmed = $2")
        .bind(operator)
        .bind(is_confirmed)
        .optional(&mut self.read().await?)
        .await?;
        row.as_ref().map(read_totp).transpose()
    }

    /// Begins to set up an app, unless that was begun just before; returns what is being set up. The app in use stays in use.
    ///
    /// A secret that was shown longer ago is replaced: whoever saw it, in another session perhaps, would know the codes of
    /// the app that is set up by it now.
    pub async fn begin_totp(&self, operator: OperatorId, secret: &Sealed) -> Result<StoredTotp, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        sql("INSERT INTO operator_totp (operator_id, is_confirmed, secret, key_fingerprint, made_at, last_step)
            VALUES ($1, FALSE, $2, $3, $4, 0)
            ON CONFLICT (operator_id, is_confirmed) DO UPDATE SET secret = excluded.secret,
                   key_fingerprint = excluded.key_fingerprint, made_at = excluded.made_at
            WHERE operator_totp.made_at <= $5")
        .bind(operator)
        .bind(&secret.bytes[..])
        .bind(secret.key.as_str())
        .bind(now)
        .bind(now.minus(SET_UP_MAX))
        .run(&mut transaction)
        .await?;
        let row = sql("SELECT operator_id, is_confirmed, secret, key_fingerprint, last_step FROM operator_totp
            WHERE operator_id = $1 AND NOT is_confirmed")
        .bind(operator)
        .one(&mut transaction)
        .await?;
        transaction.commit().await?;
        read_totp(&row)
    }

    /// Puts the app that was being set up into use, with new recovery codes, in place of what was there; `false` if it is not
    /// that one any more.
    pub async fn confirm_totp(
        &self,
        pending: &StoredTotp,
        step: i64,
        recovery: &[RecoveryCode],
        who: &Actor,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        if lock_operator(&mut transaction, pending.operator).await?.is_none_or(|operator| operator.is_disabled) {
            return Ok(false);
        }
        let replaced = sql("DELETE FROM operator_totp WHERE operator_id = $1 AND is_confirmed")
            .bind(pending.operator)
            .run(&mut transaction)
            .await?;
        let confirmed = sql("UPDATE operator_totp SET is_confirmed = TRUE, last_step = $3
            WHERE operator_id = $1 AND NOT is_confirmed AND secret = $2")
        .bind(pending.operator)
        .bind(&pending.secret.bytes[..])
        .bind(step)
        .run(&mut transaction)
        .await?;
        if confirmed == 0 {
            return Ok(false);
        }
        replace_recovery_codes(&mut transaction, pending.operator, recovery).await?;
        let change = json!({ "in_place_of_another": replaced > 0, "recovery_codes": recovery.len() });
        let entry = NewAuditEntry::new(AuditAction::SecondFactorAdded, who).about(pending.operator.to_string());
        append(&mut transaction, &entry.with(change), now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Notes that the code of a time step was entered; `false` if that one or a later one was entered before: of two at the
    /// same moment, one is right.
    pub async fn use_totp_step(&self, totp: &StoredTotp, step: i64) -> Result<bool, StoreError> {
        let used = sql("UPDATE operator_totp SET last_step = $3
            WHERE operator_id = $1 AND is_confirmed AND secret = $2 AND last_step < $3")
        .bind(totp.operator)
        .bind(&totp.secret.bytes[..])
        .bind(step)
        .run(&mut self.write().await?)
        .await?;
        Ok(used > 0)
    }

    /// Uses a recovery code up; `false` if the operator has no such one.
    pub async fn use_recovery_code(&self, operator: OperatorId, code: Sha256, who: &Actor) -> Result<bool, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let used = sql("DELETE FROM operator_recovery_code WHERE operator_id = $1 AND code_sha256 = $2")
            .bind(operator)
            .bind(code)
            .run(&mut transaction)
            .await?;
        if used == 0 {
            return Ok(false);
        }
        let left = sql("SELECT COUNT(*) AS codes FROM operator_recovery_code WHERE operator_id = $1")
            .bind(operator)
            .one(&mut transaction)
            .await?;
        let change = json!({ "recovery_codes_left": left.get::<i64>("codes")? });
        let entry = NewAuditEntry::new(AuditAction::RecoveryCodeUsed, who).about(operator.to_string());
        append(&mut transaction, &entry.with(change), now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Gives an operator new recovery codes; the old ones work no more.
    pub async fn renew_recovery_codes(
        &self,
        operator: OperatorId,
        codes: &[RecoveryCode],
        who: &Actor,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        lock_operator(&mut transaction, operator).await?;
        replace_recovery_codes(&mut transaction, operator, codes).await?;
        let entry = NewAuditEntry::new(AuditAction::RecoveryCodesMade, who).about(operator.to_string());
        append(&mut transaction, &entry.with(json!({ "recovery_codes": codes.len() })), now).await?;
        transaction.commit().await
    }

    /// Up to `limit` secrets that another key than this one has sealed.
    pub async fn totp_of_other_keys(&self, newest: &str, limit: u32) -> Result<Vec<StoredTotp>, StoreError> {
        sql("SELECT operator_id, is_confirmed, secret, key_fingerprint, last_step FROM operator_totp
            WHERE key_fingerprint <> $1 ORDER BY operator_id, is_confirmed LIMIT $2")
        .bind(newest)
        .bind(limit)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(read_totp)
        .collect()
    }

    /// Puts a secret that was sealed anew in the place of itself; `false` if it is another one by now.
    pub async fn replace_sealed_totp(&self, old: &StoredTotp, sealed: &Sealed) -> Result<bool, StoreError> {
        let replaced = sql("UPDATE operator_totp SET secret = $4, key_fingerprint = $5
            WHERE operator_id = $1 AND is_confirmed = $2 AND secret = $3")
        .bind(old.operator)
        .bind(old.is_confirmed)
        .bind(&old.secret.bytes[..])
        .bind(&sealed.bytes[..])
        .bind(sealed.key.as_str())
        .run(&mut self.write().await?)
        .await?;
        Ok(replaced > 0)
    }

    /// Deletes up to `limit` apps whose set-up was begun before `before` and never finished.
    pub async fn purge_unfinished_totp(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        sql("DELETE FROM operator_totp WHERE NOT is_confirmed AND operator_id IN (
                SELECT operator_id FROM operator_totp WHERE NOT is_confirmed AND made_at < $1 LIMIT $2)
             AND made_at < $1")
        .bind(before)
        .bind(limit)
        .run(&mut self.write().await?)
        .await
    }
}

/// Takes an operator's app and recovery codes away; returns how many secrets and codes there were.
pub(super) async fn delete_totp(on: &mut Transaction, operator: OperatorId) -> Result<u64, StoreError> {
    let codes = sql("DELETE FROM operator_recovery_code WHERE operator_id = $1").bind(operator).run(on).await?;
    let secrets = sql("DELETE FROM operator_totp WHERE operator_id = $1").bind(operator).run(on).await?;
    Ok(codes + secrets)
}

/// Forgets the app that an operator is setting up: somebody else may have seen its secret.
pub(super) async fn delete_unconfirmed_totp(on: &mut Transaction, operator: OperatorId) -> Result<(), StoreError> {
    sql("DELETE FROM operator_totp WHERE operator_id = $1 AND NOT is_confirmed").bind(operator).run(on).await?;
    Ok(())
}

async fn replace_recovery_codes(
    on: &mut Transaction,
    operator: OperatorId,
    codes: &[RecoveryCode],
) -> Result<(), StoreError> {
    sql("DELETE FROM operator_recovery_code WHERE operator_id = $1").bind(operator).run(on).await?;
    sql("WITH {rows} INSERT INTO operator_recovery_code ({columns}) SELECT {columns} FROM rows")
        .batch(rows!(codes, |code| { operator_id: uuid = operator, code_sha256: bytea = code.sha256() }))
        .run(on)
        .await?;
    Ok(())
}
