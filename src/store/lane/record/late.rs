//! Answers that come late: their deliveries were declared uncertain meanwhile, in the claim that answers.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::attempt_record::{BackToDue, Record};
use super::{back_to_due, due, kept, new_notes};
use crate::clock::Timestamp;
use crate::model::state::Concluded;
use crate::store::Transaction;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::delivery::kept_message::keep_messages;
use crate::store::delivery::notes::insert_new_notes;
use crate::store::lane::claim::{Claim, Fence};
use crate::store::lane::held::held_by_people;
use crate::store::upkeep::concluded_count::count_concluded;

/// Claims whose deliveries are uncertain, locked by this transaction.
#[derive(Default)]
pub(super) struct LateClaims {
    pub(super) claims: HashSet<Claim>,
    /// What people hold their deliveries for, should they or what is left of them come back.
    pub(super) held: HashMap<Claim, String>,
}

/// Finds deliveries that were declared uncertain in the claim that now answers after all, and locks them.
pub(super) async fn find_late(on: &mut Transaction, records: &[&Record]) -> Result<LateClaims, StoreError> {
    let mut late = LateClaims::default();
    if records.is_empty() {
        return Ok(late);
    }
    let rows = sql("WITH {rows}
        SELECT delivery.id, delivery.claim
        FROM rows JOIN delivery ON delivery.id = rows.id AND delivery.claim = rows.claim
        WHERE delivery.concluded = 'uncertain' ORDER BY delivery.id {postgres: FOR UPDATE OF delivery}")
    .rows("id uuid, claim bigint, worker_id uuid", records.iter().map(|record| record.fence.values()))
    .all(on)
    .await?;
    for row in &rows {
        late.claims.insert((row.get("id")?, row.get("claim")?));
    }
    late.held = find_held(on, &late.claims).await?;
    Ok(late)
}

/// What people hold of deliveries that an earlier statement has locked, and for what.
async fn find_held(on: &mut Transaction, claims: &HashSet<Claim>) -> Result<HashMap<Claim, String>, StoreError> {
    if claims.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sql(concat!(
        "WITH {rows} SELECT delivery.id, delivery.claim, ",
        held_by_people!(),
        " AS held FROM rows JOIN delivery ON delivery.id = rows.id JOIN tenant ON tenant.id = delivery.tenant_id"
    ))
    .rows("id uuid", claims.iter().map(|(delivery, _)| [(*delivery).into()]))
    .all(on)
    .await?;
    let mut held = HashMap::new();
    for row in &rows {
        if let Some(reason) = row.get::<Option<String>>("held")? {
            held.insert((row.get("id")?, row.get("claim")?), reason);
        }
    }
    Ok(held)
}

/// Gives late ones that are to be sent again their lane entry back; what people hold is held in it.
pub(super) async fn send_late_again(
    on: &mut Transaction,
    records: &[&Record],
    late: &LateClaims,
    now: Timestamp,
) -> Result<(), StoreError> {
    let back: Vec<(Fence, &BackToDue)> =
        due(records).into_iter().filter(|(fence, _)| late.claims.contains(&fence.claim())).collect();
    let Some((first, _)) = back.first() else { return Ok(()) };
    sql(concat!(
        "WITH {rows}
        INSERT INTO lane_entry (delivery_id, relay, tenant_id, customer_id, state, expires_at, claim, worker_id,
                                decision, portal_access, portal_method, decision_reason, decision_inputs,
                                message_sha256, message_date, held)
        SELECT delivery.id, tenant.relay, delivery.tenant_id, delivery.customer_id, 'sending',
               delivery.expires_at, rows.claim, rows.worker_id, delivery.decision, delivery.portal_access,
               delivery.portal_method, delivery.decision_reason, delivery.decision_inputs, delivery.message_sha256,
               delivery.message_date, ",
        held_by_people!(),
        " FROM rows JOIN delivery ON delivery.id = rows.id JOIN tenant ON tenant.id = delivery.tenant_id"
    ))
    .rows("id uuid, claim bigint, worker_id uuid", back.iter().map(|(fence, _)| fence.values()))
    .run(on)
    .await?;
    sql("WITH {rows}
        UPDATE delivery SET concluded = NULL, concluded_at = NULL, class = NULL, reason = NULL, held_by_hand = NULL
        WHERE id IN (SELECT id FROM rows)")
    .rows("id uuid", back.iter().map(|(fence, _)| [fence.delivery.into()]))
    .run(on)
    .await?;
    let fewer = -i64::try_from(back.len()).unwrap_or(i64::MAX);
    count_concluded(on, first.delivery, &BTreeMap::from([(Concluded::Uncertain, fewer)])).await?;
    back_to_due(on, &back, now).await?;
    keep_messages(on, &kept(back.iter())).await?;
    insert_new_notes(on, &new_notes(back.iter()), now).await
}
