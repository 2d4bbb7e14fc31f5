//! Uncertain deliveries of workers that ended, where the relay is configured with `on_uncertain = "resend"`: they are sent
//! once more. (A live worker records that itself.)
//!
//! Once, and only the same bytes: the row keeps the digest of the message that may be out and what was decided for it, and
//! says that it may be out. The next attempt composes from the same snapshot and compares; where the bytes differ, or the
//! decision became stricter, or it has been sent once more already, it ends `uncertain`.

use std::collections::HashSet;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::model::ids::{DeliveryId, RelayName};
use crate::model::note::NoteKind;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{rows, sql};
use crate::store::db::value::Row;
use crate::store::delivery::kept_message::describe_messages;
use crate::store::delivery::notes::{DISPATCHER, insert_notes};
use crate::store::lane::claim::{Claim, Fence};
use crate::store::lane::record::attempt_record::{NewAttempt, Record};
use crate::store::{Store, Transaction};

/// How soon it is sent once more, in milliseconds: the same delay as after a live worker's uncertain attempt.
const DELAY_MS: i64 = 5_000;
const WHY: &str = "the worker ended while it handed the message over; the relay may hold it";

impl Store {
    /// The same database; by these relays what is uncertain is sent once more.
    #[must_use]
    pub fn with_resent_by(self, relays: impl IntoIterator<Item = RelayName>) -> Self {
        Self { resent_by: relays.into_iter().collect::<Arc<[_]>>(), ..self }
    }
}

/// Puts those of these rows back whose relay wants that and which have not been sent once more before; returns them.
/// `started` has `delivery_id`, `relay` and `may_be_out` of rows whose DATA has started, locked by this transaction.
pub(in crate::store) async fn send_once_more(
    on: &mut Transaction,
    relays: &[RelayName],
    started: &[Row],
    now: Timestamp,
) -> Result<Vec<DeliveryId>, StoreError> {
    let mut resent: Vec<DeliveryId> = Vec::new();
    for row in started {
        if !row.get::<bool>("may_be_out")? && relays.contains(&row.get("relay")?) {
            resent.push(row.get("delivery_id")?);
        }
    }
    if resent.is_empty() {
        return Ok(resent);
    }
    let ids = || resent.iter().map(|delivery| [(*delivery).into()]);
    // Before the row loses its worker: the attempt that this worker will not record.
    sql("WITH {rows}
        INSERT INTO attempt (delivery_id, claim, worker_id, relay, started_at, ended_at, phase, class, decision,
                             message_sha256)
        SELECT lane_entry.delivery_id, lane_entry.claim, lane_entry.worker_id, lane_entry.relay, $1, $1, $2, $3,
               lane_entry.decision, lane_entry.message_sha256
        FROM rows JOIN lane_entry ON lane_entry.delivery_id = rows.id
        WHERE TRUE
        ON CONFLICT (delivery_id, claim) DO NOTHING")
    .bind(now)
    .bind(Phase::Data)
    .bind(ReasonCode::Uncertain)
    .rows("id uuid", ids())
    .run(on)
    .await?;
    // The description of the message is kept on the delivery, in case the same bytes cannot be composed again.
    sql("WITH {rows}
        UPDATE delivery SET decision_reason = lane_entry.decision_reason, decision_inputs = lane_entry.decision_inputs,
               message_sha256 = lane_entry.message_sha256, message_date = lane_entry.message_date
        FROM rows JOIN lane_entry ON lane_entry.delivery_id = rows.id WHERE delivery.id = rows.id")
    .rows("id uuid", ids())
    .run(on)
    .await?;
    sql("WITH {rows}
        UPDATE lane_entry SET state = 'due', due_at = $1, worker_id = NULL, data_started = FALSE, fair_rank = NULL,
               may_be_out = TRUE, attempts = attempts + 1, last_class = $2, last_reply = $3,
               first_failed_at = COALESCE(first_failed_at, $4)
        FROM rows WHERE lane_entry.delivery_id = rows.id")
    .bind(Timestamp(now.0 + DELAY_MS))
    .bind(ReasonCode::Uncertain)
    .bind(WHY)
    .bind(now)
    .rows("id uuid", ids())
    .run(on)
    .await?;
    describe_messages(on, &resent).await?;
    insert_notes(on, &resent, DISPATCHER, &NoteKind::SentOnceMore.into(), now).await?;
    Ok(resent)
}

/// Keeps what the relay answered in the end to messages that were sent once more meanwhile, since their worker seemed to be
/// dead; returns whose they were. Each is written into the attempt that stands for its worker's, which stays `uncertain`:
/// nothing else changes by it, and what was sent once more goes on.
pub(in crate::store) async fn keep_late_answers(
    on: &mut Transaction,
    records: &[&Record],
    now: Timestamp,
) -> Result<HashSet<Claim>, StoreError> {
    let answered: Vec<(Fence, &NewAttempt)> = records
        .iter()
        .filter_map(|record| Some((record.fence, record.attempt.as_ref()?)))
        .filter(|(_, attempt)| attempt.class != ReasonCode::Uncertain && attempt.code.is_some())
        .collect();
    if answered.is_empty() {
        return Ok(HashSet::new());
    }
    // A record that is repeated finds a code there, and changes nothing.
    let kept: HashSet<Claim> = sql("WITH {rows}
        UPDATE attempt SET {assignments} FROM rows
        WHERE attempt.delivery_id = rows._id AND attempt.claim = rows._claim AND attempt.worker_id = rows._worker
          AND attempt.class = 'uncertain' AND attempt.code IS NULL
        RETURNING attempt.delivery_id, attempt.claim")
    .batch(rows!(&answered, |(fence, attempt)|
        let [id, claim, worker] = fence.values();
        {
            _id: uuid = id,
            _claim: bigint = claim,
            _worker: uuid = worker,
            started_at: bigint = attempt.started_at,
            ended_at: bigint = attempt.ended_at,
            phase: text = attempt.phase,
            code: text = &attempt.code,
            reply: text = &attempt.reply,
            refused: text = &attempt.refused,
            message_date: bigint = attempt.message_date,
        }
    ))
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("delivery_id")?, row.get("claim")?)))
    .collect::<Result<_, StoreError>>()?;
    for (fence, attempt) in answered.iter().filter(|(fence, _)| kept.contains(&fence.claim())) {
        let note = NoteKind::LateAnswer { class: attempt.class, code: attempt.code.clone(), stays: None };
        insert_notes(on, &[fence.delivery], DISPATCHER, &note.into(), now).await?;
    }
    Ok(kept)
}
