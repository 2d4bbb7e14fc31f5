//! Senders that a relay refuses. A hold is a committed row that all workers obey. The deliveries that it holds have its
//! text in `lane_entry.held`; a delivery whose text belongs to no hold any more is due again.

use crate::clock::Timestamp;
use crate::model::ids::{DeliveryId, RelayName, TenantId};
use crate::model::note::NoteKind;
use crate::model::reply::Phase;
use crate::policy::sender_key::{SenderKey, SenderKeys};
use crate::policy::sender_trial::HoldReason;
use crate::policy::sender_trip::LOST_WITHIN;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::delivery::notes::{DISPATCHER, insert_notes};
use crate::store::lane::held::{BEHIND, BY_HAND, TENANT_PAUSED, due_behind};
use crate::store::lane::lost_deliveries::{ComingBack, LostBy, TrippedAttempt, bring_back, lock_tenants_of};
use crate::store::{Store, Transaction};

/// Rows in one transaction.
const BATCH_MAX: u32 = 5_000;

/// A sender that a relay refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderHold {
    pub relay: RelayName,
    /// What people call the sender: its envelope sender, with the From address where that is another and counts.
    pub sender: String,
    pub envelope_sender: String,
    /// The From address; none, if all with this envelope sender are held.
    pub from: Option<String>,
    /// Why.
    pub reason: HoldReason,
    /// Where in the conversation.
    pub phase: Phase,
    /// The relay's codes, as `550 5.7.1`.
    pub code: String,
    /// What its deliveries say; one line for people.
    pub description: String,
    /// When the row of refusals began.
    pub first_refused_at: Timestamp,
    pub held_since: Timestamp,
    /// How many trials the relay refused.
    pub trials: u32,
    /// When it is tried next.
    pub trial_at: Timestamp,
    /// Which delivery it is tried with now.
    pub trial_delivery: Option<DeliveryId>,
    /// The last claim of that delivery before its trial.
    pub trial_claim: Option<u32>,
    /// The delivery that is tried once more, since the relay put it off.
    pub repeat_delivery: Option<DeliveryId>,
}

/// A tenant whose held deliveries were made before its profile changed.
#[derive(Debug, Clone)]
pub struct ChangedProfile {
    pub tenant: TenantId,
    /// The profile that holds now.
    pub version: i64,
    /// JSON: that profile ([`crate::model::tenant::TenantProfile`]).
    pub body: String,
}

impl SenderHold {
    /// Whether it holds mails with this envelope sender and this From address.
    #[must_use]
    pub fn holds(&self, envelope_sender: &str, from: &str) -> bool {
        self.envelope_sender == envelope_sender && self.from.as_deref().is_none_or(|held| held == from)
    }

    /// Whose attempts speak of it.
    #[must_use]
    pub fn keys(&self) -> SenderKeys {
        match &self.from {
            Some(from) => SenderKey::of(&self.relay, &self.envelope_sender, from).alone(),
            None => SenderKey::of(&self.relay, &self.envelope_sender, "").same_envelope(),
        }
    }

