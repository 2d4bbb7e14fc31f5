//! What a relay answered to senders' mails, whichever worker sent them.
//!
//! Asked when a mail was refused, never when one was accepted. An index holds the answers of each sender in their
//! order; the keys of several senders are found one after the other by it, since neither database skips through an
//! index by itself.

use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::model::ids::{DeliveryId, RelayName, WorkerId};
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::policy::refusal_words::same_words;
use crate::policy::sender_key::{SenderKey, SenderKeys};
use crate::policy::sender_trip::PastAnswer;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::db::value::Row;

/// So many answers are judged at most.
const ANSWERS_MAX: u32 = 100;

/// Begins a statement: `sender` is every key between `$2` and `$3` that a relay has answered to. Which relay it was
/// (`$1`) is asked of the attempts themselves.
macro_rules! senders {
    () => {
        "WITH RECURSIVE sender (sender_key) AS (
            SELECT MIN(sender_key) FROM attempt WHERE sender_key >= $2 AND sender_key <= $3
            UNION ALL
            SELECT (SELECT MIN(attempt.sender_key) FROM attempt
                    WHERE attempt.sender_key > sender.sender_key AND attempt.sender_key <= $3)
            FROM sender WHERE sender.sender_key IS NOT NULL) "
    };
}
pub(in crate::store::lane) use senders;

/// Whether `attempt` ended by an answer that may be about its sender, and ended its delivery: a rejection with an enhanced
/// code is the recipient's own.
macro_rules! may_be_the_senders {
    () => {
        "(attempt.class = 'refused' OR (attempt.class = 'rejected' AND attempt.code NOT LIKE '% %'))"
    };
}
pub(in crate::store::lane) use may_be_the_senders;

/// An answer, and when it came.
pub type DatedAnswer = (Timestamp, PastAnswer<Phase>);

impl Store {
    /// When the relay accepted a mail of one of these senders last.
    pub async fn last_accepted(&self, relay: &RelayName, keys: &SenderKeys) -> Result<Option<Timestamp>, StoreError> {
        find_last_accepted(&mut self.read().await?, relay, keys).await
    }

    /// Whether the relay has accepted a mail of another worker after `since`.
    pub async fn accepts_others(
        &self,
        relay: &RelayName,
        worker: WorkerId,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let keys = SenderKey::all_senders(relay);
        let other = sql(concat!(
            senders!(),
            "SELECT attempt.delivery_id FROM sender JOIN attempt ON attempt.sender_key = sender.sender_key
             WHERE attempt.relay = $1 AND attempt.ended_at > $4 AND attempt.class = 'accepted'
               AND attempt.worker_id <> $5 LIMIT 1"
        ))
        .bind(relay)
        .bind(*keys.start())
        .bind(*keys.end())
        .bind(since)
        .bind(worker)
        .optional(&mut self.read().await?)
        .await?;
        Ok(other.is_some())
    }

