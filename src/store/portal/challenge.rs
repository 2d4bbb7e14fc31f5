//! Verifications that sessions have begun, and the codes that were sent for them.
//!
//! The method is chosen once for each and stays, whatever fails meanwhile: used-up tries, limits and messages that do not
//! arrive never lead to another one. The codes under way share one challenge, and it has a few tries for all of them.

use std::time::Duration;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::model::ids::{CustomerId, TenantId};
use crate::model::settings::VerificationMethod;
use crate::secrets::{HmacKeys, OneTimeCode};
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};

/// How long a code is good.
pub const CODE_LIVES: Duration = Duration::from_mins(5);

/// A verification that is not finished is forgotten after this time; the next one chooses its method anew.
const VERIFICATION_LIVES: Duration = Duration::from_mins(30);

/// How often a code is compared for one challenge.
const TRIES_MAX: u32 = 5;

/// Whose verification: one session's, as one customer.
#[derive(Debug, Clone, Copy)]
pub struct VerificationOf<'a> {
    /// The same under each id of the session.
    pub session: Uuid,
    pub tenant: &'a TenantId,
    pub customer: &'a CustomerId,
}

/// A code and the number that it is sent to. Entered, it counts for the number that is on record by then.
#[derive(Debug, Clone, Copy)]
pub struct SentCode<'a> {
    pub code: &'a OneTimeCode,
    pub mobile: &'a str,
}

/// What decides about the method of a verification.
#[derive(Debug, Clone, Copy)]
pub struct MethodChoice<'a> {
    /// The methods that the customer can use, in the tenant's order; at least one.
    pub usable: &'a [VerificationMethod],
    /// Text messages cannot be sent now: the provider does not work.
    pub sms_is_down: bool,
}

impl MethodChoice<'_> {
    /// The first that is available, else the first: that one is waited for.
    fn now(&self) -> Option<VerificationMethod> {
        let is_available = |method: &&VerificationMethod| **method != VerificationMethod::SmsOtp || !self.sms_is_down;
        self.usable.iter().find(is_available).or(self.usable.first()).copied()
    }
}

/// A verification that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BegunVerification {
    pub method: VerificationMethod,
    /// It began just now.
    pub is_new: bool,
    /// A code is under way.
    pub has_live_code: bool,
}

