//! Sessions of operators: browsers that somebody has signed in with.
//!
//! A session keeps one row. Each rise of its rights puts another id into it, so that an id that somebody else knew before
//! is worth nothing afterwards.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::audit::append::{NewAuditEntry, append};
use super::scope::read_scope;
use crate::clock::Timestamp;
use crate::model::access::{Principal, PrincipalKind, Role, SessionStage, TenantScope};
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::OperatorId;
use crate::secrets::PasswordHash;
use crate::sha256::Sha256;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::{Store, Transaction};

/// A session ends after so long without a request …
const SESSION_IDLE: Duration = Duration::from_hours(1);
/// … and so long after the sign-in.
const SESSION_MAX: Duration = Duration::from_hours(12);
/// How long a sign-in may take from the password to its end.
const SIGN_IN_MAX: Duration = Duration::from_mins(15);
/// That a session is in use is written at most so often.
const SEEN_EVERY: Duration = Duration::from_mins(1);
/// Sessions that one operator has at once; a further one ends the oldest.
const SESSIONS_MAX: u32 = 20;

/// A sign-in that has begun.
#[derive(Debug, Clone)]
pub struct NewOperatorSession<'a> {
    /// Of the browser's id.
    pub id: Sha256,
    pub operator: OperatorId,
    pub stage: SessionStage,
    /// The network of the peer (/24, /64).
    pub network: Option<&'a str>,
    /// What the browser calls itself, in short.
    pub browser: Option<&'a str>,
    /// What was compared or chosen: the session begins while that is their password. None: nothing was.
    pub password: Option<&'a PasswordHash>,
}

/// A session that has not ended, and whose it is, as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSession {
    /// The id that the browser showed, as the database knows it.
    pub id_sha256: Sha256,
    /// The same under each of its ids.
    pub session: Uuid,
    pub stage: SessionStage,
    /// When its owner has proven last who they are, by password or code.
    pub proven_at: Timestamp,
    pub operator: OperatorId,
    pub address: String,
    pub role: Role,
    pub scope: TenantScope,
    /// An authenticator app is set up.
    pub has_totp: bool,
}

impl OperatorSession {
    /// Its owner, as histories and the audit log name them.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal {
            kind: PrincipalKind::Operator(self.operator),
            name: self.address.as_str().into(),
            role: self.role,
            scope: self.scope.clone(),
        }
    }

    /// Its owner, who does something from this network.
    #[must_use]
    pub fn actor(&self, network: Option<&str>) -> Actor {
        Actor::new(self.principal()).from_network_if_known(network)
    }
}

/// A session in its owner's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSession {
    pub session: Uuid,
    pub started_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub ends_at: Timestamp,
    pub network: Option<String>,
    pub browser: Option<String>,
}

