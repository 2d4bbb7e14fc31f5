//! Live workers, and their heartbeats.
//!
//! A heartbeat is a counter, not a time: an observer calls a worker dead when its counter stands still for long
//! enough by the observer's own clock, so no wrong clock kills a worker.

use crate::model::ids::{RelayName, WorkerId};
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

/// A worker as its heartbeat shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerHeartbeat {
    pub worker: WorkerId,
    /// How often it has beaten.
    pub beats: i64,
}

impl Store {
    /// Registers a worker and the relays that it is configured with; it must be before it claims anything.
    pub async fn register_worker(&self, worker: WorkerId, host: &str, relays: &[RelayName]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sql("INSERT INTO worker (id, host, started_at, beats, lease_holder) VALUES ($1, $2, $3, 0, $4)
            ON CONFLICT (id) DO NOTHING")
        .bind(worker)
        .bind(host)
        .bind(self.now())
        .bind(self.holder())
        .run(&mut transaction)
        .await?;
        sql("WITH {rows} INSERT INTO worker_relay (worker_id, relay) SELECT $1, relay FROM rows WHERE TRUE
            ON CONFLICT (worker_id, relay) DO NOTHING")
        .bind(worker)
        .rows("relay text", relays.iter().map(|relay| [relay.into()]))
        .run(&mut transaction)
        .await?;
        transaction.commit().await
    }

    /// Beats, and returns every worker's heartbeat; `None` if this worker was declared dead: it must start anew
    /// under another id.
    pub async fn beat(&self, worker: WorkerId) -> Result<Option<Vec<WorkerHeartbeat>>, StoreError> {
        let mut connection = self.write().await?;
        let alive =
            sql("UPDATE worker SET beats = beats + 1 WHERE id = $1").bind(worker).run(&mut connection).await? > 0;
        if !alive {
            return Ok(None);
        }
        sql("SELECT id, beats FROM worker ORDER BY id")
            .all(&mut connection)
            .await?
            .iter()
            .map(|row| Ok(WorkerHeartbeat { worker: row.get("id")?, beats: row.get("beats")? }))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Every registered worker's heartbeat.
    pub async fn workers(&self) -> Result<Vec<WorkerHeartbeat>, StoreError> {
        sql("SELECT id, beats FROM worker ORDER BY id")
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(|row| Ok(WorkerHeartbeat { worker: row.get("id")?, beats: row.get("beats")? }))
            .collect()
    }

    /// Forgets a worker, and leaves what it holds to the others, who take it over as an unregistered worker's.
    pub async fn remove_worker(&self, worker: WorkerId) -> Result<(), StoreError> {
        sql("DELETE FROM worker WHERE id = $1").bind(worker).run(&mut self.write().await?).await?;
        Ok(())
    }
}
