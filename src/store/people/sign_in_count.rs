//! Sign-ins of accounts that nobody has: how many, by network and hour.
//!
//! Whoever guesses addresses could fill the audit log without end, and its entries are of somebody; these are numbers.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{rows, sql};

/// What is counted together.
const HOUR: Duration = Duration::from_hours(1);

/// Tries of one network in one hour that let nobody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSignIns {
    /// When the hour begins.
    pub hour: Timestamp,
    /// None where it is not known.
    pub network: Option<String>,
    /// Compared with nobody's password.
    pub failed: u64,
    /// Not even compared.
    pub refused: u64,
}

impl UnknownSignIns {
    /// The hour that a moment is in.
    #[must_use]
    pub fn hour_of(at: Timestamp) -> Timestamp {
        let hour = i64::try_from(HOUR.as_millis()).unwrap_or(i64::MAX);
        Timestamp(at.0 - at.0.rem_euclid(hour))
    }
}

impl Store {
    /// Adds to what was counted; each pair of hour and network stands in `counts` once.
    pub async fn count_unknown_sign_ins(&self, counts: &[UnknownSignIns]) -> Result<(), StoreError> {
        if counts.is_empty() {
            return Ok(());
        }
        sql("WITH {rows} INSERT INTO sign_in_count ({columns}) SELECT {columns} FROM rows WHERE TRUE
            ON CONFLICT (hour, network) DO UPDATE SET failed = sign_in_count.failed + excluded.failed,
                   refused = sign_in_count.refused + excluded.refused")
        .batch(rows!(counts, |count| {
            hour: bigint = count.hour,
            network: text = count.network.as_deref().unwrap_or_default(),
            failed: bigint = i64::try_from(count.failed).unwrap_or(i64::MAX),
            refused: bigint = i64::try_from(count.refused).unwrap_or(i64::MAX),
        }))
        .run(&mut self.write().await?)
        .await?;
        Ok(())
    }

    /// What was counted from `since` on: up to `limit` networks, those with the most tries first, each over all of its hours
    /// and with the newest of them.
    pub async fn unknown_sign_ins(&self, since: Timestamp, limit: u32) -> Result<Vec<UnknownSignIns>, StoreError> {
        sql("SELECT MAX(hour) AS hour, network, CAST(SUM(failed) AS BIGINT) AS failed,
                    CAST(SUM(refused) AS BIGINT) AS refused
            FROM sign_in_count WHERE hour >= $1
            GROUP BY network ORDER BY SUM(failed + refused) DESC, network LIMIT $2")
        .bind(since)
        .bind(limit)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| {
            let network: String = row.get("network")?;
            Ok(UnknownSignIns {
                hour: row.get("hour")?,
                network: Some(network).filter(|network| !network.is_empty()),
                failed: u64::try_from(row.get::<i64>("failed")?).unwrap_or_default(),
                refused: u64::try_from(row.get::<i64>("refused")?).unwrap_or_default(),
            })
        })
        .collect()
    }

    /// Deletes up to `limit` counts of hours that began before `before`.
    pub async fn purge_unknown_sign_ins(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        sql("DELETE FROM sign_in_count WHERE (hour, network) IN (
                SELECT hour, network FROM sign_in_count WHERE hour < $1 ORDER BY hour LIMIT $2)")
        .bind(before)
        .bind(limit)
        .run(&mut self.write().await?)
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_begins_on_the_hour() {
        let at = |text: &str| Timestamp::parse(text).expect("a moment");
        let hour = at("2026-11-23T09:00:00Z");
        for moment in ["2026-11-23T09:00:00Z", "2026-11-23T09:30:00Z", "2026-11-23T09:59:59.999Z"] {
            assert_eq!(UnknownSignIns::hour_of(at(moment)), hour, "{moment}");
        }
        assert_eq!(UnknownSignIns::hour_of(at("2026-11-23T10:00:00Z")), at("2026-11-23T10:00:00Z"));
    }
}
