//! What each worker uses of a relay's connections.

use crate::model::ids::{RelayName, WorkerId};
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::db::value::Row;
use crate::store::portal::lockout::wait_for;

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

impl SharingLane {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            worker: row.get("worker_id")?,
            connections: row.get("connections")?,
            asks: row.get("asks")?,
            looks: row.get("looks")?,
        })
    }
}

impl Store {
    /// Shows what the lane of `own.worker` uses, and counts its look; returns the relay's lanes in
    /// the other workers, and whether there is such a lane: there is none when the worker was declared dead.
    pub async fn show_connections(
        &self,
        relay: &RelayName,
        own: SharingLane,
    ) -> Result<(Vec<SharingLane>, bool), StoreError> {
        let mut connection = self.write().await?;
        let shown = sql("UPDATE worker_relay SET connections = $3, asks = $4, looks = looks + 1
            WHERE relay = $1 AND worker_id = $2")
        .bind(relay)
        .bind(own.worker)
        .bind(own.connections)
        .bind(own.asks)
        .run(&mut connection)
        .await?;
        Ok((other_lanes(&mut connection, relay, own.worker).await?, shown > 0))
    }

    /// Shows that the lane of `worker` uses as many connections as `decide` makes of the relay's lanes in the other
    /// workers. Meanwhile no other lane of the relay takes any. Says whether there is such a lane.
    pub async fn take_connections(
        &self,
        relay: &RelayName,
        worker: WorkerId,
        decide: impl FnOnce(&[SharingLane]) -> u32 + Send,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        // What a worker that stands still meanwhile holds up, the server ends soon.
        sql("SELECT 1 AS one {postgres:, set_config('idle_in_transaction_session_timeout', '3s', TRUE) AS timeout}")
            .one(&mut transaction)
            .await?;
        let digest = Sha256::of(relay.as_str().as_bytes());
        wait_for(&mut transaction, i64::from_be_bytes(digest.0[..8].try_into().expect("a digest has 32 bytes")))
            .await?;
        // By a statement of its own: what the first one sees is older than the lock that it had to wait for.
        let others = other_lanes(&mut transaction, relay, worker).await?;
        let taken = sql("UPDATE worker_relay SET connections = $3, looks = looks + 1
            WHERE relay = $1 AND worker_id = $2")
        .bind(relay)
        .bind(worker)
        .bind(decide(&others))
        .run(&mut transaction)
        .await?;
        transaction.commit().await?;
        Ok(taken > 0)
    }
}

async fn other_lanes(
    on: &mut impl StatementExecutor,
    relay: &RelayName,
    worker: WorkerId,
) -> Result<Vec<SharingLane>, StoreError> {
    sql("SELECT worker_id, connections, asks, looks FROM worker_relay WHERE relay = $1 AND worker_id <> $2
        ORDER BY worker_id")
    .bind(relay)
    .bind(worker)
    .all(on)
    .await?
    .iter()
    .map(SharingLane::read)
    .collect()
}
