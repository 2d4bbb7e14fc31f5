//! What is deleted, and when.
//!
//! An event's bytes and what else a message was made of go first, deliveries with all that happened to them later.
//! The names of events stay, so that one that comes again after years is still known. Nothing is deleted that a
//! person still has to decide upon.

use std::collections::BTreeMap;
use std::time::Duration;

use super::concluded_count::count_concluded;
use crate::clock::Timestamp;
use crate::model::ids::DeliveryId;
use crate::model::state::Concluded;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::portal::event::delete_portal_events;
use crate::store::{Store, Transaction};

/// Days of 24 months, leap day included.
const TWO_YEARS: Duration = Duration::from_hours(731 * 24);

/// What a link shows is kept for so long after the last link has expired.
const AFTER_LINK: Duration = Duration::from_hours(30 * 24);

/// Sessions and verifications of the portal are kept for so long after their end.
const AFTER_SESSION: Duration = Duration::from_hours(24);

/// What is known of text messages is kept for so long.
const TEXT_MESSAGES: Duration = Duration::from_hours(30 * 24);

/// What visitors are limited by is kept for so long: longer than any window that is counted.
const COUNTERS: Duration = Duration::from_hours(48);

/// Batches of what visitors leave behind that one round deletes at most: a flood is gone after a few rounds, and none
/// of them lasts without end.
const VISITOR_BATCHES_MAX: u32 = 20;

/// A snapshot may be made with templates that were noted as in use so long before.
const TOLD_WITHIN: Duration = Duration::from_hours(24);

/// How long what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionTimes {
    /// Events' bytes, templates and profiles, from the final state; and at least 30 days from the end of the last link.
    pub bodies: Duration,
    /// Deliveries, attempts, notes, links, what happened in the portal and dead letters, from the final state.
    pub deliveries: Duration,
    /// The networks of visitors of the portal, and of whoever made a change.
    pub addresses: Duration,
    /// Entries of the audit log.
    pub audit: Duration,
}

impl Default for RetentionTimes {
    fn default() -> Self {
        let days = |days: u64| Duration::from_hours(days * 24);
        Self { bodies: days(90), deliveries: TWO_YEARS, addresses: days(7), audit: TWO_YEARS }
    }
}

/// How much was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Bytes of events, as events and as dead letters.
    pub bodies: u64,
    /// Profiles and templates.
    pub snapshots: u64,
    pub deliveries: u64,
    pub dead_letters: u64,
    /// Sessions, counters and networks of visitors of the portal, and what people who sign in and programs leave behind.
    pub visitors: u64,
    /// Entries of the audit log, and networks of others.
    pub audit: u64,
}

impl Forgotten {
    /// How much that is.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.bodies + self.snapshots + self.deliveries + self.dead_letters + self.visitors + self.audit
    }
}

impl Store {
    /// Forgets up to `limit` rows of each kind whose time is over; what is left is for the next round. Any number of
    /// processes may do so. Before each round, and at least once a day, processes that make snapshots announce their
    /// templates ([`Store::save_template_version`]).
    pub async fn forget(&self, times: &RetentionTimes, limit: u32) -> Result<Forgotten, StoreError> {
        let now = self.now();
        let records = self.forget_records(now, times, limit).await;
        // Also after a failure: their time is short, and nothing of them depends on the rest.
        let visitors = self.forget_visitors(now, times.addresses, limit).await;
        let audit = self.forget_acts(now, times, limit).await;
        Ok(Forgotten { visitors: visitors?, audit: audit?, ..records? })
    }

    /// All but visitors.
    async fn forget_records(
        &self,
        now: Timestamp,
        times: &RetentionTimes,
        limit: u32,
    ) -> Result<Forgotten, StoreError> {
        let bodies_before = now.minus(times.bodies);
        let deliveries_before = now.minus(times.deliveries);
        Ok(Forgotten {
            bodies: self.forget_event_bodies(bodies_before, limit).await?
                + self.forget_letter_bodies(bodies_before, limit).await?,
            snapshots: self.forget_snapshots(bodies_before).await?,
            deliveries: self.forget_deliveries(deliveries_before, limit).await?,
            dead_letters: self.forget_dead_letters(deliveries_before, limit).await?,
            visitors: 0,
            audit: 0,
        })
    }

