//! Text messages: each is written down before it is sent, so that the limits hold over all processes.

use uuid::Uuid;

use super::lockout::wait_for;
use crate::clock::Timestamp;
use crate::model::ids::{CustomerId, TenantId};
use crate::policy::sms_limits::{DAY, NETWORK_DAY_MAX, NUMBER_DAY_MAX, SmsHistory, SmsLimit, SmsUse, USE_WINDOW};
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::portal::challenge::CODE_LIVES;
use crate::store::{Store, Transaction};

/// What [`Store::reserve_sms`] of all processes waits for in turn, as a number that nothing else waits for.
const RESERVATION: i64 = 0x736d_735f_6c6f_6700;

/// A text message that somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct NewSms<'a> {
    pub tenant: &'a TenantId,
    pub customer: &'a CustomerId,
    /// HMACs of the number by every key in use, the newest first.
    pub number_hmacs: &'a [[u8; 32]],
    /// The network of the peer (/24, /64).
    pub network: Option<&'a str>,
    /// How many the tenant may send within a day.
    pub budget: u32,
}

/// Whether a text message may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmsReservation {
    /// It may, and counts from now on.
    Reserved {
        sms: Uuid,
        /// What became of those before it.
        earlier: SmsUse,
    },
    /// Not before `until`.
    Wait { limit: SmsLimit, until: Timestamp },
}

/// What became of a text message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmsResult {
    /// The provider has it.
    Sent,
    /// It was certainly not sent: it counts for no limit.
    Failed,
    /// The provider refused it; what it called that.
    Refused(String),
    /// Nobody knows.
    Unanswered,
}

