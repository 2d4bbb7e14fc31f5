//! Operators: people who sign in to the console.
//!
//! None is ever deleted: histories name them. Whoever leaves is disabled, which ends their sessions.

use serde_json::json;

use super::audit::append::{NewAuditEntry, append, changed_members};
use super::invitation::{NewInvitation, insert_invitation};
use super::lock::{LockedOperator, lock_operator};
use super::scope::{read_scope, shown, written};
use super::session::delete_sessions;
use super::totp::delete_totp;
use crate::clock::Timestamp;
use crate::model::access::{InvitationKind, Role, TenantScope};
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::OperatorId;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::db::value::Row;
use crate::store::{Store, Transaction};

/// A person who signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    pub id: OperatorId,
    /// What they sign in with, in lower case.
    pub address: String,
    /// As other people call them.
    pub name: String,
    pub role: Role,
    pub scope: TenantScope,
    pub created_at: Timestamp,
    pub created_by: String,
    pub disabled_at: Option<Timestamp>,
    /// They have chosen one.
    pub has_password: bool,
    /// An authenticator app is set up.
    pub has_totp: bool,
    pub recovery_codes_left: u32,
    pub last_sign_in_at: Option<Timestamp>,
    /// The one-time link that is open, and its end.
    pub invitation: Option<(InvitationKind, Timestamp)>,
}

/// A person to be added.
#[derive(Debug, Clone, Copy)]
pub struct NewOperator<'a> {
    /// In lower case.
    pub address: &'a str,
    pub name: &'a str,
    pub role: Role,
    pub scope: &'a TenantScope,
}

/// What became of adding somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorAdded {
    Added(OperatorId),
    /// Somebody has this address, disabled or not.
    Exists(OperatorId),
}

/// What became of a change of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorChange {
    Done,
    /// It was so before.
    Unchanged,
    Unknown,
    /// Nobody would be left who may manage operators and can sign in.
    LastAdmin,
}

/// What [`read_operator`] reads.
macro_rules! operator_columns {
    () => {
        "operator.id, operator.address, operator.name, operator.role, operator.scope, operator.created_at, operator.created_by,
         operator.disabled_at, operator.password IS NOT NULL AS has_password, operator.last_sign_in_at,
         EXISTS (SELECT 1 FROM operator_totp AS totp
                 WHERE totp.operator_id = operator.id AND totp.is_confirmed) AS has_totp,
         (SELECT COUNT(*) FROM operator_recovery_code AS code WHERE code.operator_id = operator.id) AS recovery_codes_left,
         operator_invitation.kind AS invitation_kind, operator_invitation.expires_at AS invitation_expires_at"
    };
}

fn read_operator(row: &Row, now: Timestamp) -> Result<Operator, StoreError> {
    let kind: Option<InvitationKind> = row.get("invitation_kind")?;
    let expires_at: Option<Timestamp> = row.get("invitation_expires_at")?;
    Ok(Operator {
        id: row.get("id")?,
        address: row.get("address")?,
        name: row.get("name")?,
        role: row.get("role")?,
        scope: read_scope(row, "scope")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
        disabled_at: row.get("disabled_at")?,
        has_password: row.get("has_password")?,
        has_totp: row.get("has_totp")?,
        recovery_codes_left: u32::try_from(row.get::<i64>("recovery_codes_left")?).unwrap_or_default(),
        last_sign_in_at: row.get("last_sign_in_at")?,
        invitation: kind.zip(expires_at).filter(|(_, expires_at)| *expires_at > now),
    })
}

