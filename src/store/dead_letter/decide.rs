//! What people decide about dead letters: they shall not be sent, or they may be after all.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::json;

use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{CustomerId, DeadLetterId, DeliveryId, TenantId};
use crate::model::note::NoteKind;
use crate::model::reason::ReasonCode;
use crate::model::state::{Concluded, DeadLetterState};
use crate::store::db::error::StoreError;
use crate::store::db::scope::in_scope;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::delivery::notes::{DISPATCHER, insert_notes};
use crate::store::intake::same_invoice::{Revived, newer_deliveries};
use crate::store::outbox::outcomes::insert_outcomes;
use crate::store::people::audit::append::{NewAuditEntry, append};
use crate::store::upkeep::concluded_count::count_concluded;
use crate::store::{Store, Transaction};

impl Store {
    /// Decides that open dead letters shall not be sent; returns those that were open, and of the tenants of whoever decides.
    /// Their deliveries are discarded.
    pub async fn discard_dead_letters(
        &self,
        letters: &[DeadLetterId],
        who: &Actor,
        reason: &str,
    ) -> Result<HashSet<DeadLetterId>, StoreError> {
        let mut transaction = self.begin().await?;
        let (state, now) = (DeadLetterState::Discarded, self.now());
        let letters = there_for(&mut transaction, letters, &who.principal.scope).await?;
        let concluded = conclude_letters(&mut transaction, &letters, state, who.name(), Some(reason), now).await?;
        let deliveries: Vec<DeliveryId> = concluded.iter().filter_map(|(_, delivery)| *delivery).collect();
        let moved =
            move_deliveries(&mut transaction, &deliveries, (Concluded::Dead, Concluded::Discarded), None, now).await?;
        insert_notes(&mut transaction, &moved, who.name(), &NoteKind::Discarded.because(reason), now).await?;
        let discarded: HashSet<DeadLetterId> = concluded.into_iter().map(|(letter, _)| letter).collect();
        let entry = NewAuditEntry::new(AuditAction::DeadLettersDiscarded, who).because(reason);
        audit_letters(&mut transaction, &discarded, entry, now).await?;
        transaction.commit().await?;
        Ok(discarded)
    }

    /// Opens discarded dead letters again; their deliveries are dead again. One whose invoice another delivery sends, or
    /// may send, stays discarded, unless `despite_newer`.
    pub async fn restore_dead_letters(
        &self,
        letters: &[DeadLetterId],
        who: &Actor,
        despite_newer: bool,
    ) -> Result<Restored, StoreError> {
        let letters = there_for(&mut self.read().await?, letters, &who.principal.scope).await?;
        if letters.is_empty() {
            return Ok(Restored::default());
        }
        let tenants = tenants_of(&mut self.read().await?, &letters).await?;
        // No other delivery of these invoices comes in until this commits.
        let mut intake = self.begin_intake(&tenants).await?;
        let on = &mut intake.transaction;
        let now = self.now();
        let discarded = lock_discarded(on, &letters).await?;
        let newer = if despite_newer { HashMap::new() } else { newer_deliveries(on, &discarded, now).await? };
        let (stay, back): (Vec<_>, Vec<_>) = discarded.into_iter().partition(|letter| newer.contains_key(&letter.id));
        // A pass over the broker's queue may be taking it out at this moment: it is published anew in any case.
        sql("WITH {rows}
            UPDATE dead_letter SET state = 'open', concluded_at = NULL, concluded_by = NULL, note = NULL,
                   mirror = 'pending'
            WHERE id IN (SELECT id FROM rows)")
        .rows("id uuid", back.iter().map(|letter| [letter.id.into()]))
        .run(on)
        .await?;
        let deliveries: Vec<DeliveryId> = back.iter().filter_map(|letter| letter.delivery).collect();
        let moved = move_deliveries(on, &deliveries, (Concluded::Discarded, Concluded::Dead), None, now).await?;
        insert_notes(on, &moved, who.name(), &NoteKind::Restored.into(), now).await?;
        let restored: HashSet<DeadLetterId> = back.into_iter().map(|letter| DeadLetterId(letter.id)).collect();
        audit_letters(on, &restored, NewAuditEntry::new(AuditAction::DeadLettersRestored, who), now).await?;
        intake.commit().await?;
        Ok(Restored {
            letters: restored,
            newer: stay.into_iter().map(|letter| (DeadLetterId(letter.id), newer[&letter.id].delivery)).collect(),
        })
    }
}

impl Store {
    /// Those of dead letters that are there for somebody of this scope; one of no tenant is seen by whom all are open to.
    pub async fn dead_letters_in_scope(
        &self,
        letters: &[DeadLetterId],
        scope: &TenantScope,
    ) -> Result<HashSet<DeadLetterId>, StoreError> {
        Ok(there_for(&mut self.read().await?, letters, scope).await?.into_iter().collect())
    }
}

/// What became of discarded letters that were to be opened again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Those that are open again.
    pub letters: HashSet<DeadLetterId>,
    /// Those that stay discarded, and the delivery that sends the same invoice, or may.
    pub newer: HashMap<DeadLetterId, DeliveryId>,
}

