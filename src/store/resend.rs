//! A delivery that takes the place of another, in the transaction of an intake.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::Settled;
use super::dead_letter_acts::{move_deliveries, settle_letters};
use super::delivery_acts::take_due_out;
use super::error::StoreError;
use super::intake::IntakeTransaction;
use super::notes::insert_notes;
use super::state::{DeadLetterState, DeliveryState};
use super::statement::sql;
use super::takeover::settle_left;
use crate::class::Class;
use crate::ids::{CustomerId, DeadLetterId, DeliveryId, EventKey, TenantId};

/// The newest main delivery of an invoice.
#[derive(Debug, Clone)]
pub struct Newest {
    /// The delivery.
    pub id: DeliveryId,
    /// The event it was made of.
    pub event_key: EventKey,
    /// Whom it is for.
    pub customer: CustomerId,
    /// The billing system's identifier of the invoice.
    pub invoice_id: String,
    /// The number that people know.
    pub invoice_number: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// The event's bytes, unless they are forgotten.
    pub body: Option<Bytes>,
}

/// What a resend found of the deliveries whose place it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// None of them is sent any more.
    Settled,
    /// One is being sent at this moment: the transaction must not commit.
    Sending,
}

impl IntakeTransaction {
    /// The newest main delivery of the invoice with this number or identifier. One that was cancelled as a duplicate
    /// stands behind the one that it duplicates, and a superseded one behind what took its place.
    pub async fn newest_delivery(&mut self, tenant: &TenantId, invoice: &str) -> Result<Option<Newest>, StoreError> {
        let row = sql("SELECT delivery.id, delivery.event_key, delivery.customer_id, delivery.invoice_id,
                   delivery.invoice_number, COALESCE(delivery.settled, lane_entry.state, 'due') AS state, event.body
            FROM delivery LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id
                 LEFT JOIN event ON event.key = delivery.event_key
            WHERE delivery.role = 'main'
              AND delivery.id IN (SELECT id FROM delivery WHERE tenant_id = $1 AND invoice_number = $2
                                  UNION SELECT id FROM delivery WHERE tenant_id = $1 AND invoice_id = $2)
            ORDER BY (CASE WHEN delivery.class IN ('superseded', 'duplicate_invoice') THEN 1 ELSE 0 END), delivery.created_at DESC,
                     delivery.id DESC
            LIMIT 1")
        .bind(tenant)
        .bind(invoice)
        .optional(&mut self.transaction)
        .await?;
        row.map(|row| {
            Ok(Newest {
                id: row.get("id")?,
                event_key: row.get("event_key")?,
                customer: row.get("customer_id")?,
                invoice_id: row.get("invoice_id")?,
                invoice_number: row.get("invoice_number")?,
                state: row.get("state")?,
                body: row.get::<Option<Vec<u8>>>("body")?.map(Bytes::from),
            })
        })
        .transpose()
    }

    /// Settles what is left to send or unknown of a main delivery and its rests, because `by` takes its place.
    pub async fn supersede(
        &mut self,
        tenant: &TenantId,
        newest: &Newest,
        by: DeliveryId,
        who: &str,
    ) -> Result<Standing, StoreError> {
        let now = self.now;
        let reason = "a resend took its place";
        let mut family = self.family(tenant, newest).await?;
        loop {
            // The lane first, then the delivery: in this order everybody locks.
            let left = take_due_out(&mut self.transaction, &family).await?;
            if self.any_in_lane(&family).await? {
                return Ok(Standing::Sending);
            }
            settle_left(&mut self.transaction, &left, Settled::Cancelled, Class::Superseded, reason, now).await?;
            let cancelled: Vec<DeliveryId> = left.iter().map(|left| left.delivery).collect();
            self.note_superseded(&cancelled, by, who, reason).await?;
            // One that was being sent when it was looked for may have left a rest behind.
            let again = self.family(tenant, newest).await?;
            if again == family {
                break;
            }
            family = again;
        }
        // The letters before their deliveries: in this order everybody locks.
        let letters = self.open_letters_of(&family).await?;
        let note = format!("resent as {by}");
        settle_letters(&mut self.transaction, &letters, DeadLetterState::Redriven, who, Some(&note), now).await?;
        for (from, reason) in [(Settled::Dead, reason), (Settled::Uncertain, "unknown, resent")] {
            let (ends, why) = ((from, Settled::Cancelled), Some((Class::Superseded, reason)));
            let moved = move_deliveries(&mut self.transaction, &family, ends, why, now).await?;
            self.note_superseded(&moved, by, who, reason).await?;
        }
        Ok(Standing::Settled)
    }

    /// Revokes every portal link of an invoice; returns how many.
    pub async fn revoke_links(&mut self, tenant: &TenantId, invoice_id: &str) -> Result<u64, StoreError> {
        sql("UPDATE portal_link SET revoked_at = $3
            WHERE revoked_at IS NULL
              AND root_id IN (SELECT root_id FROM delivery WHERE tenant_id = $1 AND invoice_id = $2)")
        .bind(tenant)
        .bind(invoice_id)
        .bind(self.now)
        .run(&mut self.transaction)
        .await
    }

    /// Notes who did what to a delivery.
    pub async fn note(&mut self, delivery: DeliveryId, who: &str, what: &str) -> Result<(), StoreError> {
        insert_notes(&mut self.transaction, &[delivery], who, what, self.now).await
    }

    /// A main delivery and its rests.
    async fn family(&mut self, tenant: &TenantId, newest: &Newest) -> Result<Vec<DeliveryId>, StoreError> {
        let ids: BTreeSet<DeliveryId> = sql("SELECT id FROM delivery
            WHERE tenant_id = $1 AND invoice_number = $2 AND main_id = $3 AND role <> 'bcc'")
        .bind(tenant)
        .bind(&newest.invoice_number)
        .bind(newest.id)
        .all(&mut self.transaction)
        .await?
        .iter()
        .map(|row| row.get("id"))
        .collect::<Result<_, _>>()?;
        Ok(ids.into_iter().collect())
    }

    async fn any_in_lane(&mut self, deliveries: &[DeliveryId]) -> Result<bool, StoreError> {
        let row = sql("WITH {given} SELECT delivery_id FROM lane_entry
            WHERE delivery_id IN (SELECT id FROM given) LIMIT 1")
        .given("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .optional(&mut self.transaction)
        .await?;
        Ok(row.is_some())
    }

    async fn open_letters_of(&mut self, deliveries: &[DeliveryId]) -> Result<Vec<DeadLetterId>, StoreError> {
        sql("WITH {given} SELECT dead_letter.id FROM given
            JOIN dead_letter ON dead_letter.delivery_id = given.id AND dead_letter.state = 'open'")
        .given("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .all(&mut self.transaction)
        .await?
        .iter()
        .map(|row| row.get("id"))
        .collect()
    }

    async fn note_superseded(
        &mut self,
        deliveries: &[DeliveryId],
        by: DeliveryId,
        who: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        insert_notes(&mut self.transaction, deliveries, who, &format!("{reason}: {by}"), self.now).await
    }
}
