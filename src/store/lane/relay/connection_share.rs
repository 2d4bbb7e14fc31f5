//! What each worker uses of a relay's connections.

use crate::model::ids::{RelayName, WorkerId};
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

/// The lane of one relay in one worker, as it shows itself to the lanes in other workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharingLane {
    pub worker: WorkerId,
    /// Connections that it may use, or still uses.
    pub connections: u32,
    /// It asks for a share.
    pub asks: bool,
    /// How often it has looked at the shares.
    pub looks: i64,
}

impl Store {
    /// Shows `decide` the relay's lanes in all workers, in the order in which the workers started, and writes what it
    /// makes of the lane of `worker`. Meanwhile no other worker decides. Says whether there was such a lane: there is none
    /// when the worker was declared dead.
    pub async fn share_connections(
        &self,
        relay: &RelayName,
        worker: WorkerId,
        decide: impl FnOnce(&[SharingLane], SharingLane) -> SharingLane + Send,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let lanes = sql("SELECT worker_id, connections, asks, looks FROM worker_relay WHERE relay = $1
            -- In one order, so that two workers never wait for each other in a ring.
            ORDER BY worker_id {postgres: FOR UPDATE}")
        .bind(relay)
        .all(&mut transaction)
        .await?
        .iter()
        .map(|row| {
            Ok(SharingLane {
                worker: row.get("worker_id")?,
                connections: row.get("connections")?,
                asks: row.get("asks")?,
                looks: row.get("looks")?,
            })
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
        let Some(own) = lanes.iter().find(|lane| lane.worker == worker) else { return Ok(false) };
        let own = decide(&lanes, *own);
        sql("UPDATE worker_relay SET connections = $3, asks = $4, looks = looks + 1
            WHERE relay = $1 AND worker_id = $2")
        .bind(relay)
        .bind(worker)
        .bind(own.connections)
        .bind(own.asks)
        .run(&mut transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }
}
