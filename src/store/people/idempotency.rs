//! Requests that name an idempotency key: which of them is done already, and what it was answered.
//!
//! The row decides, for all processes: whoever inserts it works on the request, the others see that somebody does. It
//! holds digests and an encrypted answer, so neither the key nor what was asked for can be read in it.
//!
//! A key is *taken*, *acted on* and *done*. It is acted on in the transaction of the change itself (`mark_acted`), so that
//! whatever ends between the change and the answer, no request makes the change under this key again: what is only taken
//! becomes free, what was acted on does not. What is done and was never acted on is an answer and nothing else: it goes with it.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::model::claimed_key::ClaimedKey;
use crate::secrets::{Sealed, SecretKeys};
use crate::sha256::Sha256;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::db::value::Row;
use crate::store::{DatabaseConnection, Store};

/// How long an answer is given again, and how long a key names what was done.
const KEPT: Duration = Duration::from_hours(24);

/// How long a request that has not ended keeps its key, or lets others wait for its answer: its process may have died.
pub const IDEMPOTENCY_LEASE: Duration = Duration::from_mins(2);

/// A key that is freed at the very moment at which it is looked at is tried for so often.
const TRIES_MAX: u32 = 3;

/// The purpose of the subkey that answers are encrypted with.
const ANSWER_LABEL: &str = "invoice-dispatcher idempotent answer v1";

/// A request with an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyedRequest {
    /// Of who asks, the route and the key.
    pub id: Sha256,
    /// Of what is asked for.
    pub payload: Sha256,
}

/// What a request with a key was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedAnswer {
    pub status: u16,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Whose a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyClaim {
    /// The caller's, who works on the request and then says so under this claim.
    Mine(Uuid),
    /// It was done; with its answer, unless that is not kept.
    Done(Option<KeyedAnswer>),
    /// Another one works on the same request.
    UnderWay,
    /// The change that it asks for was made, and no answer came of it: its process died, or it failed after the change.
    OutcomeUnknown,
    /// It names another request.
    OtherPayload,
}

impl Store {
    /// The same store; answers to requests with a key are kept, encrypted under a subkey of these. Without keys none is.
    #[must_use]
    pub fn with_answer_keys(self, keys: &SecretKeys) -> Self {
        Self { answer_keys: Some(keys.sealing_keys(ANSWER_LABEL)), ..self }
    }

