//! Tokens of programs that use the API. The database holds a digest of each.

use std::time::Duration;

use serde_json::json;

use super::audit::append::{NewAuditEntry, append};
use super::scope::{read_scope, shown, written};
use crate::clock::Timestamp;
use crate::model::access::{Principal, PrincipalKind, Role, TenantScope};
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{OperatorId, TokenId};
use crate::policy::permission::Permission;
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::page::{Cursor, Page, PageRequest};
use crate::store::db::statement::sql;
use crate::store::db::value::Row;

/// That a token is in use is written at most so often.
const USED_EVERY: Duration = Duration::from_mins(1);

/// A token to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewApiToken<'a> {
    /// Of its text.
    pub token: Sha256,
    /// How it begins, eight characters.
    pub prefix: &'a str,
    pub name: &'a str,
    pub role: Role,
    pub scope: &'a TenantScope,
    /// The operator who answers for it; none of one that was made by command.
    pub owner: Option<OperatorId>,
    pub expires_at: Timestamp,
}

/// A token in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedToken {
    pub id: TokenId,
    pub prefix: String,
    pub name: String,
    pub role: Role,
    pub scope: TenantScope,
    pub owner: Option<TokenOwner>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub expires_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub revoked_by: Option<String>,
}

/// Who answers for a token, as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenOwner {
    pub id: OperatorId,
    pub role: Role,
    pub scope: TenantScope,
    pub is_disabled: bool,
}

impl TokenOwner {
    /// Whether they may do that today, for all tenants.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        let Self { id, role, scope, is_disabled } = self;
        let kind = PrincipalKind::Operator(*id);
        let owner = Principal { kind, name: "".into(), role: *role, scope: scope.clone() };
        !is_disabled && owner.may(permission)
    }
}

/// A token that is neither revoked nor expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveToken {
    pub id: TokenId,
    pub name: String,
    pub role: Role,
    pub scope: TenantScope,
    pub owner: Option<TokenOwner>,
}

/// What [`read_owner`] reads, of `operator` joined by the token's `owner_id`.
macro_rules! owner_columns {
    () => {
        "api_token.owner_id, operator.role AS owner_role, operator.scope AS owner_scope,
         operator.disabled_at IS NOT NULL AS owner_is_disabled"
    };
}

fn read_owner(row: &Row) -> Result<Option<TokenOwner>, StoreError> {
    let Some(id) = row.get("owner_id")? else { return Ok(None) };
    Ok(Some(TokenOwner {
        id,
        role: row.get("owner_role")?,
        scope: read_scope(row, "owner_scope")?,
        is_disabled: row.get("owner_is_disabled")?,
    }))
}

