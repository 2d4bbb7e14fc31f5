//! Relays that refuse every sender: their breaker opens, and no sender is held for it.

use crate::clock::Timestamp;
use crate::model::ids::{DeliveryId, RelayName};
use crate::model::reply::Phase;
use crate::policy::sender_key::SenderKey;
use crate::policy::sender_trip::LOST_WITHIN;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::lane::lost_deliveries::{ComingBack, LostBy, bring_back, lock_tenants_of};
use crate::store::{Store, Transaction};

/// A relay whose breaker is open because it refuses every sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusingRelay {
    pub relay: RelayName,
    /// Where in the conversation.
    pub phase: Phase,
    /// The relay's codes.
    pub code: String,
    /// Since when the breaker is open.
    pub since: Timestamp,
}

impl RefusingRelay {
    /// One line for people.
    #[must_use]
    pub fn reason(&self) -> String {
        format!("the relay refuses every sender ({} to {})", self.code, self.phase)
    }

    /// Since when its answer may have ended deliveries that are to come back.
    #[must_use]
    pub fn lost_since(&self) -> Timestamp {
        self.since.minus(LOST_WITHIN)
    }
}

impl Store {
    /// Relays that refuse every sender.
    pub async fn refusing_relays(&self) -> Result<Vec<RefusingRelay>, StoreError> {
        sql("SELECT relay, refused_phase, refused_code, opened_at FROM relay_state
            WHERE refused_phase IS NOT NULL AND refused_code IS NOT NULL AND opened_at IS NOT NULL")
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| {
            Ok(RefusingRelay {
                relay: row.get("relay")?,
                phase: row.get("refused_phase")?,
                code: row.get("refused_code")?,
                since: row.get("opened_at")?,
            })
        })
        .collect()
    }

    /// Opens the breaker because the relay refuses every sender; its first trial is at `trial_at`. Holds of senders by
    /// the same answer dissolve into it. Says whether it was opened by this call.
    pub async fn refuse_every_sender(&self, refusing: &RefusingRelay, trial_at: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let opened = sql("INSERT INTO relay_state (relay, breaker, reason, opened_at, probes, probe_at, refused_phase,
                                     refused_code, version)
            VALUES ($1, 'open', $2, $3, 0, $4, $5, $6, 1)
            ON CONFLICT (relay) DO UPDATE SET breaker = 'open', reason = excluded.reason,
                   opened_at = excluded.opened_at, probes = 0, probe_at = excluded.probe_at, probe_worker = NULL,
                   probe_until = NULL, allowance = 0, refused_phase = excluded.refused_phase,
                   refused_code = excluded.refused_code, version = relay_state.version + 1
            WHERE relay_state.refused_code IS NULL")
        .bind(&refusing.relay)
        .bind(refusing.reason())
        .bind(refusing.since)
        .bind(trial_at)
        .bind(refusing.phase)
        .bind(&refusing.code)
        .run(&mut transaction)
        .await?;
        dissolve(&mut transaction, refusing).await?;
        transaction.commit().await?;
        Ok(opened > 0)
    }

    /// Ends the holds of senders that the relay refuses as it refuses every sender.
    pub async fn dissolve_holds(&self, refusing: &RefusingRelay) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        dissolve(&mut transaction, refusing).await?;
        transaction.commit().await
    }

    /// Brings up to `limit` deliveries back that the relay refused as it refuses every sender, since `since`.
    pub async fn return_refused(
        &self,
        refusing: &RefusingRelay,
        since: Timestamp,
        limit: u32,
    ) -> Result<usize, StoreError> {
        let RefusingRelay { relay, phase, code, .. } = refusing;
        let lost = self
            .lost_deliveries(&LostBy { relay, keys: &SenderKey::all_senders(relay), phase: *phase, code, since }, limit)
            .await?;
        if lost.is_empty() {
            return Ok(0);
        }
        let why = refusing.reason();
        let mut transaction = self.begin().await?;
        lock_tenants_of(&mut transaction, &lost).await?;
        let how = ComingBack { relay, held: None, tripped_at: None, why: &why };
        bring_back(&mut transaction, how, &lost, self.now()).await?;
        transaction.commit().await?;
        Ok(lost.len())
    }
}

/// What they held was the relay's fault, and so speaks of its senders as any other delivery does.
async fn dissolve(on: &mut Transaction, refusing: &RefusingRelay) -> Result<(), StoreError> {
    let words: Vec<String> = sql("DELETE FROM sender_hold
        WHERE relay = $1 AND phase = $2 AND code = $3 AND reason <> 'daily_limit' RETURNING words")
    .bind(&refusing.relay)
    .bind(refusing.phase)
    .bind(&refusing.code)
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("words"))
    .collect::<Result<_, _>>()?;
    if words.is_empty() {
        return Ok(());
    }
    // In their order, as transactions that reopen deliveries lock them.
    let tripped: Vec<DeliveryId> = sql("WITH {rows}
        SELECT id FROM delivery
        WHERE tripped_at IS NOT NULL
          AND id IN (SELECT delivery_id FROM lane_entry WHERE relay = $1 AND held IN (SELECT words FROM rows))
        ORDER BY id {postgres: FOR UPDATE}")
    .bind(&refusing.relay)
    .rows("words text", words.iter().map(|words| [words.into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| row.get("id"))
    .collect::<Result<_, _>>()?;
    sql("WITH {rows} UPDATE delivery SET tripped_at = NULL WHERE id IN (SELECT id FROM rows)")
        .rows("id uuid", tripped.into_iter().map(|delivery| [delivery.into()]))
        .run(on)
        .await?;
    Ok(())
}