impl Store {
    /// Counts a text message, if it may go out now.
    pub async fn reserve_sms(&self, sms: &NewSms<'_>) -> Result<SmsReservation, StoreError> {
        let mut transaction = self.begin().await?;
        // Text messages are few: one after the other is fast enough, and no order of locks can be wrong.
        wait_for(&mut transaction, RESERVATION).await?;
        let now = self.now();
        if let Some((limit, until)) = history(&mut transaction, sms, now).await?.wait(now) {
            return Ok(SmsReservation::Wait { limit, until });
        }
        let earlier = sms_use(&mut transaction, sms.tenant, now).await?;
        let id = self.clock().new_id();
        let newest = sms.number_hmacs.first().map(<[u8; 32]>::as_slice);
        sql("INSERT INTO sms_log (id, tenant_id, customer_id, number_hmac, network, at, result)
            VALUES ($1, $2, $3, $4, $5, $6, 'sending')")
        .bind(id)
        .bind(sms.tenant)
        .bind(sms.customer)
        .bind(newest)
        .bind(sms.network)
        .bind(now)
        .run(&mut transaction)
        .await?;
        transaction.commit().await?;
        Ok(SmsReservation::Reserved { sms: id, earlier })
    }

    /// Until when the next text message to this number has to wait, if at all.
    pub async fn sms_wait(&self, sms: &NewSms<'_>) -> Result<Option<(SmsLimit, Timestamp)>, StoreError> {
        let now = self.now();
        Ok(history(&mut self.read().await?, sms, now).await?.wait(now))
    }

    /// Writes down what became of a text message. The code of one that cannot arrive is good for nothing.
    pub async fn conclude_sms(&self, sms: Uuid, result: &SmsResult) -> Result<(), StoreError> {
        let (result, code) = match result {
            SmsResult::Sent => ("sent", None),
            SmsResult::Failed => ("failed", None),
            SmsResult::Refused(code) => ("refused", Some(code.as_str())),
            SmsResult::Unanswered => ("unanswered", None),
        };
        let may_arrive = matches!(result, "sent" | "unanswered");
        let mut connection = self.write().await?;
        sql("UPDATE sms_log SET result = $2, code = $3 WHERE id = $1 AND result = 'sending'")
            .bind(sms)
            .bind(result)
            .bind(code)
            .run(&mut connection)
            .await?;
        if !may_arrive {
            sql("DELETE FROM portal_code WHERE sms_id = $1").bind(sms).run(&mut connection).await?;
        }
        Ok(())
    }

    /// Deletes up to `limit` text messages from before `before`.
    pub async fn purge_sms_log(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        sql("DELETE FROM sms_log WHERE id IN (SELECT id FROM sms_log WHERE at < $1 ORDER BY at LIMIT $2)")
            .bind(before)
            .bind(limit)
            .run(&mut self.write().await?)
            .await
    }

    /// Deletes the networks of up to `limit` text messages from before `before`.
    pub async fn purge_sms_networks(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        sql("UPDATE sms_log SET network = NULL WHERE id IN (
                SELECT id FROM sms_log WHERE network IS NOT NULL AND at < $1 ORDER BY at LIMIT $2)")
        .bind(before)
        .bind(limit)
        .run(&mut self.write().await?)
        .await
    }
}

/// Deletes the text messages of a customer. Those of others to the same number stay, and go on counting for it.
pub(in crate::store) async fn erase_sms_log(
    on: &mut impl StatementExecutor,
    tenant: &TenantId,
    customer: &CustomerId,
) -> Result<u64, StoreError> {
    sql("DELETE FROM sms_log WHERE tenant_id = $1 AND customer_id = $2").bind(tenant).bind(customer).run(on).await
}

async fn history(on: &mut impl StatementExecutor, sms: &NewSms<'_>, now: Timestamp) -> Result<SmsHistory, StoreError> {
    let day_ago = now.minus(DAY);
    let rows = sql("WITH {rows}
        SELECT * FROM (
            SELECT 'number' AS of, sms_log.at FROM rows JOIN sms_log ON sms_log.number_hmac = rows.number_hmac
            WHERE sms_log.at > $1 AND sms_log.result <> 'failed' ORDER BY sms_log.at DESC LIMIT $2) AS number
        UNION ALL SELECT * FROM (
            SELECT 'network' AS of, at FROM sms_log
            WHERE network = $3 AND at > $1 AND result <> 'failed' ORDER BY at DESC LIMIT 1 OFFSET $4) AS network
        UNION ALL SELECT * FROM (
            SELECT 'tenant' AS of, at FROM sms_log
            WHERE tenant_id = $5 AND at > $1 AND result <> 'failed' ORDER BY at DESC LIMIT 1 OFFSET $6) AS tenant")
    .bind(day_ago)
    .bind(NUMBER_DAY_MAX)
    .bind(sms.network)
    .bind(NETWORK_DAY_MAX - 1)
    .bind(sms.tenant)
    .bind(sms.budget.saturating_sub(1))
    .rows("number_hmac bytea", sms.number_hmacs.iter().map(|hmac| [hmac.as_slice().into()]))
    .all(on)
    .await?;
    let mut history = SmsHistory::default();
    for row in &rows {
        let at = row.get("at")?;
        match row.get::<String>("of")?.as_str() {
            "number" => history.to_number.push(at),
            "network" => history.of_network = Some(at),
            _ => history.of_tenant = Some(at),
        }
    }
    history.to_number.sort_unstable_by(|one, other| other.cmp(one));
    Ok(history)
}

/// What became of a tenant's text messages that have had the time to be entered.
async fn sms_use(on: &mut Transaction, tenant: &TenantId, now: Timestamp) -> Result<SmsUse, StoreError> {
    let row = sql("SELECT COUNT(*) AS sent, COUNT(entered_at) AS entered FROM sms_log
        WHERE tenant_id = $1 AND at > $2 AND at < $3 AND result IN ('sent', 'unanswered')")
    .bind(tenant)
    .bind(now.minus(USE_WINDOW))
    .bind(now.minus(CODE_LIVES))
    .one(on)
    .await?;
    Ok(SmsUse { sent: row.get("sent")?, entered: row.get("entered")? })
}
