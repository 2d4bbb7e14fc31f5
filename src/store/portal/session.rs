//! A browser's session: the links that it opened and the customers that it was verified as.
//!
//! A session has one id after another. Each rise of its rights gives it a new id, so that an id that somebody else knew
//! before never has them; the old one keeps what it had for a moment, for pages that are being loaded.

use std::time::Duration;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::portal_event::PortalEventKind;
use crate::model::settings::VerificationMethod;
use crate::sha256::Sha256;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::portal::event::{NewPortalEvent, insert_portal_event_once, lock_links};
use crate::store::{Store, Transaction};

/// Opened links end after so long without a request …
pub(super) const SESSION_IDLE: Duration = Duration::from_mins(30);
/// … and so long after the first of them was opened.
const SESSION_MAX: Duration = Duration::from_hours(12);
/// A verification ends after so long without a request that needed it …
pub(super) const VERIFIED_IDLE: Duration = Duration::from_mins(15);
/// … and so long after it was made.
pub(super) const VERIFIED_MAX: Duration = Duration::from_hours(1);
/// How long an id that another one took the place of keeps its rights.
const OLD_ID: Duration = Duration::from_secs(30);
/// That a session is in use is written at most so often.
pub(super) const SEEN_EVERY: Duration = Duration::from_mins(1);

/// A link that is opened.
#[derive(Debug, Clone)]
pub struct NewPortalOpening {
    /// The id that the browser has, if any.
    pub old: Option<Sha256>,
    /// The id that it gets.
    pub new: Sha256,
    pub root: DeliveryId,
    /// Which of the link's tokens.
    pub generation: u32,
    /// The network of the peer (/24, /64).
    pub network: Option<String>,
}

/// A verification that has succeeded.
#[derive(Debug, Clone)]
pub struct NewVerification {
    pub tenant: TenantId,
    pub customer: CustomerId,
    pub method: VerificationMethod,
    /// HMAC of the record that it was proven against.
    pub record_hmac: [u8; 32],
}

