//! What is kept of a message that the relay may hold: by its Message-ID a person can find it in the relay's log.

use crate::clock::Timestamp;
use crate::model::ids::DeliveryId;
use crate::model::state::Decision;
use crate::model::tenant::TenantProfile;
use crate::policy::decision::Reason;
use crate::sha256::Sha256;
use crate::store::Transaction;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{rows, sql};
use crate::store::db::value::Row;
use crate::{compose, event};

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
    pub message_date: Timestamp,
    /// The message's size in bytes.
    pub message_size: u64,
    /// JSON: what was attached ([`crate::compose::Attachment`]).
    pub attachments: String,
}

/// Keeps on their deliveries what the relay may hold of those that are sent once more. Rarely any.
pub(in crate::store) async fn keep_messages(
    on: &mut Transaction,
    kept: &[(DeliveryId, &KeptMessage)],
) -> Result<(), StoreError> {
    if kept.is_empty() {
        return Ok(());
    }
    sql("WITH {rows} UPDATE delivery SET {assignments} FROM rows WHERE delivery.id = rows._id")
        .batch(rows!(kept, |(delivery, message)| {
            _id: uuid = *delivery,
            decision_reason: text = message.decision_reason,
            decision_inputs: text = &message.decision_inputs,
            message_id: text = &message.message_id,
            message_sha256: bytea = message.message_sha256,
            message_date: bigint = message.message_date,
            message_size: bigint = i64::try_from(message.message_size).unwrap_or(i64::MAX),
            attachments: text = &message.attachments,
        }))
        .run(on)
        .await?;
    Ok(())
}

/// Writes on uncertain deliveries whose worker is gone what their message is known by. It took that with it; but all of
/// it follows from the snapshot, and only the size does not.
pub(in crate::store) async fn describe_messages(
    on: &mut Transaction,
    deliveries: &[DeliveryId],
) -> Result<(), StoreError> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let rows = sql("WITH {rows}
        SELECT delivery.id, delivery.root_id, COALESCE(delivery.decision, lane_entry.decision) AS decision,
               tenant_profile.body AS profile, event.body AS event_body
        FROM rows JOIN delivery ON delivery.id = rows.id AND delivery.message_id IS NULL
             JOIN tenant_profile ON tenant_profile.tenant_id = delivery.tenant_id
                                AND tenant_profile.version = delivery.profile_version
             LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id
             LEFT JOIN event ON event.key = delivery.event_key")
    .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .all(on)
    .await?;
    let described = rows.iter().map(describe).collect::<Result<Vec<_>, StoreError>>()?;
    sql("WITH {rows} UPDATE delivery SET {assignments} FROM rows WHERE delivery.id = rows._id")
        .batch(rows!(&described, |(delivery, id, attachments)| {
            _id: uuid = *delivery,
            message_id: text = id,
            attachments: text = attachments,
        }))
        .run(on)
        .await?;
    Ok(())
}

/// The Message-ID and the attachments; what cannot be read any more is left out, and stops nothing.
fn describe(row: &Row) -> Result<(DeliveryId, Option<String>, Option<String>), StoreError> {
    let root = row.get("root_id")?;
    let profile = row.json::<TenantProfile>("profile").ok();
    let id = profile.and_then(|profile| compose::message_id(root, &profile).ok());
    let attachments = match row.get("decision")? {
        Some(Decision::Link) => Some("[]".to_owned()),
        Some(Decision::Attach) => row
            .get::<Option<Vec<u8>>>("event_body")?
            .and_then(|body| event::reread(&body).ok())
            .map(|data| serde_json::to_string(&compose::all_attached(&data)).expect("attachments are JSON")),
        None => None,
    };
    Ok((row.get("id")?, id, attachments))
}
