//! What `doctor` asks of the database, and what operators see of the lanes.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::model::ids::{RelayName, TenantId};
use crate::model::tenant::TenantProfile;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

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
    /// Authenticator apps of operators whose secret is encrypted by it.
    pub apps: i64,
}

impl Store {
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

    /// Every tenant with its relay and what its mails show, in order.
    pub async fn tenants_of_relays(&self) -> Result<Vec<(TenantId, RelayName, TenantProfile)>, StoreError> {
        sql("SELECT tenant.id, tenant.relay, tenant_profile.body
            FROM tenant JOIN tenant_profile ON tenant_profile.tenant_id = tenant.id
                                           AND tenant_profile.version = tenant.profile_version
            ORDER BY tenant.id")
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| Ok((row.get("id")?, row.get("relay")?, row.json("body")?)))
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
        let apps = sql("SELECT key_fingerprint AS name, COUNT(*) AS number FROM operator_totp
            WHERE is_confirmed GROUP BY key_fingerprint")
        .all(on)
        .await?;
        for row in &apps {
            uses.entry(row.get("name")?).or_default().apps = row.get("number")?;
        }
        Ok(uses)
    }
}