/// Keeps an act upon dead letters: of one, which it was; of many, how many of which tenants.
pub(in crate::store) async fn audit_letters(
    on: &mut Transaction,
    letters: &HashSet<DeadLetterId>,
    entry: NewAuditEntry<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(first) = letters.iter().next() else { return Ok(()) };
    if letters.len() > 1 {
        let of: Vec<DeadLetterId> = letters.iter().copied().collect();
        let tenants = tenants_of(on, &of).await?;
        let one = tenants.first().filter(|_| tenants.len() == 1);
        let entry = NewAuditEntry { tenant: one, ..entry };
        return append(on, &entry.with(json!({ "dead_letters": letters.len(), "tenants": tenants })), now).await;
    }
    let row = sql("SELECT tenant_id, customer_id FROM dead_letter WHERE id = $1").bind(*first).one(on).await?;
    let (tenant, customer): (Option<TenantId>, Option<CustomerId>) = (row.get("tenant_id")?, row.get("customer_id")?);
    let entry = NewAuditEntry { tenant: tenant.as_ref(), customer: customer.as_ref(), ..entry };
    append(on, &entry.about(first.to_string()), now).await
}

/// Those of the scope. The tenant of a letter never changes.
async fn there_for(
    on: &mut impl StatementExecutor,
    letters: &[DeadLetterId],
    scope: &TenantScope,
) -> Result<Vec<DeadLetterId>, StoreError> {
    if letters.is_empty() {
        return Ok(Vec::new());
    }
    sql(concat!(
        "WITH {rows} SELECT id FROM dead_letter WHERE id IN (SELECT id FROM rows) AND ",
        in_scope!("tenant_id", "$1")
    ))
    .bind(scope)
    .rows("id uuid", letters.iter().map(|letter| [(*letter).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("id"))
    .collect()
}

async fn tenants_of(on: &mut impl StatementExecutor, letters: &[DeadLetterId]) -> Result<Vec<TenantId>, StoreError> {
    sql("WITH {rows} SELECT DISTINCT tenant_id FROM dead_letter
        WHERE id IN (SELECT id FROM rows) AND tenant_id IS NOT NULL")
    .rows("id uuid", letters.iter().map(|letter| [(*letter).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("tenant_id"))
    .collect()
}

async fn lock_discarded(on: &mut Transaction, letters: &[DeadLetterId]) -> Result<Vec<Revived>, StoreError> {
    sql("WITH {rows} SELECT id, delivery_id, event_key FROM dead_letter
        WHERE id IN (SELECT id FROM rows) AND state = 'discarded' ORDER BY id {postgres: FOR UPDATE}")
    .rows("id uuid", letters.iter().map(|letter| [(*letter).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| {
        let id: DeadLetterId = row.get("id")?;
        Ok(Revived { id: id.0, delivery: row.get("delivery_id")?, event: row.get("event_key")?, invoice_sha256: None })
    })
    .collect()
}

/// Cancels dead deliveries, each because another one sends the same invoice, or may; concludes their letters.
pub(in crate::store) async fn cancel_duplicates(
    on: &mut Transaction,
    duplicates: &[(DeliveryId, DeliveryId)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let why = "the same invoice was taken in under another event id";
    let deliveries: Vec<DeliveryId> = duplicates.iter().map(|(delivery, _)| *delivery).collect();
    sql("WITH {rows}
        UPDATE dead_letter SET state = $1, concluded_at = $2, concluded_by = $3, note = $4, curable = FALSE
        WHERE delivery_id IN (SELECT id FROM rows) AND delivery_id IS NOT NULL AND state = 'open'")
    .bind(DeadLetterState::Cured)
    .bind(now)
    .bind(DISPATCHER)
    .bind(why)
    .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .run(on)
    .await?;
    let (ends, why) = ((Concluded::Dead, Concluded::Cancelled), Some((ReasonCode::DuplicateInvoice, why)));
    let moved = move_deliveries(on, &deliveries, ends, why, now).await?;
    for (delivery, newer) in duplicates.iter().filter(|(delivery, _)| moved.contains(delivery)) {
        let note = NoteKind::SameInvoice { delivery: *newer };
        insert_notes(on, &[*delivery], DISPATCHER, &note.into(), now).await?;
    }
    Ok(())
}

/// Concludes letters that are open; returns them with their deliveries.
pub(in crate::store) async fn conclude_letters(
    on: &mut impl StatementExecutor,
    letters: &[DeadLetterId],
    state: DeadLetterState,
    who: &str,
    note: Option<&str>,
    now: Timestamp,
) -> Result<Vec<(DeadLetterId, Option<DeliveryId>)>, StoreError> {
    if letters.is_empty() {
        return Ok(Vec::new());
    }
    sql("WITH {rows}
        UPDATE dead_letter SET state = $1, concluded_at = $2, concluded_by = $3, note = $4, curable = FALSE
        WHERE id IN (SELECT id FROM rows) AND state = 'open'
        RETURNING id, delivery_id")
    .bind(state)
    .bind(now)
    .bind(who)
    .bind(note)
    .rows("id uuid", letters.iter().map(|letter| [(*letter).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("id")?, row.get("delivery_id")?)))
    .collect()
}

/// Moves concluded deliveries from one end to another, with a new class and reason or the old ones; returns those that
/// stood at `from`.
pub(in crate::store) async fn move_deliveries(
    on: &mut Transaction,
    deliveries: &[DeliveryId],
    (from, to): (Concluded, Concluded),
    why: Option<(ReasonCode, &str)>,
    now: Timestamp,
) -> Result<Vec<DeliveryId>, StoreError> {
    if deliveries.is_empty() {
        return Ok(Vec::new());
    }
    // In their order, as holds and releases lock what has ended.
    sql("WITH {rows} SELECT id FROM delivery WHERE id IN (SELECT id FROM rows) ORDER BY id {postgres: FOR UPDATE}")
        .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .all(on)
        .await?;
    let moved: Vec<DeliveryId> = sql("WITH {rows}
        UPDATE delivery SET concluded = $2, concluded_at = $3, class = COALESCE($4, class),
               reason = CASE WHEN $4 IS NULL THEN reason ELSE $5 END
        WHERE id IN (SELECT id FROM rows) AND concluded = $1
        RETURNING id")
    .bind(from)
    .bind(to)
    .bind(now)
    .bind(why.map(|(class, _)| class))
    .bind(why.map(|(_, reason)| reason))
    .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("id"))
    .collect::<Result<_, _>>()?;
    insert_outcomes(on, moved.iter().map(|delivery| (*delivery, to))).await?;
    if let Some(any) = moved.first() {
        let count = i64::try_from(moved.len()).expect("a count of rows");
        count_concluded(on, *any, &BTreeMap::from([(from, -count), (to, count)])).await?;
    }
    Ok(moved)
}
