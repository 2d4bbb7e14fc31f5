//! What people decide about dead letters: they shall not be sent, or they may be after all.

use std::collections::{BTreeMap, HashSet};

use super::error::StoreError;
use super::notes::insert_notes;
use super::outcome::insert_outcomes;
use super::settled_count::count_settled;
use super::state::DeadLetterState;
use super::statement::{Runs, sql};
use super::{Settled, Store, Transaction};
use crate::class::Class;
use crate::clock::Timestamp;
use crate::ids::{DeadLetterId, DeliveryId};

impl Store {
    /// Decides that open dead letters shall not be sent; returns those that were open. Their deliveries are discarded.
    pub async fn discard_dead_letters(
        &self,
        letters: &[DeadLetterId],
        who: &str,
        reason: &str,
    ) -> Result<HashSet<DeadLetterId>, StoreError> {
        let mut transaction = self.begin().await?;
        let (state, now) = (DeadLetterState::Discarded, self.now());
        let settled = settle_letters(&mut transaction, letters, state, who, Some(reason), now).await?;
        let deliveries: Vec<DeliveryId> = settled.iter().filter_map(|(_, delivery)| *delivery).collect();
        let moved =
            move_deliveries(&mut transaction, &deliveries, (Settled::Dead, Settled::Discarded), None, now).await?;
        insert_notes(&mut transaction, &moved, who, &format!("discarded: {reason}"), now).await?;
        transaction.commit().await?;
        Ok(settled.into_iter().map(|(letter, _)| letter).collect())
    }

    /// Opens discarded dead letters again; returns those that were discarded. Their deliveries are dead again.
    pub async fn restore_dead_letters(
        &self,
        letters: &[DeadLetterId],
        who: &str,
    ) -> Result<HashSet<DeadLetterId>, StoreError> {
        if letters.is_empty() {
            return Ok(HashSet::new());
        }
        let mut transaction = self.begin().await?;
        let now = self.now();
        // A pass over the broker's queue may be taking it out at this moment: it is published anew in any case.
        let rows = sql("WITH {given}
            UPDATE dead_letter SET state = 'open', settled_at = NULL, settled_by = NULL, note = NULL,
                   mirror = 'pending'
            WHERE id IN (SELECT id FROM given) AND state = 'discarded'
            RETURNING id, delivery_id")
        .given("id uuid", letters.iter().map(|letter| [(*letter).into()]))
        .all(&mut transaction)
        .await?;
        let mut restored = HashSet::new();
        let mut deliveries = Vec::new();
        for row in &rows {
            restored.insert(row.get("id")?);
            deliveries.extend(row.get::<Option<DeliveryId>>("delivery_id")?);
        }
        let moved =
            move_deliveries(&mut transaction, &deliveries, (Settled::Discarded, Settled::Dead), None, now).await?;
        insert_notes(&mut transaction, &moved, who, "restored to the dead letters", now).await?;
        transaction.commit().await?;
        Ok(restored)
    }
}

/// Settles letters that are open; returns them with their deliveries.
pub(super) async fn settle_letters(
    on: &mut impl Runs,
    letters: &[DeadLetterId],
    state: DeadLetterState,
    who: &str,
    note: Option<&str>,
    now: Timestamp,
) -> Result<Vec<(DeadLetterId, Option<DeliveryId>)>, StoreError> {
    if letters.is_empty() {
        return Ok(Vec::new());
    }
    sql("WITH {given}
        UPDATE dead_letter SET state = $1, settled_at = $2, settled_by = $3, note = $4, curable = FALSE
        WHERE id IN (SELECT id FROM given) AND state = 'open'
        RETURNING id, delivery_id")
    .bind(state)
    .bind(now)
    .bind(who)
    .bind(note)
    .given("id uuid", letters.iter().map(|letter| [(*letter).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("id")?, row.get("delivery_id")?)))
    .collect()
}

/// Moves settled deliveries from one end to another, with a new class and reason or the old ones; returns those that
/// stood at `from`.
pub(super) async fn move_deliveries(
    on: &mut Transaction,
    deliveries: &[DeliveryId],
    (from, to): (Settled, Settled),
    why: Option<(Class, &str)>,
    now: Timestamp,
) -> Result<Vec<DeliveryId>, StoreError> {
    if deliveries.is_empty() {
        return Ok(Vec::new());
    }
    let moved: Vec<DeliveryId> = sql("WITH {given}
        UPDATE delivery SET settled = $2, settled_at = $3, class = COALESCE($4, class),
               reason = CASE WHEN $4 IS NULL THEN reason ELSE $5 END
        WHERE id IN (SELECT id FROM given) AND settled = $1
        RETURNING id")
    .bind(from)
    .bind(to)
    .bind(now)
    .bind(why.map(|(class, _)| class))
    .bind(why.map(|(_, reason)| reason))
    .given("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("id"))
    .collect::<Result<_, _>>()?;
    insert_outcomes(on, moved.iter().map(|delivery| (*delivery, to))).await?;
    if let Some(any) = moved.first() {
        let count = i64::try_from(moved.len()).expect("a count of rows");
        count_settled(on, *any, &BTreeMap::from([(from, -count), (to, count)])).await?;
    }
    Ok(moved)
}
