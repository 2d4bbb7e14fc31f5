//! Holding deliveries by hand: before the first start after a database was restored, say, when nobody knows which of
//! them went out after the copy was made.

use super::Store;
use super::error::StoreError;
use super::statement::sql;
use crate::clock::Timestamp;
use crate::ids::TenantId;

/// Why a delivery is held that a person holds.
pub(super) const BY_HAND: &str = "by hand";
/// Rows in one transaction.
const BATCH_MAX: u32 = 5_000;

impl Store {
    /// Holds every delivery that waits, of one tenant or of all; returns how many.
    ///
    /// How long one has waited makes no difference: a backlog from before the backup may have gone out right after it.
    /// `since` is when the backup was made, for whoever compares with the relay's log; it is noted at each. One that a
    /// worker has is held when it comes back, by a release, a takeover or an answer that has it sent again, DATA or not:
    /// so what a dead worker left in a restored database is not sent when it is taken over. What is left of one that
    /// some recipients deferred is held with it.
    pub async fn hold(&self, since: Timestamp, tenant: Option<&TenantId>, who: &str) -> Result<u64, StoreError> {
        let what = format!("held: what was sent since {since} may be missing here");
        let mut held = 0;
        loop {
            let now = self.now();
            let mut transaction = self.begin().await?;
            let rows = sql("UPDATE lane_entry SET held = $1, fair_rank = NULL
                WHERE delivery_id IN (
                    SELECT delivery_id FROM lane_entry
                    WHERE (held IS NULL OR held <> $1) AND ($2 IS NULL OR tenant_id = $2)
                    LIMIT $3)
                RETURNING delivery_id")
            .bind(BY_HAND)
            .bind(tenant)
            .bind(BATCH_MAX)
            .all(&mut transaction)
            .await?;
            let deliveries = rows.iter().map(|row| row.get("delivery_id")).collect::<Result<Vec<_>, _>>()?;
            super::notes::insert_notes(&mut transaction, &deliveries, who, &what, now).await?;
            transaction.commit().await?;
            held += deliveries.len() as u64;
            if deliveries.is_empty() {
                return Ok(held);
            }
        }
    }

    /// Lets go what people hold, of one tenant or of all; returns how many. Each takes its place in its lane anew.
    pub async fn let_go(&self, tenant: Option<&TenantId>, who: &str) -> Result<u64, StoreError> {
        let mut freed = 0;
        loop {
            let now = self.now();
            let mut transaction = self.begin().await?;
            let rows = sql("UPDATE lane_entry SET held = NULL
                WHERE delivery_id IN (SELECT delivery_id FROM lane_entry
                                      WHERE held = $1 AND ($2 IS NULL OR tenant_id = $2) LIMIT $3)
                RETURNING delivery_id")
            .bind(BY_HAND)
            .bind(tenant)
            .bind(BATCH_MAX)
            .all(&mut transaction)
            .await?;
            let deliveries = rows.iter().map(|row| row.get("delivery_id")).collect::<Result<Vec<_>, _>>()?;
            super::notes::insert_notes(&mut transaction, &deliveries, who, "let go", now).await?;
            transaction.commit().await?;
            freed += deliveries.len() as u64;
            if deliveries.is_empty() {
                return Ok(freed);
            }
        }
    }
}