    /// What else the relay answered to these senders after `since`, the newest first, and no more than a row of
    /// refusals needs. What tripped a hold before the last acceptance, `accepted`, or was let go by hand, does not
    /// count.
    pub async fn refusals_since(
        &self,
        relay: &RelayName,
        keys: &SenderKeys,
        since: Timestamp,
        accepted: Option<Timestamp>,
    ) -> Result<Vec<DatedAnswer>, StoreError> {
        sql(concat!(
            senders!(),
            "SELECT attempt.delivery_id, attempt.phase, attempt.class, attempt.code, attempt.reply, attempt.refused,
                    attempt.ended_at, delivery.tripped_at
             FROM sender JOIN attempt ON attempt.relay = $1 AND attempt.sender_key = sender.sender_key
                  JOIN delivery ON delivery.id = attempt.delivery_id
             WHERE attempt.ended_at > $4 AND attempt.class <> 'accepted'
             ORDER BY attempt.ended_at DESC, attempt.delivery_id DESC LIMIT $5"
        ))
        .bind(relay)
        .bind(*keys.start())
        .bind(*keys.end())
        .bind(since)
        .bind(ANSWERS_MAX)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| read(row, accepted))
        .collect()
    }

    /// How the attempt of a delivery ended that followed its claim `after`, and whether it has ended or was taken back;
    /// `None` while it goes on.
    pub async fn attempt_after(
        &self,
        relay: &RelayName,
        delivery: DeliveryId,
        after: u32,
    ) -> Result<Option<EndedAttempt>, StoreError> {
        let on = &mut self.read().await?;
        // In this order: the row leaves `sending` in the transaction that writes the attempt.
        let goes_on = sql("SELECT delivery_id FROM lane_entry
            WHERE delivery_id = $1 AND relay = $2 AND (state = 'sending' OR (held IS NULL AND claim = $3))")
        .bind(delivery)
        .bind(relay)
        .bind(after)
        .optional(on)
        .await?;
        if goes_on.is_some() {
            return Ok(None);
        }
        let ended = sql("SELECT phase, class, code FROM attempt
            WHERE delivery_id = $1 AND claim > $2 AND relay = $3 ORDER BY claim DESC LIMIT 1")
        .bind(delivery)
        .bind(after)
        .bind(relay)
        .optional(on)
        .await?;
        Ok(Some(match ended {
            None => EndedAttempt::default(),
            Some(row) => {
                EndedAttempt { phase: row.get("phase")?, class: Some(row.get("class")?), code: row.get("code")? }
            }
        }))
    }
}

/// How an attempt ended; empty, if none was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndedAttempt {
    /// Where in the conversation.
    pub phase: Option<Phase>,
    pub class: Option<ReasonCode>,
    /// The relay's codes.
    pub code: Option<String>,
}

/// When the relay accepted a mail of one of these senders last, as a transaction sees it.
pub(super) async fn find_last_accepted(
    on: &mut impl StatementExecutor,
    relay: &RelayName,
    keys: &SenderKeys,
) -> Result<Option<Timestamp>, StoreError> {
    sql(concat!(
        senders!(),
        "SELECT MAX(last.ended_at) AS accepted_at FROM (
            SELECT (SELECT attempt.ended_at FROM attempt
                    WHERE attempt.relay = $1 AND attempt.sender_key = sender.sender_key
                      AND attempt.class = 'accepted'
                    ORDER BY attempt.ended_at DESC LIMIT 1) AS ended_at
            FROM sender WHERE sender.sender_key IS NOT NULL) AS last"
    ))
    .bind(relay)
    .bind(*keys.start())
    .bind(*keys.end())
    .one(on)
    .await?
    .get("accepted_at")
}

fn read(row: &Row, accepted: Option<Timestamp>) -> Result<DatedAnswer, StoreError> {
    let tripped_at: Option<Timestamp> = row.get("tripped_at")?;
    // What was let go by hand has tripped at 0.
    let counts_after = accepted.unwrap_or(Timestamp(0)).max(Timestamp(0));
    let answer = PastAnswer {
        delivery: row.get("delivery_id")?,
        phase: row.get::<Option<Phase>>("phase")?.unwrap_or(Phase::Connect),
        class: row.get("class")?,
        code: row.get::<Option<String>>("code")?.unwrap_or_default(),
        words: same_words(&row.get::<Option<String>>("reply")?.unwrap_or_default()),
        domain: row.get::<Option<String>>("refused")?.as_deref().and_then(first_domain),
        counts: tripped_at.is_none_or(|tripped| tripped > counts_after),
    };
    Ok((row.get("ended_at")?, answer))
}

/// The domain of the first recipient in an attempt's list of those that were refused.
fn first_domain(refused: &str) -> Option<String> {
    let refused: Vec<HashMap<String, Option<String>>> = serde_json::from_str(refused).ok()?;
    domain_of(refused.first()?.get("address")?.as_deref()?)
}

/// The domain of an address, as it is compared.
pub(in crate::store::lane) fn domain_of(address: &str) -> Option<String> {
    address.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase())
}