impl Store {
    /// Opens a link in the browser's session, or in a new one, under a new id; records that it was opened, unless that was
    /// recorded of this network within the last 10 minutes.
    pub async fn open_portal_link(&self, opening: &NewPortalOpening) -> Result<(), StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        // Before the session: an erasure locks the two in this order.
        lock_links(&mut transaction, opening.root).await?;
        let goes_on = match opening.old {
            Some(old) => rotate(&mut transaction, old, opening.new, now).await?,
            None => false,
        };
        if !goes_on {
            sql("INSERT INTO portal_session (id_sha256, session, started_at, last_seen_at, ends_at, network)
                VALUES ($1, $2, $3, $3, $4, $5)")
            .bind(opening.new)
            .bind(self.clock().new_id())
            .bind(now)
            .bind(now.plus(SESSION_MAX))
            .bind(opening.network.as_deref())
            .run(&mut transaction)
            .await?;
        }
        sql("INSERT INTO portal_session_link (id_sha256, root_id, generation, opened_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (id_sha256, root_id) DO UPDATE SET generation = excluded.generation,
                   opened_at = excluded.opened_at")
        .bind(opening.new)
        .bind(opening.root)
        .bind(opening.generation)
        .bind(now)
        .run(&mut transaction)
        .await?;
        let event = NewPortalEvent {
            root: opening.root,
            kind: PortalEventKind::Opened,
            detail: None,
            network: opening.network.clone(),
        };
        insert_portal_event_once(&mut transaction, &event, now).await?;
        transaction.commit().await
    }

    /// Adds a verification to the session under a new id. False if the session has ended meanwhile.
    pub async fn raise_portal_session(
        &self,
        old: Sha256,
        new: Sha256,
        verification: &NewVerification,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        if !rotate(&mut transaction, old, new, now).await? {
            return Ok(false);
        }
        sql("INSERT INTO portal_session_customer (id_sha256, tenant_id, customer_id, method, record_hmac, verified_at,
                                                 last_used_at)
            VALUES ($1, $2, $3, $4, $5, $6, $6)
            ON CONFLICT (id_sha256, tenant_id, customer_id) DO UPDATE SET method = excluded.method,
                   record_hmac = excluded.record_hmac, verified_at = excluded.verified_at,
                   last_used_at = excluded.last_used_at")
        .bind(new)
        .bind(&verification.tenant)
        .bind(&verification.customer)
        .bind(verification.method)
        .bind(&verification.record_hmac[..])
        .bind(now)
        .run(&mut transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The session that has this id, if it has not ended; notes that it is in use.
    pub async fn portal_session(&self, id: Sha256) -> Result<Option<Uuid>, StoreError> {
        let now = self.now();
        let found = sql("SELECT session, last_seen_at FROM portal_session
                         WHERE id_sha256 = $1 AND ends_at > $2 AND last_seen_at > $3")
        .bind(id)
        .bind(now)
        .bind(now.minus(SESSION_IDLE))
        .optional(&mut self.read().await?)
        .await?;
        let Some(row) = found else { return Ok(None) };
        if now.since(row.get("last_seen_at")?) >= SEEN_EVERY {
            sql("UPDATE portal_session SET last_seen_at = $2 WHERE id_sha256 = $1 AND last_seen_at < $2")
                .bind(id)
                .bind(now)
                .run(&mut self.write().await?)
                .await?;
        }
        row.get("session").map(Some)
    }

    /// Ends a session, under all of its ids.
    pub async fn close_portal_session(&self, session: Uuid) -> Result<(), StoreError> {
        let mut connection = self.write().await?;
        // The statement may have waited for a new id that it does not see: the next one does.
        while sql("DELETE FROM portal_session WHERE session = $1").bind(session).run(&mut connection).await? > 0 {}
        Ok(())
    }

    /// Deletes up to `limit` ids that ended before `before`.
    pub async fn purge_portal_sessions(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        sql("DELETE FROM portal_session WHERE id_sha256 IN (
                SELECT id_sha256 FROM portal_session WHERE ends_at < $1 ORDER BY ends_at LIMIT $2)")
        .bind(before)
        .bind(limit)
        .run(&mut self.write().await?)
        .await
    }

    /// Deletes the networks of up to `limit` ids of sessions that were begun before `before`.
    pub async fn purge_portal_session_networks(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        sql("UPDATE portal_session SET network = NULL WHERE id_sha256 IN (
                SELECT id_sha256 FROM portal_session WHERE network IS NOT NULL AND started_at < $1 LIMIT $2)")
        .bind(before)
        .bind(limit)
        .run(&mut self.write().await?)
        .await
    }
}

/// Gives a session that has not ended another id, with the rights of `old` and no others: what another id of it was given
/// meanwhile, `old` never had.
async fn rotate(on: &mut Transaction, old: Sha256, new: Sha256, now: Timestamp) -> Result<bool, StoreError> {
    // First, for it locks the row: a session that is closed or erased at this moment is gone by now, or whoever ends it
    // waits for its new id.
    let ended = sql("UPDATE portal_session SET ends_at = CASE WHEN ends_at > $4 THEN $4 ELSE ends_at END
        WHERE id_sha256 = $1 AND ends_at > $2 AND last_seen_at > $3")
    .bind(old)
    .bind(now)
    .bind(now.minus(SESSION_IDLE))
    .bind(now.plus(OLD_ID))
    .run(on)
    .await?;
    if ended == 0 {
        return Ok(false);
    }
    sql("INSERT INTO portal_session (id_sha256, session, started_at, last_seen_at, ends_at, network)
        SELECT $2, session, started_at, $3, started_at + $4, network FROM portal_session WHERE id_sha256 = $1")
    .bind(old)
    .bind(new)
    .bind(now)
    .bind(i64::try_from(SESSION_MAX.as_millis()).expect("12 hours"))
    .run(on)
    .await?;
    sql("INSERT INTO portal_session_link (id_sha256, root_id, generation, opened_at)
        SELECT $2, root_id, generation, opened_at FROM portal_session_link WHERE id_sha256 = $1")
    .bind(old)
    .bind(new)
    .run(on)
    .await?;
    sql("INSERT INTO portal_session_customer (id_sha256, tenant_id, customer_id, method, record_hmac, verified_at,
                                             last_used_at)
        SELECT $2, tenant_id, customer_id, method, record_hmac, verified_at, last_used_at
        FROM portal_session_customer WHERE id_sha256 = $1")
    .bind(old)
    .bind(new)
    .run(on)
    .await?;
    Ok(true)
}

/// Ends every session that opened a link of this customer or was verified as them.
pub(in crate::store) async fn erase_portal_sessions(
    on: &mut impl StatementExecutor,
    tenant: &TenantId,
    customer: &CustomerId,
) -> Result<u64, StoreError> {
    let mut erased = 0;
    loop {
        // As where one is closed: the next statement sees the new id that this one waited for.
        let ended = sql("DELETE FROM portal_session WHERE session IN (
                SELECT session FROM portal_session JOIN portal_session_customer AS verified USING (id_sha256)
                WHERE verified.tenant_id = $1 AND verified.customer_id = $2
                UNION
                SELECT session FROM portal_session JOIN portal_session_link AS opened USING (id_sha256)
                       JOIN delivery ON delivery.id = opened.root_id
                WHERE delivery.tenant_id = $1 AND delivery.customer_id = $2)")
        .bind(tenant)
        .bind(customer)
        .run(on)
        .await?;
        erased += ended;
        if ended == 0 {
            return Ok(erased);
        }
    }
}