    /// Takes the key for this request, unless it is taken: by one that was acted on or done within 24 hours, or by one that is
    /// under way and has begun within [`IDEMPOTENCY_LEASE`].
    pub async fn claim_key(&self, request: &KeyedRequest) -> Result<KeyClaim, StoreError> {
        let now = self.now();
        let mut on = self.write().await?;
        for _ in 0..TRIES_MAX {
            let claim = self.clock().new_id();
            if insert(&mut on, request, claim, now).await? {
                return Ok(KeyClaim::Mine(claim));
            }
            let row = sql("SELECT payload_sha256, is_done, answer_awaited_until, answer, key_fingerprint
                FROM idempotency_key WHERE id_sha256 = $1")
            .bind(request.id)
            .optional(&mut on)
            .await?;
            if let Some(row) = row {
                return self.read_claim(request, &row, now);
            }
        }
        Ok(KeyClaim::UnderWay)
    }

    /// Whose a key is that somebody has.
    fn read_claim(&self, request: &KeyedRequest, row: &Row, now: Timestamp) -> Result<KeyClaim, StoreError> {
        if row.get::<Sha256>("payload_sha256")? != request.payload {
            return Ok(KeyClaim::OtherPayload);
        }
        if !row.get::<bool>("is_done")? {
            let awaited_until: Option<Timestamp> = row.get("answer_awaited_until")?;
            let is_lost = awaited_until.is_some_and(|until| until <= now);
            return Ok(if is_lost { KeyClaim::OutcomeUnknown } else { KeyClaim::UnderWay });
        }
        let (bytes, key): (Option<Vec<u8>>, Option<String>) = (row.get("answer")?, row.get("key_fingerprint")?);
        let sealed = bytes.zip(key).map(|(bytes, key)| Sealed { key, bytes });
        // An answer whose secret key is gone is as good as not kept.
        let opened =
            sealed.zip(self.answer_keys.as_ref()).and_then(|(sealed, keys)| keys.open(&sealed, &owner(request)));
        Ok(KeyClaim::Done(opened.and_then(|bytes| unpacked(bytes.expose_secret()))))
    }

    /// Notes that the request was done, and keeps its answer for 24 hours, if there is one to be kept; `false` if the claim
    /// was lost meanwhile.
    pub async fn finish_key(
        &self,
        request: &KeyedRequest,
        claim: Uuid,
        answer: Option<&KeyedAnswer>,
    ) -> Result<bool, StoreError> {
        let keys = answer.zip(self.answer_keys.as_ref());
        let sealed = keys.map(|(answer, keys)| keys.seal(&packed(answer), &owner(request)));
        let finished =
            sql("UPDATE idempotency_key SET is_done = TRUE, kept_until = $3, answer = $4, key_fingerprint = $5
            WHERE id_sha256 = $1 AND claim = $2 AND NOT is_done")
            .bind(request.id)
            .bind(claim)
            .bind(self.now().plus(KEPT))
            .bind(sealed.as_ref().map(|sealed| &sealed.bytes[..]))
            .bind(sealed.as_ref().map(|sealed| sealed.key.as_str()))
            .run(&mut self.write().await?)
            .await?;
        Ok(finished > 0)
    }

    /// Gives the key back: the request has ended without an answer that is kept, and may be sent again under it. One that was
    /// acted on stays taken, and no answer of it is waited for any more.
    pub async fn free_key(&self, request: &KeyedRequest, claim: Uuid) -> Result<(), StoreError> {
        let mut on = self.write().await?;
        // A commit whose answer was lost may still be under way. It has marked this row, so it is waited for here, and the
        // condition is looked at again once it has ended.
        let freed = sql("DELETE FROM idempotency_key
            WHERE id_sha256 = $1 AND claim = $2 AND NOT is_done AND answer_awaited_until IS NULL")
        .bind(request.id)
        .bind(claim)
        .run(&mut on)
        .await?;
        if freed == 0 {
            sql("UPDATE idempotency_key SET answer_awaited_until = $3
                WHERE id_sha256 = $1 AND claim = $2 AND NOT is_done AND answer_awaited_until > $3")
            .bind(request.id)
            .bind(claim)
            .bind(self.now())
            .run(&mut on)
            .await?;
        }
        Ok(())
    }

    /// Deletes up to `limit` keys whose time is over.
    pub async fn purge_idempotency_keys(&self, limit: u32) -> Result<u64, StoreError> {
        // Asked twice: one that another request takes at this moment has another time by then.
        sql("DELETE FROM idempotency_key WHERE kept_until <= $1 AND id_sha256 IN (
                SELECT id_sha256 FROM idempotency_key WHERE kept_until <= $1 ORDER BY kept_until LIMIT $2)")
        .bind(self.now())
        .bind(limit)
        .run(&mut self.write().await?)
        .await
    }
}

/// Whether the key was free.
async fn insert(
    on: &mut DatabaseConnection,
    request: &KeyedRequest,
    claim: Uuid,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let inserted = sql("INSERT INTO idempotency_key (id_sha256, payload_sha256, claim, is_done, kept_until)
        VALUES ($1, $2, $3, FALSE, $4)
        -- Its time is over, and the sweeper has not come by yet; or whoever had it died.
        ON CONFLICT (id_sha256) DO UPDATE
            SET payload_sha256 = excluded.payload_sha256, claim = excluded.claim, is_done = FALSE,
                kept_until = excluded.kept_until, answer_awaited_until = NULL, answer = NULL, key_fingerprint = NULL
            WHERE idempotency_key.kept_until <= $5")
    .bind(request.id)
    .bind(request.payload)
    .bind(claim)
    .bind(now.plus(IDEMPOTENCY_LEASE))
    .bind(now)
    .run(on)
    .await?;
    Ok(inserted > 0)
}

/// Marks in a change's transaction the key that the change is made under: from its commit on, nobody gets the key for 24
/// hours.
///
/// Fails if the claim was lost to another request, as that of a process that stood still for longer than its lease, or if the
/// key was deleted since: then the change must not be committed. On PostgreSQL the row is locked until the end of the
/// transaction, so whoever would take or free the key meanwhile sees what came of it.
pub(in crate::store) async fn mark_acted(
    on: &mut impl StatementExecutor,
    key: &ClaimedKey,
    now: Timestamp,
) -> Result<(), StoreError> {
    let marked = sql("UPDATE idempotency_key SET
            -- The answer is waited for as long as the key would have been taken; a second change of the same request leaves
            -- that time as it is.
            answer_awaited_until = COALESCE(answer_awaited_until, kept_until), kept_until = $3
        WHERE id_sha256 = $1 AND claim = $2 AND NOT is_done")
    .bind(key.id)
    .bind(key.claim)
    .bind(now.plus(KEPT))
    .run(on)
    .await?;
    if marked == 0 { Err(StoreError::KeyLost) } else { Ok(()) }
}

/// Forgets every answer: whom one names cannot be seen. That a request was carried out stays known. The key of one that changed
/// nothing is free again: without its answer the row would only say that it was done.
pub(in crate::store) async fn forget_answers(on: &mut impl StatementExecutor) -> Result<(), StoreError> {
    sql("DELETE FROM idempotency_key WHERE is_done AND answer_awaited_until IS NULL").run(on).await?;
    sql("UPDATE idempotency_key SET answer = NULL, key_fingerprint = NULL WHERE answer IS NOT NULL").run(on).await?;
    Ok(())
}

/// What an answer is bound to: it opens for the same request alone.
fn owner(request: &KeyedRequest) -> [u8; 64] {
    let mut owner = [0; 64];
    owner[..32].copy_from_slice(request.id.as_bytes());
    owner[32..].copy_from_slice(request.payload.as_bytes());
    owner
}

/// The length of status and headers as JSON, these, and the body as it is.
fn packed(answer: &KeyedAnswer) -> Vec<u8> {
    let head = serde_json::to_vec(&(answer.status, &answer.headers)).expect("numbers and texts are JSON");
    let length = u32::try_from(head.len()).expect("the headers of an answer are short");
    [&length.to_be_bytes()[..], &head, &answer.body].concat()
}

fn unpacked(bytes: &[u8]) -> Option<KeyedAnswer> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (head, body) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let (status, headers) = serde_json::from_slice(head).ok()?;
    Some(KeyedAnswer { status, headers, body: body.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_back_as_it_was() {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        for body in [Vec::new(), b"{}".to_vec(), vec![0, 255, 34]] {
            let answer = KeyedAnswer { status: 202, headers: headers.clone(), body };
            let bytes = packed(&answer);
            assert_eq!(unpacked(&bytes), Some(answer));
            assert_eq!(unpacked(&bytes[..4]), None);
        }
        for broken in [&b""[..], b"\0\0\0", b"\0\0\0\x09[]", b"\xff\xff\xff\xff{}", b"\0\0\0\x02[]"] {
            assert_eq!(unpacked(broken), None, "{broken:?}");
        }
    }
}
