//! What is told of a message that the relay may hold, although nobody knows whether it does: by its Message-ID a person
//! finds it in the relay's log.

use super::Transaction;
use super::claim::Fence;
use super::error::StoreError;
use super::record::BackToDue;
use super::statement::sql;
use super::value::Value;
use crate::decision::Reason;
use crate::ids::Sha256;

/// A message that the relay may hold.
#[derive(Debug, Clone)]
pub struct KeptMessage {
    /// Why it is as it is.
    pub decision_reason: Reason,
    /// JSON: what was decided upon.
    pub decision_inputs: String,
    /// The Message-ID, without angle brackets.
    pub message_id: String,
    /// The message's digest.
    pub message_sha256: Sha256,
    /// The message's size in bytes.
    pub message_size: u64,
    /// JSON: what was attached ([`crate::compose::Attachment`]).
    pub attachments: String,
}

/// Keeps on their deliveries what the relay may hold of those that are sent once more. Rarely any.
pub(super) async fn keep_messages<'r>(
    on: &mut Transaction,
    due: impl Iterator<Item = &'r (Fence, &'r BackToDue)>,
) -> Result<(), StoreError> {
    let kept: Vec<_> =
        due.filter_map(|(fence, due)| due.message.as_deref().map(|message| (fence.delivery, message))).collect();
    if kept.is_empty() {
        return Ok(());
    }
    sql("WITH {given}
        UPDATE delivery SET decision_reason = given.decision_reason, decision_inputs = given.decision_inputs,
               message_id = given.message_id, message_sha256 = given.message_sha256,
               message_size = given.message_size, attachments = given.attachments
        FROM given WHERE delivery.id = given.given_id")
    .given(
        "given_id uuid, decision_reason text, decision_inputs text, message_id text, message_sha256 bytea, \
         message_size bigint, attachments text",
        kept.iter().map(|(delivery, message)| {
            [
                (*delivery).into(),
                message.decision_reason.into(),
                (&message.decision_inputs).into(),
                (&message.message_id).into(),
                message.message_sha256.into(),
                Value::from(i64::try_from(message.message_size).unwrap_or(i64::MAX)),
                (&message.attachments).into(),
            ]
        }),
    )
    .run(on)
    .await?;
    Ok(())
}