impl Store {
    /// Begins a session; `false` if the operator may not sign in any more, or not by that password.
    pub async fn begin_operator_session(&self, new: &NewOperatorSession<'_>) -> Result<bool, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        // Locked: whoever disables this operator at this moment waits, and then ends this session, too. Who was faster with
        // another password has ended the sessions that there were, and this one would not be among them.
        let owner = sql("SELECT address, role, scope FROM operator
                         WHERE id = $1 AND disabled_at IS NULL AND ($2 IS NULL OR password = $2)
                         {postgres: FOR NO KEY UPDATE}")
        .bind(new.operator)
        .bind(new.password.map(PasswordHash::as_str))
        .optional(&mut transaction)
        .await?;
        let Some(owner) = owner else { return Ok(false) };
        let session = self.clock().new_id();
        let ended = end_oldest(&mut transaction, new.operator, now).await?;
        sql("INSERT INTO operator_session (id_sha256, session, operator_id, stage, started_at, last_seen_at, ends_at,
                                           network, browser)
            VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8)")
        .bind(new.id)
        .bind(session)
        .bind(new.operator)
        .bind(new.stage)
        .bind(now)
        .bind(now.plus(longest(new.stage)))
        .bind(new.network)
        .bind(new.browser)
        .run(&mut transaction)
        .await?;
        let who = Actor::new(Principal {
            kind: PrincipalKind::Operator(new.operator),
            name: owner.get::<String>("address")?.into(),
            role: owner.get("role")?,
            scope: read_scope(&owner, "scope")?,
        });
        let who = who.from_network_if_known(new.network);
        if new.stage == SessionStage::Open {
            note_sign_in(&mut transaction, new.operator, session, new.browser, &who, now).await?;
        }
        for ended in ended {
            let change = json!({ "session": { "old": ended, "new": session }, "sessions_max": SESSIONS_MAX });
            let entry = NewAuditEntry::new(AuditAction::SessionEnded, &who).about(ended.to_string());
            append(&mut transaction, &entry.with(change), now).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Lets a session do more, under another id; `false` if it has ended meanwhile, or is not at `from` any more.
    pub async fn raise_operator_session(
        &self,
        session: &OperatorSession,
        new: Sha256,
        stage: SessionStage,
        who: &Actor,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let raised = sql("UPDATE operator_session SET id_sha256 = $2, stage = $3, last_seen_at = $4, ends_at = $5
            WHERE id_sha256 = $1 AND stage = $6 AND ends_at > $4
              AND EXISTS (SELECT 1 FROM operator WHERE operator.id = operator_session.operator_id
                                                   AND operator.disabled_at IS NULL)
            RETURNING browser")
        .bind(session.id_sha256)
        .bind(new)
        .bind(stage)
        .bind(now)
        .bind(now.plus(longest(stage)))
        .bind(session.stage)
        .optional(&mut transaction)
        .await?;
        let Some(raised) = raised else { return Ok(false) };
        if session.stage != SessionStage::Open && stage == SessionStage::Open {
            let browser: Option<String> = raised.get("browser")?;
            note_sign_in(&mut transaction, session.operator, session.session, browser.as_deref(), who, now).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The session with this id, if it has not ended; notes that it is in use.
    pub async fn operator_session(&self, id: Sha256) -> Result<Option<OperatorSession>, StoreError> {
        let now = self.now();
        let found = sql("SELECT session.session, session.stage, session.last_seen_at, session.ends_at, operator.id, operator.address,
                   operator.role, operator.scope,
                   EXISTS (SELECT 1 FROM operator_totp AS totp
                           WHERE totp.operator_id = operator.id AND totp.is_confirmed) AS has_totp
            FROM operator_session AS session JOIN operator ON operator.id = session.operator_id
            WHERE session.id_sha256 = $1 AND session.ends_at > $2 AND session.last_seen_at > $3
              AND operator.disabled_at IS NULL")
        .bind(id)
        .bind(now)
        .bind(now.minus(SESSION_IDLE))
        .optional(&mut self.read().await?)
        .await?;
        let Some(row) = found else { return Ok(None) };
        if now.since(row.get("last_seen_at")?) >= SEEN_EVERY {
            sql("UPDATE operator_session SET last_seen_at = $2 WHERE id_sha256 = $1 AND last_seen_at < $2")
                .bind(id)
                .bind(now)
                .run(&mut self.write().await?)
                .await?;
        }
        let (stage, ends_at): (SessionStage, Timestamp) = (row.get("stage")?, row.get("ends_at")?);
        Ok(Some(OperatorSession {
            id_sha256: id,
            session: row.get("session")?,
            stage,
            proven_at: ends_at.minus(longest(stage)),
            operator: row.get("id")?,
            address: row.get("address")?,
            role: row.get("role")?,
            scope: read_scope(&row, "scope")?,
            has_totp: row.get("has_totp")?,
        }))
    }

    /// The sessions of an operator that have not ended, the newest first.
    pub async fn operator_sessions(&self, operator: OperatorId) -> Result<Vec<ListedSession>, StoreError> {
        let now = self.now();
        sql("SELECT session, started_at, last_seen_at, ends_at, network, browser FROM operator_session
            WHERE operator_id = $1 AND stage = 'open' AND ends_at > $2 AND last_seen_at > $3
            ORDER BY started_at DESC, session DESC LIMIT $4")
        .bind(operator)
        .bind(now)
        .bind(now.minus(SESSION_IDLE))
        .bind(SESSIONS_MAX)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| {
            Ok(ListedSession {
                session: row.get("session")?,
                started_at: row.get("started_at")?,
                last_seen_at: row.get("last_seen_at")?,
                ends_at: row.get("ends_at")?,
                network: row.get("network")?,
                browser: row.get("browser")?,
            })
        })
        .collect()
    }

    /// Ends a session of the operator whose other or same session `own` is; `false` if it is not theirs, or has ended.
    pub async fn end_operator_session(
        &self,
        own: &OperatorSession,
        session: Uuid,
        who: &Actor,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        // The row stays a while: it says from which networks its owner has signed in.
        let ended = sql("UPDATE operator_session SET ends_at = $3
            WHERE operator_id = $1 AND session = $2 AND ends_at > $3 RETURNING stage")
        .bind(own.operator)
        .bind(session)
        .bind(now)
        .optional(&mut transaction)
        .await?;
        let Some(ended) = ended else { return Ok(false) };
        // A sign-in that is given up on its way was none.
        if ended.get::<SessionStage>("stage")? == SessionStage::Open {
            let action = if session == own.session { AuditAction::SignedOut } else { AuditAction::SessionEnded };
            let entry = NewAuditEntry::new(action, who).about(session.to_string());
            append(&mut transaction, &entry, now).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Ends the sessions of an operator but for `own`; returns how many.
    pub async fn end_other_operator_sessions(&self, own: &OperatorSession, who: &Actor) -> Result<u64, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let ended = end_others(&mut transaction, own, now).await?;
        if ended > 0 {
            let change = json!({ "sessions": ended });
            append(&mut transaction, &NewAuditEntry::new(AuditAction::SessionEnded, who).with(change), now).await?;
        }
        transaction.commit().await?;
        Ok(ended)
    }

    /// Deletes up to `limit` sessions that ended before `before`.
    pub async fn purge_operator_sessions(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        sql("DELETE FROM operator_session WHERE id_sha256 IN (
                SELECT id_sha256 FROM operator_session WHERE ends_at < $1 ORDER BY ends_at LIMIT $2)")
        .bind(before)
        .bind(limit)
        .run(&mut self.write().await?)
        .await
    }
}

/// How long a session lasts at most.
const fn longest(stage: SessionStage) -> Duration {
    match stage {
        SessionStage::Code | SessionStage::Enrol => SIGN_IN_MAX,
        SessionStage::Open => SESSION_MAX,
    }
}

/// Makes room for one more; returns the sessions that were in use until now. Sign-ins that are not finished go first: whoever
/// has the password alone ends nobody's work.
async fn end_oldest(on: &mut Transaction, operator: OperatorId, now: Timestamp) -> Result<Vec<Uuid>, StoreError> {
    let ended = sql("UPDATE operator_session SET ends_at = $2 WHERE id_sha256 IN (
            SELECT id_sha256 FROM operator_session WHERE operator_id = $1 AND ends_at > $2
            ORDER BY CASE WHEN stage = $4 THEN 0 ELSE 1 END, started_at DESC, id_sha256 LIMIT 1000 OFFSET $3)
        RETURNING session, stage, last_seen_at")
    .bind(operator)
    .bind(now)
    .bind(SESSIONS_MAX - 1)
    .bind(SessionStage::Open)
    .all(on)
    .await?;
    let mut in_use = Vec::new();
    for row in &ended {
        let is_open = row.get::<SessionStage>("stage")? == SessionStage::Open;
        // One without a request for so long had ended by itself.
        if is_open && now.since(row.get("last_seen_at")?) < SESSION_IDLE {
            in_use.push(row.get("session")?);
        }
    }
    Ok(in_use)
}

/// Ends an operator's sessions but for `own`; returns how many.
pub(super) async fn end_others(on: &mut Transaction, own: &OperatorSession, now: Timestamp) -> Result<u64, StoreError> {
    sql("UPDATE operator_session SET ends_at = $3 WHERE operator_id = $1 AND session <> $2 AND ends_at > $3")
        .bind(own.operator)
        .bind(own.session)
        .bind(now)
        .run(on)
        .await
}

/// A session is open from now on. The last statement before the commit.
async fn note_sign_in(
    on: &mut Transaction,
    operator: OperatorId,
    session: Uuid,
    browser: Option<&str>,
    who: &Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql("UPDATE operator SET last_sign_in_at = $2 WHERE id = $1").bind(operator).bind(now).run(on).await?;
    let entry = NewAuditEntry::new(AuditAction::SignedIn, who).about(session.to_string());
    append(on, &entry.with(json!({ "browser": browser })), now).await
}

/// Ends all sessions of an operator for good: no network of theirs is known any more.
pub(super) async fn delete_sessions(on: &mut impl StatementExecutor, operator: OperatorId) -> Result<(), StoreError> {
    sql("DELETE FROM operator_session WHERE operator_id = $1").bind(operator).run(on).await?;
    Ok(())
}