impl Store {
    /// Up to `limit` operators behind an address, in the order of addresses.
    pub async fn operators(&self, after: Option<&str>, limit: u32) -> Result<Vec<Operator>, StoreError> {
        let now = self.now();
        sql(concat!(
            "SELECT ",
            operator_columns!(),
            " FROM operator LEFT JOIN operator_invitation ON operator_invitation.operator_id = operator.id
              WHERE $1 IS NULL OR operator.address > $1 ORDER BY operator.address LIMIT $2"
        ))
        .bind(after)
        .bind(limit)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| read_operator(row, now))
        .collect()
    }

    pub async fn operator(&self, id: OperatorId) -> Result<Option<Operator>, StoreError> {
        let row = sql(concat!(
            "SELECT ",
            operator_columns!(),
            " FROM operator LEFT JOIN operator_invitation ON operator_invitation.operator_id = operator.id
              WHERE operator.id = $1"
        ))
        .bind(id)
        .optional(&mut self.read().await?)
        .await?;
        row.map(|row| read_operator(&row, self.now())).transpose()
    }

    /// The operator who signs in with this address (in lower case).
    pub async fn operator_with_address(&self, address: &str) -> Result<Option<OperatorId>, StoreError> {
        let row =
            sql("SELECT id FROM operator WHERE address = $1").bind(address).optional(&mut self.read().await?).await?;
        row.map(|row| row.get("id")).transpose()
    }

    /// Whether there is any operator, disabled or not. Once there is one, there always is.
    pub async fn has_operators(&self) -> Result<bool, StoreError> {
        let row = sql("SELECT EXISTS (SELECT 1 FROM operator) AS has_operators").one(&mut self.read().await?).await?;
        row.get("has_operators")
    }

    /// Adds a person, with the link by which they choose a password.
    pub async fn add_operator(
        &self,
        new: &NewOperator<'_>,
        invitation: Option<&NewInvitation>,
        who: &Actor,
    ) -> Result<OperatorAdded, StoreError> {
        let now = self.now();
        let id = OperatorId(self.clock().new_id());
        let mut transaction = self.begin().await?;
        let added = sql("INSERT INTO operator (id, address, name, role, scope, created_at, created_by)
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (address) DO NOTHING")
        .bind(id)
        .bind(new.address)
        .bind(new.name)
        .bind(new.role)
        .bind(written(new.scope))
        .bind(now)
        .bind(who.name())
        .run(&mut transaction)
        .await?;
        if added == 0 {
            let row = sql("SELECT id FROM operator WHERE address = $1").bind(new.address).one(&mut transaction).await?;
            return Ok(OperatorAdded::Exists(row.get("id")?));
        }
        if let Some(invitation) = invitation {
            insert_invitation(&mut transaction, id, invitation, now, who.name()).await?;
        }
        let change = json!({
            "operator": new.address,
            "name": new.name,
            "role": new.role,
            "tenants": shown(new.scope),
            "invitation_expires_at": invitation.map(|invitation| invitation.expires_at),
        });
        let entry = NewAuditEntry::new(AuditAction::OperatorAdded, who).about(id.to_string()).with(change);
        append(&mut transaction, &entry, now).await?;
        transaction.commit().await?;
        Ok(OperatorAdded::Added(id))
    }

    /// Gives somebody another role or other tenants. It counts for their next request.
    pub async fn change_operator(
        &self,
        id: OperatorId,
        role: Role,
        scope: &TenantScope,
        who: &Actor,
    ) -> Result<OperatorChange, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let Some(before) = lock_operator(&mut transaction, id).await? else { return Ok(OperatorChange::Unknown) };
        if before.role == role && before.scope == *scope {
            return Ok(OperatorChange::Unchanged);
        }
        let stays_admin = role == Role::Admin && scope.is_all();
        if !stays_admin && is_last_admin(&mut transaction, id).await? {
            return Ok(OperatorChange::LastAdmin);
        }
        sql("UPDATE operator SET role = $2, scope = $3 WHERE id = $1")
            .bind(id)
            .bind(role)
            .bind(written(scope))
            .run(&mut transaction)
            .await?;
        let rights = |role: Role, scope: &TenantScope| json!({ "role": role, "tenants": shown(scope) });
        let mut change = changed_members(&rights(before.role, &before.scope), &rights(role, scope));
        change["operator"] = json!(before.address);
        let entry = NewAuditEntry::new(AuditAction::OperatorChanged, who).about(id.to_string()).with(change);
        append(&mut transaction, &entry, now).await?;
        transaction.commit().await?;
        Ok(OperatorChange::Done)
    }

    /// Ends somebody's sessions and lets them sign in no more, nor by an open link.
    pub async fn disable_operator(&self, id: OperatorId, who: &Actor) -> Result<OperatorChange, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let Some(before) = lock_operator(&mut transaction, id).await? else { return Ok(OperatorChange::Unknown) };
        if before.is_disabled {
            return Ok(OperatorChange::Unchanged);
        }
        if is_last_admin(&mut transaction, id).await? {
            return Ok(OperatorChange::LastAdmin);
        }
        sql("UPDATE operator SET disabled_at = $2, disabled_by = $3 WHERE id = $1")
            .bind(id)
            .bind(now)
            .bind(who.name())
            .run(&mut transaction)
            .await?;
        sql("DELETE FROM operator_invitation WHERE operator_id = $1").bind(id).run(&mut transaction).await?;
        delete_sessions(&mut transaction, id).await?;
        audit_operator(&mut transaction, AuditAction::OperatorDisabled, id, &before, who, now).await?;
        transaction.commit().await?;
        Ok(OperatorChange::Done)
    }

    /// Takes somebody's app and recovery codes away, and ends their sessions: they sign in by password, and set up another
    /// app where their role asks for one. `Unchanged` if they have none.
    pub async fn reset_totp(&self, id: OperatorId, who: &Actor) -> Result<OperatorChange, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let Some(before) = lock_operator(&mut transaction, id).await? else { return Ok(OperatorChange::Unknown) };
        if delete_totp(&mut transaction, id).await? == 0 {
            return Ok(OperatorChange::Unchanged);
        }
        delete_sessions(&mut transaction, id).await?;
        audit_operator(&mut transaction, AuditAction::SecondFactorRemoved, id, &before, who, now).await?;
        transaction.commit().await?;
        Ok(OperatorChange::Done)
    }

    /// Lets somebody sign in again, with the password that they had.
    pub async fn enable_operator(&self, id: OperatorId, who: &Actor) -> Result<OperatorChange, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let Some(before) = lock_operator(&mut transaction, id).await? else { return Ok(OperatorChange::Unknown) };
        if !before.is_disabled {
            return Ok(OperatorChange::Unchanged);
        }
        sql("UPDATE operator SET disabled_at = NULL, disabled_by = NULL WHERE id = $1")
            .bind(id)
            .run(&mut transaction)
            .await?;
        audit_operator(&mut transaction, AuditAction::OperatorEnabled, id, &before, who, now).await?;
        transaction.commit().await?;
        Ok(OperatorChange::Done)
    }
}

/// Keeps what was done with an operator, whose name goes with the detail.
async fn audit_operator(
    on: &mut Transaction,
    action: AuditAction,
    id: OperatorId,
    operator: &LockedOperator,
    who: &Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    let change = json!({ "operator": operator.address });
    append(on, &NewAuditEntry::new(action, who).about(id.to_string()).with(change), now).await
}

/// Whether this is the only operator who may manage operators and can sign in. Their rows are locked.
async fn is_last_admin(on: &mut impl StatementExecutor, id: OperatorId) -> Result<bool, StoreError> {
    let row = sql("SELECT COUNT(*) AS admins, COUNT(CASE WHEN id = $1 THEN 1 END) AS is_one FROM operator
        WHERE role = 'admin' AND scope = '*' AND disabled_at IS NULL AND password IS NOT NULL")
    .bind(id)
    .one(on)
    .await?;
    Ok(row.get::<i64>("admins")? == 1 && row.get::<i64>("is_one")? == 1)
}
