//! The state of each relay, shared by all workers: its breaker, who probes it, and whether people paused it.
//!
//! What the breaker does next is decided elsewhere; a change is written only if the row still has the version that the
//! decision was based on. A pause by hand and the breaker's state are independent: neither write changes the other.

use crate::model::state::BreakerState;

use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{RelayName, WorkerId};
use crate::model::reply::Phase;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::people::audit::append::{NewAuditEntry, append};
use crate::store::{Store, Transaction};

/// The state of a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayState {
    pub relay: RelayName,
    /// Where its breaker stands.
    pub breaker: BreakerState,
    /// Why, for people.
    pub reason: Option<String>,
    /// Since when it is not closed.
    pub opened_at: Option<Timestamp>,
    /// Probes since then.
    pub probes: u32,
    /// When it is probed next; set exactly while it is open.
    pub probe_at: Option<Timestamp>,
    /// Who probes.
    pub probe_worker: Option<WorkerId>,
    /// Until when no other worker does.
    pub probe_until: Option<Timestamp>,
    /// How many deliveries a half-open breaker lets through at once.
    pub allowance: u32,
    /// The SMTP phase in which the relay refuses every sender, if the breaker is open for that: an acceptance closes
    /// it, and so does a reply in a later phase.
    pub refused_phase: Option<Phase>,
    pub refused_code: Option<String>,
    /// People paused it.
    pub paused: bool,
    pub paused_by: Option<String>,
    pub paused_at: Option<Timestamp>,
    /// Counts the changes; 0 is a relay that never changed.
    pub version: i64,
}

impl RelayState {
    /// A relay as it starts: closed, not paused.
    #[must_use]
    pub fn closed(relay: RelayName) -> Self {
        Self {
            relay,
            breaker: BreakerState::Closed,
            reason: None,
            opened_at: None,
            probes: 0,
            probe_at: None,
            probe_worker: None,
            probe_until: None,
            allowance: 0,
            refused_phase: None,
            refused_code: None,
            paused: false,
            paused_by: None,
            paused_at: None,
            version: 0,
        }
    }

    /// The same with its breaker closed; nothing is left of why it was open. People's pause, and the version that this
    /// rests on, stay.
    #[must_use]
    pub fn with_breaker_closed(self) -> Self {
        Self {
            breaker: BreakerState::Closed,
            reason: None,
            opened_at: None,
            probes: 0,
            probe_at: None,
            probe_worker: None,
            probe_until: None,
            allowance: 0,
            refused_phase: None,
            refused_code: None,
            ..self
        }
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            relay: row.get("relay")?,
            breaker: row.get("breaker")?,
            reason: row.get("reason")?,
            opened_at: row.get("opened_at")?,
            probes: row.get("probes")?,
            probe_at: row.get("probe_at")?,
            probe_worker: row.get("probe_worker")?,
            probe_until: row.get("probe_until")?,
            allowance: row.get("allowance")?,
            refused_phase: row.get("refused_phase")?,
            refused_code: row.get("refused_code")?,
            paused: row.get("paused")?,
            paused_by: row.get("paused_by")?,
            paused_at: row.get("paused_at")?,
            version: row.get("version")?,
        })
    }
}

impl Store {
    /// The states of all relays that ever changed.
    pub async fn relay_states(&self) -> Result<Vec<RelayState>, StoreError> {
        sql("SELECT * FROM relay_state ORDER BY relay")
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(RelayState::read)
            .collect()
    }

    pub async fn relay_state(&self, relay: &RelayName) -> Result<RelayState, StoreError> {
        let row =
            sql("SELECT * FROM relay_state WHERE relay = $1").bind(relay).optional(&mut self.read().await?).await?;
        row.map_or_else(|| Ok(RelayState::closed(relay.clone())), |row| RelayState::read(&row))
    }