impl Store {
    /// The verification of this session and customer: the one that it has begun, or a new one. None without a usable method.
    pub async fn begin_portal_verification(
        &self,
        of: VerificationOf<'_>,
        choice: MethodChoice<'_>,
    ) -> Result<Option<BegunVerification>, StoreError> {
        let Some(method) = choice.now() else { return Ok(None) };
        let now = self.now();
        let usable = |method| choice.usable.contains(&method);
        // One that has begun keeps its method, as long as the customer can use it at all. Text messages that cannot be sent
        // are no failure of the visitor's: while no code has gone out, such a verification may still choose.
        let begun = sql("INSERT INTO portal_verification
                (session, tenant_id, customer_id, method, started_at, ends_at, challenge)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (session, tenant_id, customer_id) DO UPDATE SET
                method = excluded.method, started_at = excluded.started_at, ends_at = excluded.ends_at,
                challenge = excluded.challenge, tries = 0
            WHERE portal_verification.ends_at <= $5
               OR NOT ((portal_verification.method = 'postcode_house_number' AND $8)
                       OR (portal_verification.method = 'sms_otp' AND $9
                           AND (NOT $10 OR EXISTS (SELECT 1 FROM portal_code
                                                   WHERE portal_code.challenge = portal_verification.challenge))))
            RETURNING method")
        .bind(of.session)
        .bind(of.tenant)
        .bind(of.customer)
        .bind(method)
        .bind(now)
        .bind(now.plus(VERIFICATION_LIVES))
        .bind(self.clock().new_id())
        .bind(usable(VerificationMethod::PostcodeHouseNumber))
        .bind(usable(VerificationMethod::SmsOtp))
        .bind(choice.sms_is_down && method != VerificationMethod::SmsOtp)
        .optional(&mut self.write().await?)
        .await?;
        if let Some(row) = begun {
            return Ok(Some(BegunVerification { method: row.get("method")?, is_new: true, has_live_code: false }));
        }
        let row = sql("SELECT method, EXISTS (SELECT 1 FROM portal_code
                   WHERE portal_code.challenge = portal_verification.challenge AND portal_code.expires_at > $4) AS has_code
            FROM portal_verification WHERE session = $1 AND tenant_id = $2 AND customer_id = $3")
        .bind(of.session)
        .bind(of.tenant)
        .bind(of.customer)
        .bind(now)
        .optional(&mut self.read().await?)
        .await?;
        let read = |row: crate::store::db::value::Row| {
            let (method, has_live_code) = (row.get("method")?, row.get("has_code")?);
            Ok(BegunVerification { method, is_new: false, has_live_code })
        };
        row.map(read).transpose()
    }

    /// Adds a code to the challenge of a verification by SMS; begins another challenge if no code of it is good any more,
    /// or its tries are used up. False if there is no such verification.
    pub async fn add_portal_code(
        &self,
        of: VerificationOf<'_>,
        sms: Uuid,
        sent: SentCode<'_>,
        keys: &HmacKeys,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let challenge = sql("UPDATE portal_verification SET
                challenge = CASE WHEN goes_on THEN challenge ELSE $4 END,
                tries = CASE WHEN goes_on THEN tries ELSE 0 END
            FROM (SELECT before.session AS s, before.tenant_id AS t, before.customer_id AS c,
                         before.tries < $6 AND EXISTS (SELECT 1 FROM portal_code
                             WHERE portal_code.challenge = before.challenge AND portal_code.expires_at > $5) AS goes_on
                  FROM portal_verification AS before
                  WHERE before.session = $1 AND before.tenant_id = $2 AND before.customer_id = $3
                    AND before.method = 'sms_otp' AND before.ends_at > $5) AS begun
            WHERE session = s AND tenant_id = t AND customer_id = c
            RETURNING challenge")
        .bind(of.session)
        .bind(of.tenant)
        .bind(of.customer)
        .bind(self.clock().new_id())
        .bind(now)
        .bind(TRIES_MAX)
        .optional(&mut transaction)
        .await?;
        let Some(row) = challenge else { return Ok(false) };
        let challenge: Uuid = row.get("challenge")?;
        let hmac = keys.sign(&code_parts(&challenge, &of.session, sent));
        sql("INSERT INTO portal_code (challenge, code_hmac, sms_id, expires_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (challenge, code_hmac) DO UPDATE SET sms_id = excluded.sms_id, expires_at = excluded.expires_at")
        .bind(challenge)
        .bind(hmac.as_slice())
        .bind(sms)
        .bind(now.plus(CODE_LIVES))
        .run(&mut transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Whether the code is one of those that were sent for this verification, is good, and was not entered before. It costs
    /// a try, and the right one ends the verification with all its codes.
    pub async fn enter_portal_code(
        &self,
        of: VerificationOf<'_>,
        sent: SentCode<'_>,
        keys: &HmacKeys,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        // The row is locked until the end: two who enter the same code come one after the other.
        let verification = sql("UPDATE portal_verification SET tries = tries + 1
            WHERE session = $1 AND tenant_id = $2 AND customer_id = $3 AND method = 'sms_otp' AND tries < $4
            RETURNING challenge")
        .bind(of.session)
        .bind(of.tenant)
        .bind(of.customer)
        .bind(TRIES_MAX)
        .optional(&mut transaction)
        .await?;
        let Some(row) = verification else { return Ok(false) };
        let challenge: Uuid = row.get("challenge")?;
        let codes = sql("SELECT code_hmac, sms_id FROM portal_code WHERE challenge = $1 AND expires_at > $2")
            .bind(challenge)
            .bind(now)
            .all(&mut transaction)
            .await?;
        let parts = code_parts(&challenge, &of.session, sent);
        let mut entered: Option<Uuid> = None;
        for row in &codes {
            // All of them, each in constant time: how long it takes tells nothing.
            if keys.verify(&parts, &row.get::<Vec<u8>>("code_hmac")?) {
                entered = Some(row.get("sms_id")?);
            }
        }
        if let Some(sms) = entered {
            sql("DELETE FROM portal_code WHERE challenge = $1").bind(challenge).run(&mut transaction).await?;
            end(&mut transaction, of).await?;
            sql("UPDATE sms_log SET entered_at = $2 WHERE id = $1").bind(sms).bind(now).run(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(entered.is_some())
    }

    /// Ends a verification that has succeeded otherwise.
    pub async fn end_portal_verification(&self, of: VerificationOf<'_>) -> Result<(), StoreError> {
        end(&mut self.write().await?, of).await
    }

    /// Deletes up to `limit` verifications that ended before `before`, and as many codes.
    pub async fn purge_portal_verifications(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut connection = self.write().await?;
        // One that has just begun anew is left alone.
        let verifications = sql("DELETE FROM portal_verification
            WHERE ends_at < $1 AND (session, tenant_id, customer_id) IN (
                SELECT session, tenant_id, customer_id FROM portal_verification
                WHERE ends_at < $1 ORDER BY ends_at LIMIT $2)")
        .bind(before)
        .bind(limit)
        .run(&mut connection)
        .await?;
        let codes = sql("DELETE FROM portal_code
            WHERE expires_at < $1 AND (challenge, code_hmac) IN (
                SELECT challenge, code_hmac FROM portal_code WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)")
        .bind(before)
        .bind(limit)
        .run(&mut connection)
        .await?;
        Ok(verifications + codes)
    }
}

/// Deletes the verifications and codes of a customer.
pub(in crate::store) async fn erase_portal_verifications(
    on: &mut impl StatementExecutor,
    tenant: &TenantId,
    customer: &CustomerId,
) -> Result<u64, StoreError> {
    sql("DELETE FROM portal_code WHERE challenge IN (
            SELECT challenge FROM portal_verification WHERE tenant_id = $1 AND customer_id = $2)")
    .bind(tenant)
    .bind(customer)
    .run(on)
    .await?;
    sql("DELETE FROM portal_verification WHERE tenant_id = $1 AND customer_id = $2")
        .bind(tenant)
        .bind(customer)
        .run(on)
        .await
}

async fn end(on: &mut impl StatementExecutor, of: VerificationOf<'_>) -> Result<(), StoreError> {
    sql("DELETE FROM portal_verification WHERE session = $1 AND tenant_id = $2 AND customer_id = $3")
        .bind(of.session)
        .bind(of.tenant)
        .bind(of.customer)
        .run(on)
        .await?;
    Ok(())
}

/// What a code is bound to: its challenge, the session that asked for it, and the number that it was sent to.
fn code_parts<'a>(challenge: &'a Uuid, session: &'a Uuid, sent: SentCode<'a>) -> [&'a [u8]; 4] {
    [challenge.as_bytes(), session.as_bytes(), sent.mobile.as_bytes(), sent.code.digits().as_bytes()]
}
