//! Due deliveries in the wrong lane: their tenant has another relay now, or no live worker is configured with theirs.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::model::ids::{DeliveryId, RelayName};
use crate::model::reason::ReasonCode;
use crate::model::state::Concluded;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::intake::new_dead_letter::{NewDeadLetter, insert_dead_letters};
use crate::store::lane::takeover::{Left, conclude_left};

impl Store {
    /// Moves up to `limit` due deliveries into the lane of the relay that their tenant has now; returns how many. They
    /// get a place in it within a second.
    pub async fn follow_tenants_relays(&self, limit: u32) -> Result<u32, StoreError> {
        let one = "SELECT lane_entry.delivery_id FROM lane_entry JOIN tenant ON tenant.id = lane_entry.tenant_id
            WHERE lane_entry.state = 'due' AND lane_entry.relay <> tenant.relay LIMIT 1";
        if sql(one).optional(&mut self.read().await?).await?.is_none() {
            return Ok(0);
        }
        let moved = sql("WITH picked AS MATERIALIZED (
                SELECT lane_entry.delivery_id, tenant.relay
                FROM lane_entry JOIN tenant ON tenant.id = lane_entry.tenant_id
                WHERE lane_entry.state = 'due' AND lane_entry.relay <> tenant.relay
                LIMIT $1 {postgres: FOR UPDATE OF lane_entry SKIP LOCKED})
            UPDATE lane_entry SET relay = picked.relay, fair_rank = NULL
            FROM picked WHERE lane_entry.delivery_id = picked.delivery_id AND lane_entry.state = 'due'")
        .bind(limit)
        .run(&mut self.write().await?)
        .await?;
        Ok(u32::try_from(moved).unwrap_or(u32::MAX))
    }

    /// Relays that due deliveries wait for and that no registered worker is configured with.
    pub async fn unknown_relays(&self) -> Result<BTreeSet<RelayName>, StoreError> {
        sql("SELECT DISTINCT relay FROM lane_entry
            WHERE state = 'due' AND relay NOT IN (SELECT relay FROM worker_relay)")
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| row.get("relay"))
        .collect()
    }

    /// Whether a registered worker is configured with this relay, or none is registered.
    pub async fn is_relay_known(&self, relay: &RelayName) -> Result<bool, StoreError> {
        let known = sql("SELECT 1 AS one WHERE EXISTS (SELECT 1 FROM worker_relay WHERE relay = $1)
            OR NOT EXISTS (SELECT 1 FROM worker)")
        .bind(relay)
        .optional(&mut self.read().await?)
        .await?;
        Ok(known.is_some())
    }

    /// Makes dead letters of up to `limit` due deliveries that wait for one of `relays`, unless a registered worker has
    /// come to know it; returns how many.
    pub async fn give_up_relays(&self, relays: &[RelayName], limit: u32) -> Result<u32, StoreError> {
        if relays.is_empty() {
            return Ok(0);
        }
        let now = self.now();
        let mut transaction = self.begin().await?;
        let rows = sql("WITH {rows},
            picked AS MATERIALIZED (
                SELECT delivery_id FROM lane_entry
                WHERE state = 'due' AND relay IN (SELECT relay FROM rows)
                  AND relay NOT IN (SELECT relay FROM worker_relay)
                LIMIT $1 {postgres: FOR UPDATE SKIP LOCKED})
            DELETE FROM lane_entry WHERE delivery_id IN (SELECT delivery_id FROM picked)
            RETURNING delivery_id, relay, attempts, claim, decision, portal_access, portal_method, decision_reason,
                      decision_inputs, message_sha256, message_date, held, first_failed_at")
        .bind(limit)
        .rows("relay text", relays.iter().map(|relay| [relay.into()]))
        .all(&mut transaction)
        .await?;
        let mut by_relay: BTreeMap<RelayName, Vec<Left>> = BTreeMap::new();
        for row in &rows {
            by_relay.entry(row.get("relay")?).or_default().push(Left::read(row)?);
        }
        for (relay, left) in &by_relay {
            let reason = no_such(relay);
            conclude_left(&mut transaction, left, Concluded::Dead, ReasonCode::UnknownRelay, &reason, now).await?;
        }
        let deliveries = rows.iter().map(|row| row.get("delivery_id")).collect::<Result<Vec<DeliveryId>, _>>()?;
        let relays: BTreeMap<DeliveryId, RelayName> = rows
            .iter()
            .map(|row| Ok((row.get("delivery_id")?, row.get("relay")?)))
            .collect::<Result<_, StoreError>>()?;
        let letters = sql("WITH {rows}
            SELECT delivery.id, delivery.event_key, event.source, event.event_id, delivery.tenant_id,
                   delivery.customer_id, delivery.invoice_number, delivery.attempts
            FROM rows JOIN delivery ON delivery.id = rows.id LEFT JOIN event ON event.key = delivery.event_key")
        .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .all(&mut transaction)
        .await?
        .iter()
        .map(|row| letter(row, &relays[&row.get("id")?], self.clock().new_id(), now))
        .collect::<Result<Vec<_>, StoreError>>()?;
        insert_dead_letters(&mut transaction, &letters).await?;
        transaction.commit().await?;
        Ok(u32::try_from(letters.len()).unwrap_or(u32::MAX))
    }
}

fn no_such(relay: &RelayName) -> String {
    format!("no relay is configured by the name of {relay}")
}

fn letter(row: &Row, relay: &RelayName, id: Uuid, now: Timestamp) -> Result<NewDeadLetter, StoreError> {
    Ok(NewDeadLetter {
        delivery: Some(row.get("id")?),
        event_key: Some(row.get("event_key")?),
        source: row.get("source")?,
        event_id: row.get("event_id")?,
        tenant: Some(row.get("tenant_id")?),
        customer: Some(row.get("customer_id")?),
        invoice_number: Some(row.get("invoice_number")?),
        attempts: row.get("attempts")?,
        ..NewDeadLetter::new(id, ReasonCode::UnknownRelay, &[relay.as_str()], no_such(relay), now)
    })
}