    /// What people did, and from where.
    async fn forget_acts(&self, now: Timestamp, times: &RetentionTimes, limit: u32) -> Result<u64, StoreError> {
        let entries = self.prune_audit(now.minus(times.audit), limit).await?;
        Ok(entries + self.purge_audit_networks(now.minus(times.addresses), limit).await?)
    }

    /// Who visited the portal; what happened there goes with its delivery.
    async fn forget_visitors(&self, now: Timestamp, addresses: Duration, limit: u32) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        for _ in 0..VISITOR_BATCHES_MAX {
            let batches = self.forget_some_visitors(now, addresses, limit).await?;
            forgotten += batches.iter().sum::<u64>();
            if batches.iter().all(|batch| *batch < u64::from(limit)) {
                break;
            }
        }
        Ok(forgotten)
    }

    /// A batch of each kind; returns how many each had.
    async fn forget_some_visitors(
        &self,
        now: Timestamp,
        addresses: Duration,
        limit: u32,
    ) -> Result<[u64; 15], StoreError> {
        let (networks_before, counters_before) = (now.minus(addresses), now.minus(COUNTERS.min(addresses)));
        Ok([
            self.purge_portal_sessions(now.minus(AFTER_SESSION), limit).await?,
            self.purge_portal_session_networks(networks_before, limit).await?,
            self.purge_portal_event_networks(networks_before, limit).await?,
            self.purge_fresh_link_requests(counters_before, limit).await?,
            // They are a few rows at most.
            self.purge_undeclared_proxies(networks_before).await?,
            self.purge_portal_verifications(now.minus(AFTER_SESSION), limit).await?,
            self.purge_portal_failures(limit).await?,
            self.purge_sms_networks(networks_before, limit).await?,
            self.purge_sms_log(now.minus(TEXT_MESSAGES), limit).await?,
            // A session holds its network, and says for so long from where its owner signs in.
            self.purge_operator_sessions(networks_before, limit).await?,
            self.purge_sign_in_failures(counters_before, limit).await?,
            self.purge_unknown_sign_ins(networks_before, limit).await?,
            self.purge_operator_invitations(limit).await?,
            self.purge_unfinished_totp(now.minus(AFTER_SESSION), limit).await?,
            self.purge_idempotency_keys(limit).await?,
        ])
    }

    async fn forget_event_bodies(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        // A delivery is found by its invoice, for no index leads from an event to all of its deliveries.
        sql("UPDATE event SET body = NULL WHERE key IN (
                SELECT event.key FROM event
                WHERE event.received_at < $1 AND event.body IS NOT NULL AND event.state <> 'waiting'
                  AND NOT EXISTS (SELECT 1 FROM delivery
                      WHERE delivery.tenant_id = event.tenant_id AND delivery.invoice_number = event.invoice_number
                        AND delivery.event_key = event.key
                        AND (delivery.concluded IS NULL OR delivery.concluded IN ('dead', 'uncertain')
                             OR delivery.concluded_at >= $1
                             -- The portal shows a visitor what the event says.
                             OR EXISTS (SELECT 1 FROM portal_link
                                 WHERE portal_link.root_id = delivery.root_id AND portal_link.expires_at >= $3)))
                  AND NOT EXISTS (SELECT 1 FROM dead_letter
                      WHERE dead_letter.tenant_id = event.tenant_id
                        AND dead_letter.invoice_number = event.invoice_number AND dead_letter.event_key = event.key
                        AND (dead_letter.state = 'open' OR dead_letter.concluded_at >= $1))
                ORDER BY event.received_at LIMIT $2)")
        .bind(before)
        .bind(limit)
        .bind(self.now().minus(AFTER_LINK))
        .run(&mut self.write().await?)
        .await
    }

    /// A dead letter must keep its event or some bytes: none are as good as forgotten.
    async fn forget_letter_bodies(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        sql("UPDATE dead_letter SET body = $3 WHERE id IN (
                SELECT id FROM dead_letter
                WHERE concluded_at IS NOT NULL AND concluded_at < $1 AND octet_length(body) > 0
                ORDER BY concluded_at LIMIT $2)")
        .bind(before)
        .bind(limit)
        .bind(&[][..])
        .run(&mut self.write().await?)
        .await
    }

    /// Profiles and templates that no event that is still known can have been made with: every snapshot is taken when
    /// its event has come, with what holds then.
    async fn forget_snapshots(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut connection = self.write().await?;
        let oldest: Option<Timestamp> = sql("SELECT MIN(received_at) AS oldest FROM event WHERE body IS NOT NULL")
            .one(&mut connection)
            .await?
            .get("oldest")?;
        let before = oldest.map_or(before, |oldest| oldest.min(before)).minus(TOLD_WITHIN);
        let profiles = sql("DELETE FROM tenant_profile WHERE superseded_at < $1").bind(before).run(&mut connection);
        let profiles = profiles.await?;
        let templates =
            sql("DELETE FROM template_version WHERE seen_at < $1").bind(before).run(&mut connection).await?;
        Ok(profiles + templates)
    }

    async fn forget_deliveries(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let rows = sql("SELECT delivery.id, delivery.concluded FROM delivery
            WHERE delivery.created_at < $1 AND delivery.concluded_at < $1
              AND NOT EXISTS (SELECT 1 FROM delivery AS other
                  WHERE other.tenant_id = delivery.tenant_id AND other.invoice_number = delivery.invoice_number
                    AND (other.concluded IS NULL OR other.concluded IN ('dead', 'uncertain') OR other.concluded_at >= $1))
            ORDER BY delivery.created_at LIMIT $2 {postgres: FOR UPDATE OF delivery SKIP LOCKED}")
        .bind(before)
        .bind(limit)
        .all(&mut transaction)
        .await?;
        let mut ids: Vec<DeliveryId> = Vec::with_capacity(rows.len());
        let mut counts: BTreeMap<Concluded, i64> = BTreeMap::new();
        for row in &rows {
            ids.push(row.get("id")?);
            *counts.entry(row.get("concluded")?).or_default() -= 1;
        }
        delete_deliveries(&mut transaction, &ids).await?;
        if let Some(any) = ids.first() {
            count_concluded(&mut transaction, *any, &counts).await?;
        }
        transaction.commit().await?;
        Ok(ids.len() as u64)
    }

    /// Those that the broker's queue still holds are left until they are out of it.
    async fn forget_dead_letters(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        sql("DELETE FROM dead_letter WHERE id IN (
                SELECT id FROM dead_letter
                WHERE concluded_at IS NOT NULL AND concluded_at < $1 AND mirror <> 'published'
                ORDER BY concluded_at LIMIT $2)")
        .bind(before)
        .bind(limit)
        .run(&mut self.write().await?)
        .await
    }
}

/// Deletes deliveries with what hangs on them.
async fn delete_deliveries(on: &mut Transaction, deliveries: &[DeliveryId]) -> Result<(), StoreError> {
    delete_portal_events(on, deliveries).await?;
    for text in [
        "WITH {rows} DELETE FROM attempt WHERE delivery_id IN (SELECT id FROM rows)",
        "WITH {rows} DELETE FROM delivery_note WHERE delivery_id IN (SELECT id FROM rows)",
        "WITH {rows} DELETE FROM outcome WHERE delivery_id IN (SELECT id FROM rows)",
        "WITH {rows} DELETE FROM delivery_recipient WHERE delivery_id IN (SELECT id FROM rows)",
        "WITH {rows} DELETE FROM portal_link WHERE root_id IN (SELECT id FROM rows)",
        "WITH {rows} DELETE FROM delivery WHERE id IN (SELECT id FROM rows)",
    ] {
        delete(on, text, deliveries).await?;
    }
    Ok(())
}

async fn delete(
    on: &mut impl StatementExecutor,
    text: &'static str,
    deliveries: &[DeliveryId],
) -> Result<(), StoreError> {
    sql(text).rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()])).run(on).await?;
    Ok(())
}