    /// Writes the breaker's part of `state`, if the relay still stands at `state.version`; says whether it did.
    /// People's part is left alone.
    pub async fn change_breaker(&self, state: &RelayState) -> Result<bool, StoreError> {
        let changed = sql("INSERT INTO relay_state (relay, breaker, reason, opened_at, probes, probe_at, probe_worker,
                                     probe_until, allowance, refused_phase, refused_code, version)
            SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $11, $12, 1
            WHERE $10 = 0 OR EXISTS (SELECT 1 FROM relay_state WHERE relay = $1)
            ON CONFLICT (relay) DO UPDATE SET breaker = excluded.breaker, reason = excluded.reason,
                   opened_at = excluded.opened_at, probes = excluded.probes, probe_at = excluded.probe_at,
                   probe_worker = excluded.probe_worker, probe_until = excluded.probe_until,
                   allowance = excluded.allowance, refused_phase = excluded.refused_phase,
                   refused_code = excluded.refused_code, version = relay_state.version + 1
            WHERE relay_state.version = $10")
        .bind(&state.relay)
        .bind(state.breaker)
        .bind(&state.reason)
        .bind(state.opened_at)
        .bind(state.probes)
        .bind(state.probe_at)
        .bind(state.probe_worker)
        .bind(state.probe_until)
        .bind(state.allowance)
        .bind(state.version)
        .bind(state.refused_phase)
        .bind(&state.refused_code)
        .run(&mut self.write().await?)
        .await?;
        Ok(changed > 0)
    }

    /// Takes the probe of an open breaker whose probe is due, for `worker` alone, until `until`; a lease that ran out
    /// is free again. Says whether `worker` probes.
    pub async fn take_probe(&self, relay: &RelayName, worker: WorkerId, until: Timestamp) -> Result<bool, StoreError> {
        let taken = sql("UPDATE relay_state SET probe_worker = $2, probe_until = $3, version = version + 1
            WHERE relay = $1 AND breaker = 'open'
              AND probe_at <= $4 AND (probe_until IS NULL OR probe_until <= $4)")
        .bind(relay)
        .bind(worker)
        .bind(until)
        .bind(self.now())
        .run(&mut self.write().await?)
        .await?;
        Ok(taken > 0)
    }

    /// Pauses or resumes a relay by hand. Resuming makes what waits for its time due at once: an open breaker's probe,
    /// the next try of refused credentials, and a trial whose holder may be gone.
    pub async fn pause_relay(&self, relay: &RelayName, paused: bool, who: &Actor) -> Result<(), StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        sql("INSERT INTO relay_state (relay, paused, paused_by, paused_at, version) VALUES ($1, $2, $3, $4, 1)
            ON CONFLICT (relay) DO UPDATE SET paused = excluded.paused, paused_by = excluded.paused_by,
                   paused_at = excluded.paused_at, version = relay_state.version + 1,
                   probe_at = CASE WHEN relay_state.breaker = 'open' AND NOT excluded.paused THEN $5
                                   ELSE relay_state.probe_at END,
                   probe_worker = CASE WHEN excluded.paused THEN relay_state.probe_worker END,
                   probe_until = CASE WHEN excluded.paused THEN relay_state.probe_until END")
        .bind(relay)
        .bind(paused)
        .bind(paused.then(|| who.signature()).as_deref())
        .bind(paused.then_some(now))
        .bind(now)
        .run(&mut transaction)
        .await?;
        if !paused {
            sql("UPDATE refused_credentials SET try_at = $2, try_worker = NULL, try_until = NULL WHERE relay = $1")
                .bind(relay)
                .bind(now)
                .run(&mut transaction)
                .await?;
        }
        let action = if paused { AuditAction::RelayPaused } else { AuditAction::RelayResumed };
        append(&mut transaction, &NewAuditEntry::new(action, who).about(relay.as_str()), now).await?;
        transaction.commit().await
    }
}

/// Ends the leases for probes, trials and logins of `worker`, which ends or is dead, so that other workers need not
/// wait until they expire. A trial without a lease begins anew with one delivery.
pub(in crate::store) async fn give_probes_back(on: &mut Transaction, worker: WorkerId) -> Result<(), StoreError> {
    sql(
        "UPDATE relay_state SET probe_worker = NULL, probe_until = NULL, version = version + 1 WHERE probe_worker = $1",
    )
    .bind(worker)
    .run(on)
    .await?;
    sql("UPDATE refused_credentials SET try_worker = NULL, try_until = NULL WHERE try_worker = $1")
        .bind(worker)
        .run(on)
        .await?;
    Ok(())
}
