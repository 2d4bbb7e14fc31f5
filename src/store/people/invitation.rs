//! One-time links by which operators choose a password: the first one, or another in place of one that was taken away.

use serde_json::json;

use super::audit::append::{NewAuditEntry, append};
use super::lock::lock_operator;
use super::session::delete_sessions;
use super::totp::delete_totp;
use crate::clock::Timestamp;
use crate::model::access::InvitationKind;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::OperatorId;
use crate::secrets::PasswordHash;
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};

/// A link to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewInvitation {
    pub kind: InvitationKind,
    /// Of the token.
    pub token: Sha256,
    pub expires_at: Timestamp,
}

/// A link that works now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInvitation {
    pub operator: OperatorId,
    /// Whose it is.
    pub address: String,
    pub name: String,
    pub kind: InvitationKind,
    pub expires_at: Timestamp,
}

/// What became of making a link for somebody who is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invited {
    /// Any earlier link of theirs works no more.
    Done,
    Unknown,
    /// They may not sign in.
    Disabled,
    /// They have a password: it is to be reset instead.
    HasPassword,
}

impl Store {
    /// Makes a link for an operator, in place of an earlier one.
    ///
    /// A reset takes password, app and recovery codes away and ends every session, at once: whoever asks for one has lost
    /// them, or fears that somebody else has them.
    pub async fn invite_operator(
        &self,
        id: OperatorId,
        invitation: &NewInvitation,
        who: &Actor,
    ) -> Result<Invited, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let Some(operator) = lock_operator(&mut transaction, id).await? else { return Ok(Invited::Unknown) };
        if operator.is_disabled {
            return Ok(Invited::Disabled);
        }
        let action = match invitation.kind {
            InvitationKind::Invitation => {
                let row = sql("SELECT password IS NOT NULL AS has_password FROM operator WHERE id = $1")
                    .bind(id)
                    .one(&mut transaction)
                    .await?;
                if row.get("has_password")? {
                    return Ok(Invited::HasPassword);
                }
                AuditAction::OperatorInvited
            }
            InvitationKind::Reset => {
                sql("UPDATE operator SET password = NULL, password_changed_at = NULL WHERE id = $1")
                    .bind(id)
                    .run(&mut transaction)
                    .await?;
                delete_totp(&mut transaction, id).await?;
                delete_sessions(&mut transaction, id).await?;
                AuditAction::OperatorReset
            }
        };
        insert_invitation(&mut transaction, id, invitation, now, who.name()).await?;
        let change = json!({ "operator": operator.address, "expires_at": invitation.expires_at });
        let entry = NewAuditEntry::new(action, who).about(id.to_string()).with(change);
        append(&mut transaction, &entry, now).await?;
        transaction.commit().await?;
        Ok(Invited::Done)
    }

    /// The link with this token, if it works.
    pub async fn open_invitation(&self, token: Sha256) -> Result<Option<OpenInvitation>, StoreError> {
        let row = sql("SELECT operator.id, operator.address, operator.name, invitation.kind, invitation.expires_at
            FROM operator_invitation AS invitation JOIN operator ON operator.id = invitation.operator_id
            WHERE invitation.token_sha256 = $1 AND invitation.expires_at > $2 AND operator.disabled_at IS NULL")
        .bind(token)
        .bind(self.now())
        .optional(&mut self.read().await?)
        .await?;
        row.map(|row| {
            Ok(OpenInvitation {
                operator: row.get("id")?,
                address: row.get("address")?,
                name: row.get("name")?,
                kind: row.get("kind")?,
                expires_at: row.get("expires_at")?,
            })
        })
        .transpose()
    }

    /// Uses a link up and gives its operator the password, and the name that they want to go by. None if it works no more: of
    /// two at the same moment, one. `network` is the client's.
    pub async fn accept_invitation(
        &self,
        token: Sha256,
        password: &PasswordHash,
        name: Option<&str>,
        network: Option<&str>,
    ) -> Result<Option<OperatorId>, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let found = sql("SELECT operator_id FROM operator_invitation WHERE token_sha256 = $1")
            .bind(token)
            .optional(&mut transaction)
            .await?;
        let Some(row) = found else { return Ok(None) };
        let operator: OperatorId = row.get("operator_id")?;
        // The operator first, as where a link is made: two at once cannot wait for each other.
        let locked = lock_operator(&mut transaction, operator).await?;
        let Some(locked) = locked.filter(|operator| !operator.is_disabled) else { return Ok(None) };
        let used = sql("DELETE FROM operator_invitation WHERE token_sha256 = $1 AND expires_at > $2 RETURNING kind")
            .bind(token)
            .bind(now)
            .optional(&mut transaction)
            .await?;
        let Some(used) = used else { return Ok(None) };
        sql("UPDATE operator SET password = $2, password_changed_at = $3, name = COALESCE($4, name) WHERE id = $1")
            .bind(operator)
            .bind(password.as_str())
            .bind(now)
            .bind(name)
            .run(&mut transaction)
            .await?;
        delete_sessions(&mut transaction, operator).await?;
        let who = Actor::new(locked.principal(operator)).from_network_if_known(network);
        let kind: InvitationKind = used.get("kind")?;
        let entry = NewAuditEntry::new(AuditAction::InvitationAccepted, &who).about(operator.to_string());
        append(&mut transaction, &entry.with(json!({ "kind": kind, "name": name })), now).await?;
        transaction.commit().await?;
        Ok(Some(operator))
    }

    /// Deletes up to `limit` links that have expired.
    pub async fn purge_operator_invitations(&self, limit: u32) -> Result<u64, StoreError> {
        sql("DELETE FROM operator_invitation WHERE operator_id IN (
                SELECT operator_id FROM operator_invitation WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)
             AND expires_at < $1")
        .bind(self.now())
        .bind(limit)
        .run(&mut self.write().await?)
        .await
    }
}

pub(super) async fn insert_invitation(
    on: &mut impl StatementExecutor,
    operator: OperatorId,
    invitation: &NewInvitation,
    now: Timestamp,
    by: &str,
) -> Result<(), StoreError> {
    sql("INSERT INTO operator_invitation (operator_id, token_sha256, kind, created_at, created_by, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (operator_id) DO UPDATE SET token_sha256 = excluded.token_sha256, kind = excluded.kind,
               created_at = excluded.created_at, created_by = excluded.created_by, expires_at = excluded.expires_at")
    .bind(operator)
    .bind(invitation.token)
    .bind(invitation.kind)
    .bind(now)
    .bind(by)
    .bind(invitation.expires_at)
    .run(on)
    .await?;
    Ok(())
}
