//! What people hold although it is in no lane: deliveries that have ended, and may come back by themselves.
//!
//! The mark is `delivery.held_by_hand`. It is written when a delivery ends that a person held, and by a hold on what had ended
//! before. Whatever brings a delivery back by itself locks its row, reads the mark then (`held_by_people!`), and takes it away:
//! in the lane, `lane_entry.held` says the same. So what a person holds is known by one of the two at any moment, until it is
//! let go, or a person decides something else about that delivery.

use crate::clock::Timestamp;
use crate::model::ids::{DeliveryId, TenantId};
use crate::store::Transaction;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::lane::held::{BY_HAND, may_come_back};
use crate::store::lane::sender::sender_history::may_be_the_senders;

/// Deliveries of the tenant `$1`, or of all, that have ended without a mark and may come back by themselves: a late answer may
/// have one sent again, a hold of its sender takes back what was refused since `$2`, and what one lacked may come. For
/// statements that read `delivery`.
///
/// The first condition has the index of what people may look at used, which holds none that was sent.
macro_rules! unmarked {
    () => {
        concat!(
            "delivery.attention_at > 0 AND delivery.held_by_hand IS NULL AND ($1 IS NULL OR delivery.tenant_id = $1)
             AND (delivery.concluded = 'uncertain'
                  OR (delivery.concluded IN ('dead', 'rejected') AND delivery.attention_at >= $2
                      AND EXISTS (SELECT 1 FROM attempt
                                  WHERE attempt.delivery_id = delivery.id AND attempt.claim = delivery.claim
                                    AND attempt.sender_key IS NOT NULL AND ",
            may_be_the_senders!(),
            "))
                  OR (delivery.concluded = 'dead'
                      AND EXISTS (SELECT 1 FROM dead_letter
                                  WHERE dead_letter.delivery_id = delivery.id AND dead_letter.state = 'open'
                                    AND dead_letter.class IN
                                        ('unknown_tenant', 'unknown_customer', 'no_verification_method'))))"
        )
    };
}

/// Whether a delivery of this tenant, or of any, waits and is not held, or has ended and may come back without being held.
///
/// One statement, so one state of the database: a delivery that is on its way between its lane and an end is seen in one of
/// the two. Two statements could miss it in both.
pub(in crate::store) async fn is_anything_free(
    on: &mut impl StatementExecutor,
    tenant: Option<&TenantId>,
    refused_since: Timestamp,
) -> Result<bool, StoreError> {
    let found = sql(concat!(
        "SELECT 1 AS one
         WHERE EXISTS (SELECT 1 FROM lane_entry WHERE (held IS NULL OR held <> $3) AND ($1 IS NULL OR tenant_id = $1))
            OR EXISTS (SELECT 1 FROM delivery WHERE ",
        unmarked!(),
        ")"
    ))
    .bind(tenant)
    .bind(refused_since)
    .bind(BY_HAND)
    .optional(on)
    .await?;
    Ok(found.is_some())
}

/// Whether a delivery of this tenant, or of any, is held by hand, in its lane or ended. One statement, as above.
pub(in crate::store) async fn is_anything_held(
    on: &mut impl StatementExecutor,
    tenant: Option<&TenantId>,
) -> Result<bool, StoreError> {
    let found = sql("SELECT 1 AS one
        WHERE EXISTS (SELECT 1 FROM lane_entry WHERE held = $2 AND ($1 IS NULL OR tenant_id = $1))
           OR EXISTS (SELECT 1 FROM delivery WHERE held_by_hand IS NOT NULL AND ($1 IS NULL OR tenant_id = $1))")
    .bind(tenant)
    .bind(BY_HAND)
    .optional(on)
    .await?;
    Ok(found.is_some())
}

/// Marks up to `limit` deliveries that have ended and may come back by themselves; returns them.
pub(in crate::store) async fn mark_ended(
    on: &mut Transaction,
    tenant: Option<&TenantId>,
    refused_since: Timestamp,
    limit: u32,
) -> Result<Vec<DeliveryId>, StoreError> {
    // Found first and locked in their order afterwards: what moved in between is left out, wherever it is by now.
    let ended: Vec<DeliveryId> = sql(concat!(
        "WITH found AS MATERIALIZED (SELECT delivery.id FROM delivery WHERE ",
        unmarked!(),
        " LIMIT $3)
        SELECT delivery.id FROM delivery
        WHERE delivery.id IN (SELECT id FROM found)
          AND delivery.held_by_hand IS NULL AND delivery.concluded IN ('uncertain', 'dead', 'rejected')
        ORDER BY delivery.id {postgres: FOR UPDATE OF delivery}"
    ))
    .bind(tenant)
    .bind(refused_since)
    .bind(limit)
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("id"))
    .collect::<Result<_, _>>()?;
    mark(on, &ended).await?;
    Ok(ended)
}

/// Marks deliveries that have ended, and that this transaction has locked.
pub(in crate::store) async fn mark(on: &mut Transaction, ended: &[DeliveryId]) -> Result<(), StoreError> {
    if ended.is_empty() {
        return Ok(());
    }
    sql("WITH {rows}
        UPDATE delivery SET held_by_hand = TRUE WHERE id IN (SELECT id FROM rows) AND held_by_hand IS NULL")
    .rows("id uuid", ended.iter().map(|delivery| [(*delivery).into()]))
    .run(on)
    .await?;
    Ok(())
}

/// Takes up to `limit` marks away; returns the deliveries of which this makes a difference: the others have been decided.
pub(in crate::store) async fn unmark(
    on: &mut Transaction,
    tenant: Option<&TenantId>,
    limit: u32,
) -> Result<Vec<DeliveryId>, StoreError> {
    let rows = sql("SELECT id, concluded FROM delivery
        WHERE held_by_hand IS NOT NULL AND ($1 IS NULL OR tenant_id = $1)
        ORDER BY id LIMIT $2 {postgres: FOR UPDATE}")
    .bind(tenant)
    .bind(limit)
    .all(on)
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let (mut marked, mut free) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in &rows {
        let delivery: DeliveryId = row.get("id")?;
        marked.push(delivery);
        if may_come_back(row.get("concluded")?) {
            free.push(delivery);
        }
    }
    sql("WITH {rows} UPDATE delivery SET held_by_hand = NULL WHERE id IN (SELECT id FROM rows)")
        .rows("id uuid", marked.into_iter().map(|delivery| [delivery.into()]))
        .run(on)
        .await?;
    Ok(free)
}

/// Takes the mark of one delivery away, because a person has decided something else about it.
pub(in crate::store) async fn unmark_one(on: &mut Transaction, delivery: DeliveryId) -> Result<(), StoreError> {
    sql("UPDATE delivery SET held_by_hand = NULL WHERE id = $1 AND held_by_hand IS NOT NULL")
        .bind(delivery)
        .run(on)
        .await?;
    Ok(())
}
