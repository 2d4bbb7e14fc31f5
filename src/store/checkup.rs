//! What `doctor` asks of the database, and what operators see of the lanes.

use std::collections::BTreeMap;

use super::Store;
use super::error::StoreError;
use super::statement::{Runs, sql};
use crate::clock::Timestamp;
use crate::ids::RelayName;

/// Whether every delivery is in exactly one state, and what was counted is true. All numbers are 0 if so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Ledger {
    /// Deliveries that were looked at.
    pub deliveries: i64,
    /// Neither settled nor in a lane: nobody would ever send them.
    pub in_no_state: i64,
    /// Settled and in a lane: they could be sent twice.
    pub in_two_states: i64,
    /// Places in a lane of deliveries that are not there.
    pub without_delivery: i64,
    /// Dead deliveries without an open dead letter: nobody would see them.
    pub dead_unseen: i64,
    /// Open dead letters whose delivery is not dead.
    pub seen_undead: i64,
    /// States whose kept count is not the true one.
    pub miscounted: i64,
}

impl Ledger {
    /// Whether nothing is lost and nothing stands twice.
    #[must_use]
    pub const fn balances(&self) -> bool {
        let Self { in_no_state, in_two_states, without_delivery, dead_unseen, seen_undead, miscounted, .. } = *self;
        in_no_state + in_two_states + without_delivery + dead_unseen + seen_undead + miscounted == 0
    }
}

/// What waits in a lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneCounts {
    /// Could be sent now.
    pub due: i64,
    /// To be sent later.
    pub later: i64,
    /// Not sent although their time has come: held by hand, or their sender is.
    pub held: i64,
    /// In a worker's hands.
    pub sending: i64,
    /// Since when the longest waiting one could be sent.
    pub due_oldest: Option<Timestamp>,
}

/// What is made with one secret key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyUse {
    /// Deliveries still to be sent whose link is made with it.
    pub deliveries: i64,
    /// Links in customers' hands that still open the portal.
    pub links: i64,
}

impl Store {
    /// Goes through all deliveries; takes a while on a large database.
    pub async fn ledger(&self) -> Result<Ledger, StoreError> {
        let on = &mut self.read().await?;
        Ok(Ledger {
            deliveries: number(on, "SELECT COUNT(*) AS number FROM delivery").await?,
            in_no_state: number(
                on,
                "SELECT COUNT(*) AS number FROM delivery WHERE settled IS NULL
                AND NOT EXISTS (SELECT 1 FROM lane_entry WHERE lane_entry.delivery_id = delivery.id)",
            )
            .await?,
            in_two_states: number(
                on,
                "SELECT COUNT(*) AS number FROM lane_entry
                JOIN delivery ON delivery.id = lane_entry.delivery_id WHERE delivery.settled IS NOT NULL",
            )
            .await?,
            without_delivery: number(
                on,
                "SELECT COUNT(*) AS number FROM lane_entry
                WHERE NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.id = lane_entry.delivery_id)",
            )
            .await?,
            dead_unseen: number(
                on,
                "SELECT COUNT(*) AS number FROM delivery WHERE settled = 'dead'
                AND NOT EXISTS (SELECT 1 FROM dead_letter
                                WHERE dead_letter.delivery_id = delivery.id AND dead_letter.state = 'open')",
            )
            .await?,
            seen_undead: number(
                on,
                "SELECT COUNT(*) AS number FROM dead_letter
                JOIN delivery ON delivery.id = dead_letter.delivery_id
                WHERE dead_letter.state = 'open' AND delivery.settled IS DISTINCT FROM 'dead'",
            )
            .await?,
            miscounted: number(
                on,
                "SELECT COUNT(*) AS number FROM (
                SELECT settled, SUM(number) AS difference FROM (
                    SELECT settled, SUM(count) AS number FROM settled_count GROUP BY settled
                    UNION ALL
                    SELECT settled, -COUNT(*) FROM delivery WHERE settled IS NOT NULL GROUP BY settled) AS counts
                GROUP BY settled HAVING SUM(number) <> 0) AS wrong",
            )
            .await?,
        })
    }

    /// What waits in each lane.
    pub async fn lane_counts(&self) -> Result<BTreeMap<RelayName, LaneCounts>, StoreError> {
        sql("SELECT relay,
                COUNT(CASE WHEN state = 'due' AND held IS NULL AND due_at <= $1 THEN 1 END) AS due,
                COUNT(CASE WHEN state = 'due' AND held IS NULL AND due_at > $1 THEN 1 END) AS later,
                COUNT(CASE WHEN state = 'due' AND held IS NOT NULL THEN 1 END) AS held,
                COUNT(CASE WHEN state = 'sending' THEN 1 END) AS sending,
                MIN(CASE WHEN state = 'due' AND held IS NULL AND due_at <= $1 THEN due_at END) AS due_oldest
            FROM lane_entry GROUP BY relay")
        .bind(self.now())
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| {
            let counts = LaneCounts {
                due: row.get("due")?,
                later: row.get("later")?,
                held: row.get("held")?,
                sending: row.get("sending")?,
                due_oldest: row.get("due_oldest")?,
            };
            Ok((row.get("relay")?, counts))
        })
        .collect()
    }

    /// What is made with each secret key, by the key's fingerprint.
    pub async fn keys_in_use(&self) -> Result<BTreeMap<String, KeyUse>, StoreError> {
        let mut uses: BTreeMap<String, KeyUse> = BTreeMap::new();
        let on = &mut self.read().await?;
        let deliveries = sql("SELECT delivery.link_key AS name, COUNT(*) AS number
            FROM lane_entry JOIN delivery ON delivery.id = lane_entry.delivery_id GROUP BY delivery.link_key")
        .all(on)
        .await?;
        for row in &deliveries {
            uses.entry(row.get("name")?).or_default().deliveries = row.get("number")?;
        }
        let links = sql("SELECT key_fingerprint AS name, COUNT(*) AS number FROM portal_link
            WHERE revoked_at IS NULL AND expires_at > $1 GROUP BY key_fingerprint")
        .bind(self.now())
        .all(on)
        .await?;
        for row in &links {
            uses.entry(row.get("name")?).or_default().links = row.get("number")?;
        }
        Ok(uses)
    }
}

async fn number(on: &mut impl Runs, text: &'static str) -> Result<i64, StoreError> {
    sql(text).one(on).await?.get("number")
}