impl Store {
    /// Adds a token; none if one that is not revoked has this name.
    pub async fn add_token(&self, new: &NewApiToken<'_>, who: &Actor) -> Result<Option<TokenId>, StoreError> {
        let now = self.now();
        let id = TokenId(self.clock().new_id());
        let mut transaction = self.begin().await?;
        let added =
            sql("INSERT INTO api_token (id, token_sha256, prefix, name, role, scope, owner_id, created_at, created_by,
                                                expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING")
            .bind(id)
            .bind(new.token)
            .bind(new.prefix)
            .bind(new.name)
            .bind(new.role)
            .bind(written(new.scope))
            .bind(new.owner)
            .bind(now)
            .bind(who.name())
            .bind(new.expires_at)
            .run(&mut transaction)
            .await?;
        if added == 0 {
            return Ok(None);
        }
        let change = json!({
            "token": new.name,
            "role": new.role,
            "tenants": shown(new.scope),
            "expires_at": new.expires_at,
        });
        let entry = NewAuditEntry::new(AuditAction::TokenMade, who).about(id.to_string()).with(change);
        append(&mut transaction, &entry, now).await?;
        transaction.commit().await?;
        Ok(Some(id))
    }

    /// A page of tokens, also of those that work no more; the newest first.
    pub async fn tokens(&self, page: PageRequest) -> Result<Page<ListedToken>, StoreError> {
        let after = page.after.unwrap_or(Cursor::BEGIN);
        let rows = sql(concat!(
            "SELECT api_token.id, api_token.prefix, api_token.name, api_token.role, api_token.scope, api_token.created_at,
                    api_token.created_by, api_token.expires_at, api_token.last_used_at, api_token.revoked_at,
                    api_token.revoked_by, ",
            owner_columns!(),
            " FROM api_token LEFT JOIN operator ON operator.id = api_token.owner_id
              WHERE (api_token.created_at, api_token.id) < ($1, $2)
              ORDER BY api_token.created_at DESC, api_token.id DESC LIMIT $3"
        ))
        .bind(after.at)
        .bind(after.id)
        .bind(page.limit.saturating_add(1))
        .all(&mut self.read().await?)
        .await?;
        let cursor = |token: &ListedToken| Cursor { at: token.created_at, id: token.id.0 };
        Page::of(&rows, page.limit, read_listed, cursor)
    }

    pub async fn token(&self, id: TokenId) -> Result<Option<ListedToken>, StoreError> {
        let row = sql(concat!(
            "SELECT api_token.id, api_token.prefix, api_token.name, api_token.role, api_token.scope, api_token.created_at,
                    api_token.created_by, api_token.expires_at, api_token.last_used_at, api_token.revoked_at,
                    api_token.revoked_by, ",
            owner_columns!(),
            " FROM api_token LEFT JOIN operator ON operator.id = api_token.owner_id WHERE api_token.id = $1"
        ))
        .bind(id)
        .optional(&mut self.read().await?)
        .await?;
        row.as_ref().map(read_listed).transpose()
    }

    /// The token of this name that is not revoked.
    pub async fn token_named(&self, name: &str) -> Result<Option<TokenId>, StoreError> {
        let row = sql("SELECT id FROM api_token WHERE name = $1 AND revoked_at IS NULL")
            .bind(name)
            .optional(&mut self.read().await?)
            .await?;
        row.map(|row| row.get("id")).transpose()
    }

    /// The token with this digest, if it is neither revoked nor expired; notes that it is in use.
    pub async fn live_token(&self, token: Sha256) -> Result<Option<LiveToken>, StoreError> {
        let now = self.now();
        let found = sql(concat!(
            "SELECT api_token.id, api_token.name, api_token.role, api_token.scope, api_token.last_used_at, ",
            owner_columns!(),
            " FROM api_token LEFT JOIN operator ON operator.id = api_token.owner_id
              WHERE api_token.token_sha256 = $1 AND api_token.revoked_at IS NULL AND api_token.expires_at > $2"
        ))
        .bind(token)
        .bind(now)
        .optional(&mut self.read().await?)
        .await?;
        let Some(row) = found else { return Ok(None) };
        let id: TokenId = row.get("id")?;
        let last_used_at: Option<Timestamp> = row.get("last_used_at")?;
        if last_used_at.is_none_or(|at| now.since(at) >= USED_EVERY) {
            sql("UPDATE api_token SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)")
                .bind(id)
                .bind(now)
                .run(&mut self.write().await?)
                .await?;
        }
        Ok(Some(LiveToken {
            id,
            name: row.get("name")?,
            role: row.get("role")?,
            scope: read_scope(&row, "scope")?,
            owner: read_owner(&row)?,
        }))
    }

    /// Revokes a token; `false` if it was revoked before, or is not there.
    pub async fn revoke_token(&self, id: TokenId, who: &Actor) -> Result<bool, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let revoked = sql("UPDATE api_token SET revoked_at = $2, revoked_by = $3
            WHERE id = $1 AND revoked_at IS NULL RETURNING name")
        .bind(id)
        .bind(now)
        .bind(who.name())
        .optional(&mut transaction)
        .await?;
        let Some(revoked) = revoked else { return Ok(false) };
        let change = json!({ "token": revoked.get::<String>("name")? });
        let entry = NewAuditEntry::new(AuditAction::TokenRevoked, who).about(id.to_string()).with(change);
        append(&mut transaction, &entry, now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The names of the tokens that an operator answers for and that are neither revoked nor expired.
    pub async fn live_tokens_of(&self, owner: OperatorId) -> Result<Vec<String>, StoreError> {
        sql("SELECT name FROM api_token
            WHERE owner_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY name LIMIT 100")
        .bind(owner)
        .bind(self.now())
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| row.get("name"))
        .collect()
    }
}

fn read_listed(row: &Row) -> Result<ListedToken, StoreError> {
    Ok(ListedToken {
        id: row.get("id")?,
        prefix: row.get("prefix")?,
        name: row.get("name")?,
        role: row.get("role")?,
        scope: read_scope(row, "scope")?,
        owner: read_owner(row)?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
        expires_at: row.get("expires_at")?,
        last_used_at: row.get("last_used_at")?,
        revoked_at: row.get("revoked_at")?,
        revoked_by: row.get("revoked_by")?,
    })
}