    /// Since when its answer may have ended deliveries that are to come back; none for a limit, which ends none.
    #[must_use]
    pub fn lost_since(&self) -> Option<Timestamp> {
        (self.reason != HoldReason::DailyLimit).then(|| self.held_since.minus(LOST_WITHIN))
    }

    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        let held_since = row.get("held_since")?;
        Ok(Self {
            relay: row.get("relay")?,
            envelope_sender: row.get("envelope_sender")?,
            sender: row.get("sender")?,
            from: row.get("from_address")?,
            reason: row.get("reason")?,
            phase: row.get("phase")?,
            code: row.get("code")?,
            description: row.get("words")?,
            first_refused_at: row.get::<Option<Timestamp>>("first_refused_at")?.unwrap_or(held_since),
            held_since,
            trials: row.get("trials")?,
            trial_at: row.get("trial_at")?,
            trial_delivery: row.get("trial_delivery")?,
            trial_claim: row.get::<Option<i64>>("trial_claim")?.map(|claim| u32::try_from(claim).unwrap_or(u32::MAX)),
            repeat_delivery: row.get("repeat_delivery")?,
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

    /// Holds a sender, unless it is held already, and has the deliveries back that these attempts ended: they wait with
    /// the others, as if the attempts had not been made. Returns the hold, and whether it is new. May be repeated.
    ///
    /// `tripped_by` is the delivery whose refusal came last. Nothing is held, and none returned, if a person has released it
    /// since its refusals were counted: another worker had held the sender for the same ones.
    pub async fn hold_sender(
        &self,
        hold: &SenderHold,
        attempts: &[TrippedAttempt],
        tripped_by: Option<DeliveryId>,
    ) -> Result<Option<(SenderHold, bool)>, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        lock_tenants_of(&mut transaction, attempts).await?;
        let inserted = insert(&mut transaction, hold).await?;
        // Asked after the insert, which waits for a release under way: what was released first is seen, and a release that
        // comes later ends this hold.
        if inserted && is_released(&mut transaction, tripped_by).await? {
            return Ok(None);
        }
        let row = sql("SELECT * FROM sender_hold WHERE relay = $1 AND sender = $2")
            .bind(&hold.relay)
            .bind(&hold.sender)
            .optional(&mut transaction)
            .await?;
        // Another one stood, and has just been ended.
        let Some(row) = row else { return Ok(None) };
        let stands = SenderHold::read(&row)?;
        bring_back(&mut transaction, coming_back(&stands), attempts, now).await?;
        transaction.commit().await?;
        Ok(Some((stands, inserted)))
    }

    /// Brings up to `limit` deliveries back that the answer which a hold stands for ended since `since`; returns how
    /// many there were. May be repeated.
    pub async fn return_lost(&self, hold: &SenderHold, since: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let SenderHold { relay, phase, code, .. } = hold;
        let lost =
            self.lost_deliveries(&LostBy { relay, keys: &hold.keys(), phase: *phase, code, since }, limit).await?;
        if lost.is_empty() {
            return Ok(0);
        }
        let mut transaction = self.begin().await?;
        lock_tenants_of(&mut transaction, &lost).await?;
        bring_back(&mut transaction, coming_back(hold), &lost, self.now()).await?;
        transaction.commit().await?;
        Ok(lost.len())
    }

    /// Ends a hold; says whether there was one. What it held is let go by [`Store::let_senders_go`].
    pub async fn end_hold(&self, hold: &SenderHold) -> Result<bool, StoreError> {
        let ended = sql("DELETE FROM sender_hold WHERE relay = $1 AND sender = $2 AND held_since = $3")
            .bind(&hold.relay)
            .bind(&hold.sender)
            .bind(hold.held_since)
            .run(&mut self.write().await?)
            .await?;
        Ok(ended > 0)
    }

    /// Ends a hold that nothing waits for and nothing tries.
    pub async fn end_empty_hold(&self, hold: &SenderHold) -> Result<(), StoreError> {
        sql("DELETE FROM sender_hold
            WHERE relay = $1 AND sender = $2 AND trial_delivery IS NULL
              AND NOT EXISTS (SELECT 1 FROM lane_entry
                              WHERE lane_entry.relay = $1 AND lane_entry.held = sender_hold.words)")
        .bind(&hold.relay)
        .bind(&hold.sender)
        .run(&mut self.write().await?)
        .await?;
        Ok(())
    }

    /// Lets deliveries go that no hold holds any more; returns how many. Each takes its place in its lane anew, what
    /// tripped a hold behind the others.
    pub async fn let_senders_go(&self) -> Result<u64, StoreError> {
        let mut freed = 0;
        loop {
            let let_go = sql(concat!(
                "UPDATE lane_entry SET held = NULL, due_at = ",
                due_behind!("$3"),
                "
                -- What people hold is for people to let go: asked of the row as it is once it is locked, too, since their
                -- hold may have come in between.
                WHERE held IS NOT NULL AND held <> $1 AND held <> $4 AND delivery_id IN (
                    SELECT delivery_id FROM lane_entry
                    WHERE held IS NOT NULL AND held <> $1 AND held <> $4
                      AND NOT EXISTS (SELECT 1 FROM sender_hold WHERE sender_hold.words = lane_entry.held
                                                                  AND sender_hold.relay = lane_entry.relay)
                    LIMIT $2)"
            ))
            .bind(BY_HAND)
            .bind(BATCH_MAX)
            .bind(self.now().plus(BEHIND))
            .bind(TENANT_PAUSED)
            .run(&mut self.write().await?)
            .await?;
            freed += let_go;
            if let_go < u64::from(BATCH_MAX) {
                return Ok(freed);
            }
        }
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
        .bind(&hold.description)
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
        .bind(&hold.description)
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
        // The refusals were of another sender.
        sql("WITH {rows}
            UPDATE delivery SET profile_version = $1, tripped_at = NULL WHERE id IN (SELECT id FROM rows)")
        .bind(changed.version)
        .rows("id uuid", freed.iter().map(|delivery| [(*delivery).into()]))
        .run(&mut transaction)
        .await?;
        insert_notes(&mut transaction, &freed, DISPATCHER, &NoteKind::LetGoWithNewSender.into(), now).await?;
        transaction.commit().await?;
        Ok(freed.len() as u64)
    }
}

/// Whether a person has released what this delivery tripped.
async fn is_released(on: &mut Transaction, delivery: Option<DeliveryId>) -> Result<bool, StoreError> {
    let released =
        sql("SELECT 1 AS one FROM delivery WHERE id = $1 AND tripped_at = 0").bind(delivery).optional(on).await?;
    Ok(released.is_some())
}

async fn insert(on: &mut Transaction, hold: &SenderHold) -> Result<bool, StoreError> {
    let inserted = sql("INSERT INTO sender_hold (relay, sender, envelope_sender, from_address, reason, phase, code,
               words, first_refused_at, held_since, trial_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (relay, sender) DO NOTHING")
    .bind(&hold.relay)
    .bind(&hold.sender)
    .bind(&hold.envelope_sender)
    .bind(&hold.from)
    .bind(hold.reason)
    .bind(hold.phase)
    .bind(&hold.code)
    .bind(&hold.description)
    .bind(hold.first_refused_at)
    .bind(hold.held_since)
    .bind(hold.trial_at)
    .run(on)
    .await?;
    Ok(inserted > 0)
}

fn coming_back(hold: &SenderHold) -> ComingBack<'_> {
    ComingBack {
        relay: &hold.relay,
        held: Some(&hold.description),
        tripped_at: Some(hold.held_since),
        why: &hold.description,
    }
}
