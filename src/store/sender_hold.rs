//! Senders that a relay refuses. A hold is a committed row that all workers obey; `lane_entry.held` says its words, and
//! what says the words of no hold is let go.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::dead_letter_acts::cancel_duplicates;
use super::error::StoreError;
use super::hold::BY_HAND;
use super::notes::{DISPATCHER, insert_notes};
use super::same_invoice::{Revived, newer_deliveries};
use super::settled_count::count_settled;
use super::statement::sql;
use super::value::Row;
use super::{Settled, Store, Transaction};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, RelayName, TenantId};
use crate::relay::outcome::Phase;

/// What names the attempts of a trip.
const COLUMNS: &str = "given_id uuid, given_claim bigint, given_attempts bigint";
/// Rows in one transaction.
const BATCH_MAX: u32 = 5_000;

/// A sender that a relay refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderHold {
    /// The relay.
    pub relay: RelayName,
    /// The envelope sender.
    pub sender: String,
    /// Where in the conversation.
    pub phase: Phase,
    /// The relay's codes, as `550 5.7.1`.
    pub code: String,
    /// What its deliveries say; one line for people.
    pub words: String,
    /// Since when.
    pub held_since: Timestamp,
    /// How often it was tried.
    pub trials: u32,
    /// When it is tried next.
    pub trial_at: Timestamp,
    /// Which delivery was let through last.
    pub trial_delivery: Option<DeliveryId>,
}

/// An attempt that tripped a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrippedAttempt {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Which claim of it.
    pub claim: u32,
    /// Attempts consumed before it.
    pub attempts: u32,
}

/// A tenant whose held deliveries were made before its profile changed.
#[derive(Debug, Clone)]
pub struct ChangedProfile {
    /// The tenant.
    pub tenant: TenantId,
    /// The profile that holds now.
    pub version: i64,
    /// JSON: that profile ([`crate::tenant::TenantProfile`]).
    pub body: String,
}

impl SenderHold {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            relay: row.get("relay")?,
            sender: row.get("sender")?,
            phase: row.get("phase")?,
            code: row.get("code")?,
            words: row.get("words")?,
            held_since: row.get("held_since")?,
            trials: row.get("trials")?,
            trial_at: row.get("trial_at")?,
            trial_delivery: row.get("trial_delivery")?,
        })
    }
}

impl Store {
    /// Every sender that is held.
    pub async fn sender_holds(&self) -> Result<Vec<SenderHold>, StoreError> {
        sql("SELECT * FROM sender_hold ORDER BY relay, sender")
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(SenderHold::read)
            .collect()
    }

    /// Every sender that is held, and how many deliveries wait for it; by relay and sender.
    pub async fn held_senders(&self) -> Result<Vec<(SenderHold, i64)>, StoreError> {
        // Reads the lanes only if there is a hold.
        sql("SELECT sender_hold.*, (SELECT COUNT(*) FROM lane_entry
                WHERE lane_entry.relay = sender_hold.relay AND lane_entry.held = sender_hold.words) AS waiting
            FROM sender_hold ORDER BY relay, sender")
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| Ok((SenderHold::read(row)?, row.get("waiting")?)))
        .collect()
    }

    /// Holds a sender, unless it is held already, and has the deliveries back that were settled or deferred by the
    /// attempts named: they wait with the others, as if the attempts had not been made. Returns the hold, and whether
    /// it is new. May be repeated.
    pub async fn hold_sender(
        &self,
        hold: &SenderHold,
        attempts: &[TrippedAttempt],
    ) -> Result<(SenderHold, bool), StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        lock_tenants_of(&mut transaction, attempts).await?;
        let inserted = sql("INSERT INTO sender_hold (relay, sender, phase, code, words, held_since, trial_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (relay, sender) DO NOTHING")
        .bind(&hold.relay)
        .bind(&hold.sender)
        .bind(hold.phase)
        .bind(&hold.code)
        .bind(&hold.words)
        .bind(hold.held_since)
        .bind(hold.trial_at)
        .run(&mut transaction)
        .await?;
        let row = sql("SELECT * FROM sender_hold WHERE relay = $1 AND sender = $2")
            .bind(&hold.relay)
            .bind(&hold.sender)
            .one(&mut transaction)
            .await?;
        let stands = SenderHold::read(&row)?;
        bring_back(&mut transaction, &stands, attempts, now).await?;
        transaction.commit().await?;
        Ok((stands, inserted > 0))
    }

    /// Ends a hold; says whether there was one. What it held is let go by [`Store::let_senders_go`].
    pub async fn release_sender(&self, relay: &RelayName, sender: &str) -> Result<bool, StoreError> {
        let released = sql("DELETE FROM sender_hold WHERE relay = $1 AND sender = $2")
            .bind(relay)
            .bind(sender)
            .run(&mut self.write().await?)
            .await?;
        Ok(released > 0)
    }

    /// Lets deliveries go that no hold holds any more; returns how many. Each takes its place in its lane anew.
    pub async fn let_senders_go(&self) -> Result<u64, StoreError> {
        let mut freed = 0;
        loop {
            let let_go = sql("UPDATE lane_entry SET held = NULL
                WHERE delivery_id IN (
                    SELECT delivery_id FROM lane_entry
                    WHERE held IS NOT NULL AND held <> $1
                      AND NOT EXISTS (SELECT 1 FROM sender_hold WHERE sender_hold.words = lane_entry.held
                                                                  AND sender_hold.relay = lane_entry.relay)
                    LIMIT $2)")
            .bind(BY_HAND)
            .bind(BATCH_MAX)
            .run(&mut self.write().await?)
            .await?;
            freed += let_go;
            if let_go < u64::from(BATCH_MAX) {
                return Ok(freed);
            }
        }
    }

    /// Lets one delivery of a held sender through, if its trial is due; the one after it is due in `next`. A hold
    /// that holds nothing any more ends instead. Of several callers one does it; says whether it was this one.
    pub async fn try_sender(&self, hold: &SenderHold, next: Duration) -> Result<bool, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let taken = sql("UPDATE sender_hold SET trial_at = $4, trials = trials + 1, trial_delivery = (
                   SELECT delivery_id FROM lane_entry
                   WHERE lane_entry.held = sender_hold.words AND lane_entry.relay = sender_hold.relay
                     AND state = 'due' ORDER BY due_at LIMIT 1)
            WHERE relay = $1 AND sender = $2 AND trial_at <= $3
            RETURNING trial_delivery")
        .bind(&hold.relay)
        .bind(&hold.sender)
        .bind(now)
        .bind(now.plus(next))
        .optional(&mut transaction)
        .await?;
        let Some(taken) = taken else { return Ok(false) };
        match taken.get::<Option<DeliveryId>>("trial_delivery")? {
            Some(delivery) => {
                sql("UPDATE lane_entry SET held = NULL WHERE delivery_id = $1 AND held = $2")
                    .bind(delivery)
                    .bind(&hold.words)
                    .run(&mut transaction)
                    .await?;
            }
            None => {
                sql("DELETE FROM sender_hold WHERE relay = $1 AND sender = $2")
                    .bind(&hold.relay)
                    .bind(&hold.sender)
                    .run(&mut transaction)
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Tenants that have another profile now than the deliveries of theirs which this hold holds.
    pub async fn changed_profiles(&self, hold: &SenderHold) -> Result<Vec<ChangedProfile>, StoreError> {
        sql("SELECT DISTINCT tenant.id, tenant_profile.version, tenant_profile.body
            FROM lane_entry JOIN delivery ON delivery.id = lane_entry.delivery_id
                 JOIN tenant ON tenant.id = lane_entry.tenant_id
                 JOIN tenant_profile ON tenant_profile.tenant_id = tenant.id
                                    AND tenant_profile.version = tenant.profile_version
            WHERE lane_entry.held = $1 AND lane_entry.relay = $2 AND NOT lane_entry.may_be_out
              AND delivery.profile_version <> tenant.profile_version")
        .bind(&hold.words)
        .bind(&hold.relay)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| Ok(ChangedProfile { tenant: row.get("id")?, version: row.get("version")?, body: row.get("body")? }))
        .collect()
    }

    /// Gives the held deliveries of a tenant its profile of now, and lets them go; returns how many. What the relay
    /// may hold already keeps every byte, and stays.
    pub async fn take_new_sender(&self, hold: &SenderHold, changed: &ChangedProfile) -> Result<u64, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let freed: Vec<DeliveryId> = sql("UPDATE lane_entry SET held = NULL
            WHERE held = $1 AND relay = $2 AND tenant_id = $3 AND state = 'due' AND NOT may_be_out
            RETURNING delivery_id")
        .bind(&hold.words)
        .bind(&hold.relay)
        .bind(&changed.tenant)
        .all(&mut transaction)
        .await?
        .iter()
        .map(|row| row.get("delivery_id"))
        .collect::<Result<_, _>>()?;
        if freed.is_empty() {
            return Ok(0);
        }
        sql("WITH {given} UPDATE delivery SET profile_version = $1 WHERE id IN (SELECT id FROM given)")
            .bind(changed.version)
            .given("id uuid", freed.iter().map(|delivery| [(*delivery).into()]))
            .run(&mut transaction)
            .await?;
        insert_notes(&mut transaction, &freed, DISPATCHER, "let go with the tenant's new sender", now).await?;
        transaction.commit().await?;
        Ok(freed.len() as u64)
    }
}

/// Takes back what the attempts did to their deliveries.
async fn bring_back(
    on: &mut Transaction,
    hold: &SenderHold,
    attempts: &[TrippedAttempt],
    now: Timestamp,
) -> Result<(), StoreError> {
    if attempts.is_empty() {
        return Ok(());
    }
    let given =
        || attempts.iter().map(|tripped| [tripped.delivery.into(), tripped.claim.into(), tripped.attempts.into()]);
    // Those that were only deferred.
    sql("WITH {given}
        UPDATE lane_entry SET held = $1, fair_rank = NULL, attempts = given.given_attempts,
               -- Nobody has what was refused: it is composed anew, and dated anew, when the sender is let go.
               message_sha256 = CASE WHEN may_be_out THEN message_sha256 END,
               message_date = CASE WHEN may_be_out THEN message_date END
        FROM given
        WHERE delivery_id = given.given_id AND claim = given.given_claim AND state = 'due' AND held IS NULL")
    .bind(&hold.words)
    .given(COLUMNS, given())
    .run(on)
    .await?;
    let back = lock_given_up(on, attempts).await?;
    let back = without_resent(on, back, now).await?;
    let Some((first, _, _)) = back.first() else { return Ok(()) };
    sql("WITH {given}
        INSERT INTO lane_entry (delivery_id, relay, tenant_id, customer_id, state, due_at, expires_at, attempts, claim,
                                decision, portal_access, portal_method, last_class, last_reply, first_failed_at, held)
        SELECT delivery.id, $1, delivery.tenant_id, delivery.customer_id, 'due', $2, delivery.expires_at,
               given.given_attempts, delivery.claim, delivery.decision, delivery.portal_access,
               delivery.portal_method, delivery.class, delivery.reason, delivery.settled_at, $3
        FROM given JOIN delivery ON delivery.id = given.given_id")
    .bind(&hold.relay)
    .bind(now)
    .bind(&hold.words)
    .given(
        "given_id uuid, given_attempts bigint",
        back.iter().map(|(id, _, attempts)| [(*id).into(), (*attempts).into()]),
    )
    .run(on)
    .await?;
    let ids: Vec<DeliveryId> = back.iter().map(|(id, _, _)| *id).collect();
    let given = || ids.iter().map(|id| [(*id).into()]);
    sql("WITH {given}
        UPDATE delivery SET settled = NULL, settled_at = NULL, class = NULL, reason = NULL, attempts = 0,
               decision = NULL, portal_access = NULL, portal_method = NULL, decision_reason = NULL,
               decision_inputs = NULL, message_id = NULL, message_sha256 = NULL, message_date = NULL, message_size = NULL,
               attachments = NULL, phase = NULL, code = NULL
        WHERE id IN (SELECT id FROM given)")
    .given("id uuid", given())
    .run(on)
    .await?;
    sql("WITH {given}
        UPDATE dead_letter SET state = 'cured', settled_at = $1, settled_by = $2, note = $3, curable = FALSE
        WHERE delivery_id IN (SELECT id FROM given) AND state = 'open'")
    .bind(now)
    .bind(DISPATCHER)
    .bind(&hold.words)
    .given("id uuid", given())
    .run(on)
    .await?;
    insert_notes(on, &ids, DISPATCHER, &format!("due again, and held: {}", hold.words), now).await?;
    let mut counts = BTreeMap::new();
    for (_, settled, _) in &back {
        *counts.entry(*settled).or_insert(0) -= 1;
    }
    count_settled(on, *first, &counts).await
}

/// Holds the tenants' rows, as intake and whoever sends an invoice again do: what is looked up about other deliveries of
/// an invoice is still true when this commits.
async fn lock_tenants_of(on: &mut Transaction, attempts: &[TrippedAttempt]) -> Result<(), StoreError> {
    if attempts.is_empty() {
        return Ok(());
    }
    sql("WITH {given}
        SELECT id FROM tenant
        WHERE id IN (SELECT tenant_id FROM delivery WHERE delivery.id IN (SELECT given_id FROM given))
        ORDER BY id {postgres: FOR NO KEY UPDATE}")
    .given("given_id uuid", attempts.iter().map(|tripped| [tripped.delivery.into()]))
    .run(on)
    .await?;
    Ok(())
}

/// A delivery that was given up, how, and the attempts consumed before.
type GivenUp = (DeliveryId, Settled, i64);

/// Locks the deliveries that the attempts ended, after their dead letters: in this order everybody locks.
async fn lock_given_up(on: &mut Transaction, attempts: &[TrippedAttempt]) -> Result<Vec<GivenUp>, StoreError> {
    sql("WITH {given} SELECT id FROM dead_letter
        WHERE delivery_id IN (SELECT given_id FROM given) AND delivery_id IS NOT NULL AND state = 'open'
        ORDER BY id {postgres: FOR UPDATE}")
    .given("given_id uuid", attempts.iter().map(|tripped| [tripped.delivery.into()]))
    .run(on)
    .await?;
    sql("WITH {given}
        SELECT delivery.id, delivery.settled, given.given_attempts
        FROM given JOIN delivery ON delivery.id = given.given_id AND delivery.claim = given.given_claim
        WHERE delivery.settled IN ('dead', 'rejected')
        ORDER BY delivery.id {postgres: FOR UPDATE OF delivery}")
    .given(
        COLUMNS,
        attempts.iter().map(|tripped| [tripped.delivery.into(), tripped.claim.into(), tripped.attempts.into()]),
    )
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("id")?, row.get("settled")?, row.get("given_attempts")?)))
    .collect()
}

/// Leaves out what another delivery of the same invoice has taken the place of: a dead one is cancelled as its duplicate,
/// a rejected one has ended.
///
/// Statements of their own, so that they see what was committed before the rows were locked.
async fn without_resent(on: &mut Transaction, back: Vec<GivenUp>, now: Timestamp) -> Result<Vec<GivenUp>, StoreError> {
    let revived: Vec<Revived> = back.iter().map(|(delivery, _, _)| Revived::delivery(*delivery)).collect();
    let newer = newer_deliveries(on, &revived, now).await?;
    let resent: HashSet<DeliveryId> = sql("WITH {given}
        SELECT own.id FROM given JOIN delivery AS own ON own.id = given.given_id
             JOIN delivery AS resend ON resend.tenant_id = own.tenant_id AND resend.invoice_id = own.invoice_id
                  AND resend.resend_of = own.main_id
        WHERE own.role <> 'bcc'")
    .given("given_id uuid", back.iter().map(|(delivery, _, _)| [(*delivery).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("id"))
    .collect::<Result<_, _>>()?;
    let (stay, back): (Vec<_>, Vec<_>) =
        back.into_iter().partition(|(delivery, _, _)| newer.contains_key(&delivery.0) || resent.contains(delivery));
    let duplicates: Vec<(DeliveryId, DeliveryId)> = stay
        .iter()
        .filter(|(_, settled, _)| *settled == Settled::Dead)
        .filter_map(|(delivery, _, _)| Some((*delivery, newer.get(&delivery.0)?.delivery)))
        .collect();
    cancel_duplicates(on, &duplicates, now).await?;
    Ok(back)
}
